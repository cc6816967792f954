"""An erasure that ends at any call loses no row of others, and run again it converges."""

from collections.abc import Callable
from contextlib import suppress

import pytest

from pipeline.erase.receipt import DONE, Receipt
from pipeline.erase.stack.gone import Erased
from pipeline.erase.stack.steps import erased_key, receipt_key
from pipeline.errors import TailraceError
from tests.curate.account import NOW
from tests.curate.machine import Crash, compact
from tests.erase.account import Versioned
from tests.erase.machine import DAY, erase, retries
from tests.erase.test_stack import ALL, HER, SUBJECT, filled, others, receipt

HOLDS = "203.0.113.9:"
TRIES = 1 + retries("work", "TailraceError")
# What breaks at a call that only reads leaves what was there at the next one that writes.
READS = ("GetObject", "GetPartition", "ListObjectVersions", "ListObjectsV2")


def prepared() -> Versioned:
    """A stage where one compaction is done."""
    made = filled()
    compact(made, made.curator())
    return made


def watched(account: Versioned, look: Callable[[str], None]) -> int:
    """Run an erasure that is looked at before every call; how many calls write."""
    count = 0

    def note(name: str) -> None:
        nonlocal count
        count += name not in READS
        account.before = lambda name: None
        look(name)
        account.before = note

    erasure = account.ask_for(SUBJECT)
    account.before = note
    assert erase(account, erasure) == {"failed": ""}
    account.before = lambda name: None
    return count


@pytest.mark.fault("F22")
def test_at_every_call_the_rows_of_others_are_shown_once() -> None:
    account = prepared()
    before, first = account.ask(ALL), others(account)

    def look(name: str) -> None:
        now = account.ask(ALL)
        assert [row for row in now if row[3] != HER] == first
        assert set(now) <= set(before)
        assert len(set(now)) == len(now)

    assert watched(account, look) > 50
    assert account.ask(ALL) == first


@pytest.mark.slow
@pytest.mark.fault("F22")
@pytest.mark.parametrize("part", range(4))
def test_what_breaks_loses_nothing_and_run_again_it_converges(part: int) -> None:
    whole = prepared()
    calls = watched(whole, lambda name: None)
    counts = whole.eraser().bucket.read(erased_key(_id(whole)), list[Erased])
    for number in range(1 + part, calls + 1, 4):
        # The function's end; a failure that passes; one that outlasts what Step Functions tries.
        error, times = ((Crash, 1), (TailraceError, 1), (TailraceError, TRIES))[number // 4 % 3]
        _broken(number, error, times, counts)


def _broken(number: int, error: type[BaseException], times: int, counts: object) -> None:
    account = prepared()
    first = others(account)
    erasure = account.ask_for(SUBJECT)
    left = number

    def fail(name: str) -> None:
        nonlocal left
        left -= name not in READS
        if -times < left <= 0 and name not in READS:
            raise error("here")

    account.before = fail
    with suppress(error):
        erase(account, erasure)
    account.before = lambda name: None
    assert left <= 0
    assert others(account) == first
    found = account.eraser().bucket.read(receipt_key(erasure), Receipt)
    if found is not None and found.state == DONE:
        # What is left are notes, which say nothing of anybody and expire.
        assert not _holding(account)
        return
    account.now = NOW
    if number % 3 == 0:
        # Compaction comes between: what it folds is not what has gone.
        compact(account, account.curator(), "between")
        assert others(account) == first
    assert account.ask_for(SUBJECT) == erasure
    assert erase(account, erasure, "again") == {"failed": ""}
    _over(account, erasure, first, counts)


def _over(account: Versioned, erasure: str, first: list[object], counts: object) -> None:
    assert account.ask(ALL) == first
    assert not _holding(account)
    assert receipt(account, erasure).row_count == 3
    assert account.eraser().bucket.read(erased_key(erasure), list[Erased]) == counts
    assert account.eraser().bucket.keys("erasing/") == []
    for name in ("that folds the rest", "that deletes what was replaced"):
        account.now += 2 * DAY
        compact(account, account.curator(), name)
    assert account.ask(ALL) == first
    assert account.holders(HOLDS) == []
    shown = {each["StorageDescriptor"]["Location"] for each in account.partitions.values()}
    lies = {key.partition("hours=")[0] for key in account.objects if "/curated/" in key}
    assert {f"s3://lake/{folder}" for folder in lies} == shown


def _holding(account: Versioned) -> list[str]:
    """Objects that hold the subject, or say whom it is about."""
    return account.holders(HOLDS) + account.holders('"203.0.113.9"')


def _id(account: Versioned) -> str:
    (key,) = [key for key in account.objects if key.endswith(".erased.json")]
    return key.removeprefix("erasures/").removesuffix(".erased.json")
