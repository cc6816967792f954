"""The embedded home: one folder, one writing process; here its adapters are picked.

<home>/log.db       stream, checkpoint, catalogue, ledger
<home>/lake/        Parquet files
<home>/quarantine/  what could not become rows
<home>/visitor.key  today's salt of the hashes of visitors (pipeline/web/visitors.py)
<home>/writer.lock  held by the one process that writes, with its pid
<home>/readers/     what running queries hold (pipeline/lake/readers.py)
<home>/erasures/    receipts of what was erased (pipeline/erase/receipt.py)
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from random import Random

from pipeline.batch import Context
from pipeline.consume import Worker
from pipeline.consume.again import Repeat, Repeater
from pipeline.consume.trials import watched
from pipeline.deliver.files import DISK, Disk, make_lasting, sweep
from pipeline.deliver.lake import LakeSink
from pipeline.deliver.lake_file import LOG_REPLAY, NO_FLUSH
from pipeline.deliver.quarantine import QuarantineFolder
from pipeline.erase import embedded
from pipeline.erase.embedded import Plan, Scope
from pipeline.erase.kept import settle
from pipeline.erase.receipt import Receipt
from pipeline.errors import HomeError
from pipeline.lake import folders, readers
from pipeline.ledger import erased
from pipeline.ledger import replay as ledger_replay
from pipeline.ledger import retry as ledger_retry
from pipeline.ledger.audit import audit
from pipeline.ledger.findings import Audit
from pipeline.ledger.replay import Replayed, Wanted
from pipeline.store import Edge, Store, exists, remains
from pipeline.store.lock import locked
from pipeline.stream.log import Log
from pipeline.stream.shards import reshard

LAKE, QUARANTINE = remains.LAKE, remains.QUARANTINE
PATTERN = "*?["


@dataclass(frozen=True)
class Machine:
    """What a home runs on: the clock, the disk, who watches its transactions, chance."""

    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    disk: Disk = DISK
    watch: Callable[[Edge], None] = lambda edge: None
    random: Random = field(default_factory=Random)


MACHINE = Machine()


@dataclass(frozen=True)
class WritingHome:
    """A home opened for writing."""

    folder: Path
    store: Store
    log: Log
    context: Context
    machine: Machine

    @cached_property
    def worker(self) -> Worker:
        """The worker of this process; a server never asks: its own runs in a thread of its own."""
        return worker_of(self.folder, self.store, self.context, self.machine)


@dataclass(frozen=True)
class ReadingHome:
    """A home opened for reading, beside whoever writes to it."""

    folder: Path
    store: Store


@contextmanager
def readable(folder: Path) -> Iterator[ReadingHome]:
    """Open a home for reading.

    Raises NotConfigured when nothing was ever written there, HomeError when it cannot be read or
    when its log.db is gone.
    """
    folder = folders.usable(folder)
    if not exists(folder):
        remains.check_log(folder)
        raise folders.nothing(str(folder))
    store = Store(folder, writer=False)
    try:
        yield ReadingHome(folder, store)
    finally:
        store.close()


def audit_of(home: ReadingHome | WritingHome, since_ms: int = 0) -> Audit:
    """Audit all that arrived at a home since a time."""
    with readers.holding(home.folder):
        return audit(home.store, home.folder / LAKE, home.folder / QUARANTINE, since_ms)


def retry(home: WritingHome, source: str, digest: str, formats: tuple[str, ...]) -> int:
    """Try the rejected lines of a known file again; returns how many became rows."""
    now_ms = int(home.worker.clock() * 1000)
    place, context = _place(home), home.worker.context
    return ledger_retry.retry_input(place, source, digest, formats, context, now_ms)


def _place(home: WritingHome) -> ledger_retry.Place:
    disk = home.worker.sink.disk
    return ledger_retry.Place(home.store, home.folder / LAKE, home.folder / QUARANTINE, disk)


def replay_objects(home: WritingHome, wanted: Wanted, dry_run: bool) -> Iterator[Replayed]:
    """Try refused lines again, object by object; see `pipeline.ledger.replay`."""
    now_ms = int(home.worker.clock() * 1000)
    place, context = _place(home), home.worker.context
    return ledger_replay.replay_objects(place, wanted, context, now_ms, dry_run)


def replay_log(home: WritingHome, arrived: range, source: str | None) -> Iterator[Repeat]:
    """Process consumed records of the log again that arrived in a range of epoch milliseconds."""
    worker = home.worker
    now_ms = int(worker.clock() * 1000)
    disk = worker.sink.disk
    sink = LakeSink(home.folder / LAKE, replay=f"{LOG_REPLAY}{now_ms}", flush=NO_FLUSH, disk=disk)
    sink.erased = erased.known(home.store)
    return Repeater(home.store, sink, worker.context, now_ms).run(arrived, source)


def erasure_at(home: ReadingHome | WritingHome, context: Context, machine: Machine) -> Scope:
    """What an erasure looks at: all that the home holds now."""
    folder, disk = home.folder, machine.disk
    place = ledger_retry.Place(home.store, folder / LAKE, folder / QUARANTINE, disk)
    return Scope(folder, place, context, int(machine.clock() * 1000))


def erase(
    home: WritingHome, scope: Scope, planned: Plan, salt: bytes, say: Callable[[str], None]
) -> Receipt:
    """Carry out what was planned since all that the log had was in the lake."""
    done = embedded.erase(scope, planned, salt, home.machine.sleep, say)
    home.worker.sink.erased = erased.known(home.store)
    return done


def rejected_of(home: WritingHome, source: str, digest: str) -> int:
    """Lines of a known file that are refused until now."""
    return ledger_retry.rejected_of(home.store, source, digest)


@contextmanager
def writing(
    folder: Path,
    context: Context,
    prepare: Callable[[Path], None] = lambda folder: None,
    machine: Machine = MACHINE,
) -> Iterator[WritingHome]:
    """Open a home for writing and make it where it is missing.

    `prepare` is called with the folder once no other process can write to it.

    Raises HomeError when another process writes to it, naming its pid, or when its log.db is gone.
    """
    folder = folders.expressible(folder)
    if set(str(folder.absolute())) & set(PATTERN):
        raise HomeError(
            f"a home's path cannot hold any of {' '.join(PATTERN)}",
            f"at {folder}",
            "choose another with --home: the query engine takes them for patterns",
        )
    try:
        if not exists(folder):
            make_lasting(folder, machine.disk)
    except OSError as error:
        raise HomeError(
            f"the home cannot be made: {error}", f"at {folder}", "choose another with --home"
        ) from error
    with locked(folder):
        prepare(folder)
        store = Store(folder, writer=True, watch=machine.watch)
        try:
            sweep(folder / LAKE, machine.disk)
            sweep(folder / QUARANTINE, machine.disk)
            settle(store, folder / QUARANTINE, machine.disk)
            reshard(store, context.limits.shards)
            with watched(store, context.limits.batch_records):
                worker_of(folder, store, context, machine).prune()
                if not readers.newest(folder):
                    readers.begin(folder, 0)
                yield WritingHome(folder, store, Log(store), context, machine)
        finally:
            store.close()


def worker_of(folder: Path, store: Store, context: Context, machine: Machine = MACHINE) -> Worker:
    """A worker over the store of a home that this process writes to."""
    return Worker(
        store,
        Log(store),
        LakeSink(folder / LAKE, disk=machine.disk, erased=erased.known(store)),
        QuarantineFolder(folder / QUARANTINE, disk=machine.disk),
        context,
        machine.clock,
        machine.sleep,
        random=machine.random,
    )
