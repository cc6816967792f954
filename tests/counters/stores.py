"""Where counters are kept, for tests that hold for every place."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.counters.file import CountersFile
from pipeline.counters.ports import Counters
from pipeline.counters.table import MERGED_AFTER, CountersTable
from tests.counters.account import TABLE, Account

KINDS = ("file", "table")


@dataclass
class Store:
    """One place. `open` opens it anew, as a process does that starts; `tend` as a schedule would.

    account  in which it is; empty for a file
    """

    open: Callable[[], Counters]
    tend: Callable[[int], object] = lambda minute: None
    account: Account = field(default_factory=Account)


def store_of(kind: str, folder: Path) -> Store:
    """A new one."""
    if kind == "file":
        return Store(lambda: CountersFile(folder))
    account = Account()

    def opened() -> CountersTable:
        return CountersTable(account.client, TABLE)

    return Store(opened, lambda minute: opened().merge(minute - MERGED_AFTER), account)
