"""What a stack refused, tried once more by who runs this, with the formats of today.

What is said of a record stands in the tables `batch` and `reject`: of each record and each line the
newest attempt. A line that becomes a row is said to be resolved by a newer one, so that a second
run has nothing left to do. Its object stays in the quarantine as long as the stack keeps it.
"""

import gzip
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from pipeline import invoke
from pipeline.batch import Attempt, Fault, guarded, reopen
from pipeline.batch.quarantine import Reopened
from pipeline.decode.identity import h64
from pipeline.deliver.attempts import Attempts
from pipeline.deliver.bucket import SCHEME
from pipeline.deployed.again import Replayed
from pipeline.deployed.asking import Asking, whole
from pipeline.deployed.questions import standing_entries, standing_rejects
from pipeline.deployed.stage import QUARANTINE, Deployed
from pipeline.errors import DeliveryError, Drop, InputError
from pipeline.invoke.fetching import fetched
from pipeline.ledger.retry import Said, Try, check_size, put, readable, tried
from pipeline.queries.window import Window
from pipeline.schema import BATCH
from pipeline.triggers import Notice

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Entries = Mapping[tuple[int, int], dict[str, Any]]
UNKNOWN = "the table batch does not know its record (yet)"


@dataclass(frozen=True, slots=True)
class WantedAgain:
    """What is to be tried: by arrival, by source ("": all); `dry`: nothing is written."""

    arrived: Window
    now: datetime
    source: str = ""
    dry: bool = False


@dataclass(frozen=True)
class Refused:
    """What a replay of the quarantine works with.

    stack   with the settings of the function, and an AwsHome
    reader  gives a client for the quarantine, whose key decrypts for one role alone
    """

    deployed: Deployed
    stack: invoke.Stack
    reader: Callable[[], "S3Client"]
    asking: Asking
    wanted: WantedAgain
    attempts: Attempts = field(default_factory=lambda: Attempts(lambda: 3600.0))

    def again(self) -> Iterator[Replayed]:
        """Try each object that has lines which are refused until now.

        Raises NotConfigured where nobody can be asked, QueryFailed where `batch` or `reject` cannot
        be read, TailraceError where the quarantine cannot.
        """
        window, source = self.wanted.arrived, self.wanted.source
        rows = self.asking.rows(standing_rejects(window, source), "the rejects that stand")
        objects: dict[str, set[int]] = defaultdict(set)
        for row in rows:
            objects[str(row["object"])].add(int(row["record_id"]))
        if not objects:
            return
        found = self.asking.rows(standing_entries(window, source), "the entries that stand")
        entries = {_place(row["record_id"], row["arrived"]): row for row in found}
        for key, standing in objects.items():
            yield self._try(key, standing, entries)

    def _try(self, key: str, standing: set[int], entries: Entries) -> Replayed:
        kind = f"{QUARANTINE}/{key.partition('/')[0]}"
        uri = f"{SCHEME}{self.deployed.quarantine_bucket}/{QUARANTINE}/{key}"
        try:
            opened = self._opened(key, uri)
            entry = entries.get(_of_record(opened))
            if entry is None:
                return Replayed(kind, uri, fault=UNKNOWN)
            done = guarded(lambda: self._judged(key, opened, entry, standing))
            if isinstance(done, Fault):
                return Replayed(kind, uri, fault=done.detail)
            if not self.wanted.dry and (len(done.rows) or _is_opened(done, entry)):
                self._write(key, done)
        except InputError as error:
            return Replayed(kind, uri, lost=error.what)
        except DeliveryError as error:
            return Replayed(kind, uri, fault=error.what)
        return Replayed(kind, uri, len(done.rows), len(done.left))

    def _opened(self, key: str, uri: str) -> Reopened:
        notice = Notice(self.deployed.quarantine_bucket, f"{QUARANTINE}/{key}", 0)
        with fetched(self.reader(), notice, self.attempts) as found:
            content = found.file.read()
        with readable(uri):
            check_size(content)
            where = msgspec.json.decode(gzip.decompress(content), type=_Where).position
            return reopen(content, self._formats(where), self.stack.context.limits)

    def _formats(self, position: str) -> tuple[str, ...]:
        """Of an object those of today; what a log group has its lines find by themselves."""
        if not position.startswith(SCHEME):
            return ()
        return self.stack.routes.formats.get(position.rpartition("@")[0], ())

    def _judged(self, key: str, opened: Reopened, entry: dict[str, Any], standing: set[int]) -> Try:
        own = opened.batch.record_id
        stands = np.isin(own, np.array(sorted(standing), np.int64))
        # Where the record was refused as a whole, no line of it has become a row.
        known = own[~stands] if stands.any() else own[:0]
        dropped = {drop: whole(entry, f"dropped_{drop}") for drop in Drop if _has(drop)}
        said = Said(
            key,
            whole(entry, "events_in"),
            whole(entry, "rows"),
            whole(entry, "rejected"),
            dropped,
            Attempt.at(round(self.wanted.now.timestamp() * 1000)).number,
        )
        return tried(opened, said, known, self.stack.context)

    def _write(self, key: str, done: Try) -> None:
        now_ms = round(self.wanted.now.timestamp() * 1000)
        home = self.stack.home
        if isinstance(home, invoke.AwsHome):
            # With the attempt: what an earlier one wrote were other rows.
            name = f"{sha256(key.encode()).hexdigest()[:8]}{done.attempt:x}"
            home = replace(home, replay=(name, now_ms), outlasts=False)
        put(done, home.ports(self.attempts.left_s).sink, now_ms)


class _Where(msgspec.Struct):
    position: str


def _of_record(opened: Reopened) -> tuple[int, int]:
    """By which the entry of an object's record is known, as batch_rows makes it."""
    (record,) = opened.batch.records
    number = np.uint64(h64("batch", str(record.shard), record.position)).astype(np.int64)
    return int(number), record.arrival_ms


def _place(record_id: Any, arrived: datetime) -> tuple[int, int]:
    return int(record_id), round(arrived.replace(tzinfo=UTC).timestamp() * 1000)


def _is_opened(done: Try, entry: dict[str, Any]) -> bool:
    """A record that could not be opened may hold only lines that are refused."""
    return done.opened and done.outcome.events_in != whole(entry, "events_in")


def _has(drop: Drop) -> bool:
    return f"dropped_{drop}" in BATCH
