"""Group commit: many callers, one thread that writes; each is answered once its record is durable.

What waits goes into one transaction: a transaction of its own for each record costs an fsync, and
those of many records together cost hardly more than that of one.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue

from pipeline.errors import BackPressure, Conflict, DeliveryError, TailraceError
from pipeline.schema import HOUR_MS
from pipeline.sources import NAMES
from pipeline.store import Store
from pipeline.stream.log import Incoming, Log, Place, append, prune

# One transaction at most: beyond it the wait of the first grows, the cost of each no longer falls.
MOST_RECORDS = 1_000
MOST_BYTES = 16 << 20
KEY_KEPT_MS = 24 * HOUR_MS
FORGOTTEN_AT_ONCE = 500
MEASURED_EVERY_S = 1.0
# Consumed records deleted in one transaction, 4 ms, and transactions in a row.
SLICE, SLICES_AT_ONCE = 2_000, 10
RETRY_AFTER_S = 5


@dataclass(frozen=True, slots=True)
class Posted:
    """A record to be appended once; `key` "": each time that it comes.

    digest  of the content, by which a repeat is told from another body under the same key
    """

    record: Incoming
    key: str = ""
    digest: bytes = b""


@dataclass(frozen=True, slots=True)
class Retention:
    """What the stream holds at most of what nobody has consumed."""

    bytes: int
    hours: int


@dataclass
class Intake:
    """The one writer of posted records over the log of a home.

    held     why posted records are refused at present though the log has room; None: they are not
    taken    called after each transaction: something waits
    clock    seconds since the epoch
    problem  why log.db takes nothing at present, since `failing_ms`; "": it does
    error    what it ended with, where that is foreseen: a log.db that cannot be read any more
    """

    folder: Path
    retention: Retention
    held: Callable[[], DeliveryError | None] = lambda: None
    taken: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.time
    problem: str = ""
    failing_ms: int | None = None
    error: TailraceError | None = None
    _queue: "SimpleQueue[_Waiting | None]" = field(default_factory=SimpleQueue)
    _full: BackPressure | None = None
    _thread: threading.Thread | None = None
    _closed: bool = False
    _door: threading.Lock = field(default_factory=threading.Lock)
    _measured: float = float("-inf")

    def start(self) -> None:
        """Begin to take records.

        Raises HomeError when log.db cannot be opened.
        """
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="intake", daemon=True)
        self._thread.start()
        ready.result()

    @property
    def is_alive(self) -> bool:
        """Whether its thread runs; it ends by itself only by an error or a defect."""
        return self._thread is not None and self._thread.is_alive()

    def submit(self, posted: Posted) -> "Future[Place]":
        """Hand over a record; the future holds its place once it is durable, or the error.

        Errors: Conflict for a known key with another body, BackPressure when the log is full,
        DeliveryError when the log cannot be written or the sink has failed for long.
        """
        waiting = _Waiting(posted)
        with self._door:
            refusal = self._refusal()
            if refusal is None:
                self._queue.put(waiting)
        if refusal is not None:
            waiting.future.set_exception(refusal)
        return waiting.future

    def close(self, patience_s: float = 10.0) -> bool:
        """Take nothing more, write what waits; false when that lasts too long."""
        with self._door:
            self._closed = True
            self._queue.put(None)
        if self._thread is None:
            return True
        self._thread.join(patience_s)
        return not self._thread.is_alive()

    def _refusal(self) -> TailraceError | None:
        if self._closed:
            return _closing()
        held = self.held()
        if held is not None:
            return held
        return self._full

    def _run(self, ready: "Future[None]") -> None:
        try:
            store = Store(self.folder, writer=True)
            self._measure(store)
        except TailraceError as error:
            ready.set_exception(error)
            return
        ready.set_result(None)
        with closing(store):
            try:
                self._serve(store)
            except TailraceError as error:
                self.error = error
            finally:
                # Also where this thread ends by itself: nobody may wait for ever.
                with self._door:
                    self._closed = True
                for left in self._left():
                    left.future.set_exception(_closing())

    def _serve(self, store: Store) -> None:
        while True:
            batch, last = self._next()
            if batch:
                self._commit(store, batch)
            if last:
                return
            if time.monotonic() - self._measured >= MEASURED_EVERY_S:
                self._measure(store)

    def _next(self) -> "tuple[list[_Waiting], bool]":
        """What waits, as much as goes into one transaction; and whether it is the last."""
        batch: list[_Waiting] = []
        size = 0
        try:
            waiting = self._queue.get(timeout=MEASURED_EVERY_S)
            while waiting is not None:
                if waiting.is_wanted():
                    batch.append(waiting)
                    size += len(waiting.posted.record.payload)
                if len(batch) == MOST_RECORDS or size >= MOST_BYTES:
                    return batch, False
                waiting = self._queue.get_nowait()
        except Empty:
            return batch, False
        return batch, True

    def _left(self) -> "Iterator[_Waiting]":
        while True:
            try:
                waiting = self._queue.get_nowait()
            except Empty:
                return
            if waiting is not None and waiting.is_wanted():
                yield waiting

    def _commit(self, store: Store, batch: "list[_Waiting]") -> None:
        now_ms = int(self.clock() * 1000)
        try:
            with store.transaction() as connection:
                places = [_place(connection, waiting.posted, now_ms) for waiting in batch]
                _forget(connection, now_ms)
        except BaseException as error:
            for waiting in batch:
                waiting.future.set_exception(error)
            # A defect ends the thread; a disk that is full today may not be tomorrow.
            if not isinstance(error, DeliveryError):
                raise
            self._fails(error)
        else:
            self._fails(None)
            for waiting, place in zip(batch, places, strict=True):
                waiting.answer(place)
            self.taken()

    def _measure(self, store: Store) -> None:
        self._measured = time.monotonic()
        try:
            if self.problem:
                # Also where nobody posts any more.
                _try(store, int(self.clock() * 1000))
            self._make_room(store)
            self._full = _fullness(store, self.retention, int(self.clock() * 1000))
            self._fails(None)
        except DeliveryError as error:
            self._fails(error)

    def _fails(self, error: DeliveryError | None) -> None:
        self.problem = error.what if error else ""
        if error is None:
            self.failing_ms = None
        elif self.failing_ms is None:
            self.failing_ms = int(self.clock() * 1000)

    def _make_room(self, store: Store) -> None:
        """Let consumed records go before their time where the log grows too large."""
        now_ms = int(self.clock() * 1000)
        # Not all at once: somebody may wait. What cannot be deleted now is deleted another time.
        with suppress(DeliveryError):
            for _ in range(SLICES_AT_ONCE):
                if _used_bytes(store) < self.retention.bytes:
                    return
                with store.transaction() as connection:
                    if not prune(connection, now_ms + 1, SLICE):
                        return


@dataclass(frozen=True, slots=True)
class _Waiting:
    posted: Posted
    future: "Future[Place]" = field(default_factory=Future)

    def is_wanted(self) -> bool:
        """Whether the caller still waits; from here on it cannot take it back."""
        return self.future.set_running_or_notify_cancel()

    def answer(self, place: Place | Conflict) -> None:
        if isinstance(place, Place):
            self.future.set_result(place)
        else:
            self.future.set_exception(place)


def _try(store: Store, now_ms: int) -> None:
    """See whether a record could be written. Raises DeliveryError when it could not."""
    with store.transaction() as connection:
        connection.execute("savepoint tried")
        append(connection, Incoming(NAMES[0], "", b"", now_ms))
        # With its sequence number, which the audit would miss.
        connection.execute("rollback to tried")
        # Of what was taken back nothing reaches the disk: this does, and changes nothing.
        connection.execute("update running set one = one")


def _place(connection: sqlite3.Connection, posted: Posted, now_ms: int) -> Place | Conflict:
    """Append a record, unless its key stands for one already, also one of this transaction."""
    record = posted.record
    if not posted.key:
        return append(connection, record)
    known = connection.execute(
        "select digest, shard, seq from request where source = ? and key = ? and arrival_ms > ?",
        (record.source, posted.key, now_ms - KEY_KEPT_MS),
    ).fetchone()
    if known is not None:
        if known["digest"] != posted.digest:
            return Conflict(
                "this Idempotency-Key was sent with another body",
                f"source {record.source}, the key came first within the last day",
                "send what is new under a new key",
            )
        return Place(known["shard"], known["seq"])
    place = append(connection, record)
    connection.execute(
        "insert or replace into request (source, key, digest, shard, seq, arrival_ms)"
        " values (?, ?, ?, ?, ?, ?)",
        (record.source, posted.key, posted.digest, place.shard, place.sequence, now_ms),
    )
    return place


def _forget(connection: sqlite3.Connection, now_ms: int) -> None:
    connection.execute(
        "delete from request where rowid in"
        " (select rowid from request where arrival_ms <= ? limit ?)",
        (now_ms - KEY_KEPT_MS, FORGOTTEN_AT_ONCE),
    )


def _fullness(store: Store, retention: Retention, now_ms: int) -> BackPressure | None:
    """Why the stream takes nothing more; None: it does."""
    log = Log(store)
    if _used_bytes(store) >= retention.bytes and _waiting_bytes(log) >= retention.bytes:
        return _full(f"{retention.bytes} bytes wait to be processed")
    oldest_ms = log.oldest_ms()
    if oldest_ms is not None and now_ms - oldest_ms >= retention.hours * HOUR_MS:
        return _full(f"its oldest record has waited for {retention.hours} hours")
    return None


def _waiting_bytes(log: Log) -> int:
    return sum(log.waiting_bytes(shard) for shard in log.shards)


def _used_bytes(store: Store) -> int:
    # As good as free, and never less than what waits, which costs a walk over all of it.
    pages, free, size = (
        int(store.rows(f"pragma {name}")[0][0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def _full(why: str) -> BackPressure:
    return BackPressure(
        "the log is full", why, "send it again later; nothing of it was taken", RETRY_AFTER_S
    )


def _closing() -> DeliveryError:
    return DeliveryError(
        "the server is ending", "", "send it again in a moment; nothing of it was taken"
    )
