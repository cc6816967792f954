"""What was erased from a stack, as its audit has to know it.

An erasure tells by hour of arrival how many rows went (pipeline/erase/stack/gone.py): so many fewer
are looked for. It says nothing of single rows, for it must not keep what somebody did: where events
were erased that the table `batch` does not know, as many others of their hour are not missed, and
one that a replay has brought back and that was erased again counts twice.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipeline.deployed.asking import whole
from pipeline.deployed.objects import listed
from pipeline.erase.receipt import DONE, FOLDER, ID, Receipt
from pipeline.erase.stack.gone import Erased
from pipeline.erase.stack.objects import Bucket
from pipeline.ledger.findings import Finding, Hour
from pipeline.schema import REJECT

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ERASED, OBJECTS = ".erased.json", ".objects.json"
# A receipt, or what lies beside it; anything else is not ours.
NAME = re.compile(rf"{ID}(\.erased|\.objects)?\.json")
Place = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Gone:
    """What went: rows by table, source and hour from the epoch.

    rows     each event once, in the hour in which it arrived first
    landed   each once for every time at which it arrived
    objects  keys in the quarantine's bucket
    """

    rows: Mapping[Place, int] = field(default_factory=dict)
    landed: Mapping[Place, int] = field(default_factory=dict)
    objects: frozenset[str] = frozenset()
    receipts: tuple[Receipt, ...] = ()

    def apply(self, hours: Mapping[tuple[str, int], Hour], attempts: bool) -> None:
        """Rows and rejects that were erased are none any more.

        attempts  another arrival of an event is another attempt, which `batch` counts once
        """
        for (table, source, number), count in (self.rows if attempts else self.landed).items():
            hour = hours.get((source, number))
            if hour is None:
                continue
            name = "rejected" if table == REJECT.name else "rows"
            fewer = min(count, getattr(hour, name))
            setattr(hour, name, getattr(hour, name) - fewer)
            hour.erased += fewer

    def left(self, table: str, source: str, hour: int, row: dict[str, Any]) -> dict[str, Any]:
        """An answer about an hour; what was erased is not missing in it."""
        gone = self.landed.get((table, source, hour), 0)
        names = [name for name in ("missing", "gone") if name in row]
        return {**row, **{name: max(whole(row, name) - gone, 0) for name in names}}

    def unfinished(self) -> Iterator[Finding]:
        """Erasures that have not come to their end."""
        for told in self.receipts:
            if told.state != DONE:
                detail = "an erasure is at work, waits for queries, or failed: then run it again"
                yield Finding("erasure_unfinished", told.id, detail, unbalances=False)


def gone_since(client: "S3Client", bucket: str, since: datetime) -> Gone:
    """What was erased by erasures that began at a time or later: others were before its events.

    Raises TailraceError where S3 does not say.
    """
    rows: Counter[Place] = Counter()
    landed: Counter[Place] = Counter()
    objects: list[str] = []
    receipts = []
    lake = Bucket(client, bucket)
    for key in keys_since(client, bucket, since):
        if key.endswith(ERASED):
            for each in lake.read(key, list[Erased]) or []:
                rows[each.table, each.source, each.hour] += each.rows
                landed[each.table, each.source, each.hour] += each.landed
        elif key.endswith(OBJECTS):
            objects += lake.read(key, list[str]) or []
        elif told := lake.read(key, Receipt):
            receipts.append(told)
    return Gone(rows, landed, frozenset(objects), tuple(receipts))


def keys_since(client: "S3Client", bucket: str, since: datetime) -> Iterator[str]:
    """Keys of what erasures keep that began at a time or later.

    Raises TailraceError where S3 does not list them.
    """
    prefix = f"{FOLDER}/"
    for each in listed(client, bucket, prefix, f"{prefix}{since:%Y%m%dT%H%M%SZ}"):
        if NAME.fullmatch(each.key.removeprefix(prefix)):
            yield each.key


def erasures_since(client: "S3Client", bucket: str, since: datetime) -> int:
    """How many erasures began at a time or later: what they removed, a replay brings in again.

    Raises TailraceError as `keys_since` does.
    """
    return len(list(receipt_keys(keys_since(client, bucket, since))))


def receipt_keys(keys: Iterable[str]) -> Iterator[str]:
    """Those of some keys below the folder of erasures that are receipts."""
    for key in keys:
        name = NAME.fullmatch(key.removeprefix(f"{FOLDER}/"))
        if name and not name[1]:
            yield key


def objects_key(erasure: str) -> str:
    """Where is kept which objects of the quarantine went."""
    return f"{FOLDER}/{erasure}{OBJECTS}"
