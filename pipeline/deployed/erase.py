"""A person's data out of a stack: the quarantine by who runs this, the lake by a state machine.

The subject is told to the machine by an object in the lake's bucket, for Step Functions keeps what
it is given for 90 days. The machine's last step deletes it with all its versions, and so does who
watches an execution that was stopped or timed out; where nobody does, a rule of the bucket has
deleted it within four days (1 day, and 1 more as an old version, each from the midnight behind it).
The receipt is written before anything goes. Run again, an erasure that was broken off goes on
under its own name.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipeline.batch import Context
from pipeline.counters.table import LIVES
from pipeline.deployed import kept
from pipeline.deployed.backfill import MACHINE as BACKFILL
from pipeline.deployed.erased import objects_key, receipt_keys
from pipeline.deployed.executions import RUNNING, SUCCEEDED, Machine
from pipeline.deployed.kept import Touched
from pipeline.deployed.ranked import TABLE as COUNTERS
from pipeline.deployed.scope import MOST_BUFFER_S, SETTLING_S
from pipeline.deployed.stage import ERRORS, LAMBDA_RECORDS, Deployed
from pipeline.erase import receipt
from pipeline.erase.receipt import (
    DONE,
    FOLDER,
    PLANNED,
    UNFINISHED,
    WAITING,
    Holder,
    Objects,
    Receipt,
)
from pipeline.erase.stack.objects import Bucket
from pipeline.erase.stack.steps import PHASES, receipt_key
from pipeline.erase.stack.work import Request, folder, request, request_key
from pipeline.erase.subject import Subject
from pipeline.errors import TailraceError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MACHINE = "EraseMachineArn"
LOOK_EVERY_S = 5.0
# What buckets keep of what was deleted, and Athena of its answers: the template's days.
LAKE_VERSIONS, KEPT_VERSIONS, ANSWERS = timedelta(days=7), timedelta(days=1), timedelta(days=7)
CALLED_AGAIN = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Hands:
    """What an erasure works with.

    reader   gives a client for the quarantine, whose key decrypts for one role alone
    states   a client of Step Functions
    context  how the stack's function reads what was refused
    """

    deployed: Deployed
    s3: "S3Client"
    reader: "Callable[[], S3Client]"
    states: Any
    context: Callable[[], Context]
    now: datetime

    @property
    def lake(self) -> Bucket:
        """The lake's bucket."""
        return Bucket(self.s3, self.deployed.lake_bucket)

    def machine(self, output: str) -> Machine:
        """The machine that an output names. Raises NotConfigured where none does."""
        return Machine(self.states, self.deployed.output(output))

    @property
    def quarantine(self) -> Bucket:
        """The quarantine's bucket."""
        return Bucket(self.s3, self.deployed.quarantine_bucket)


@dataclass(frozen=True, slots=True)
class Begun:
    """An erasure whose machine was started."""

    id: str
    execution: str
    dry: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is: the phase, and how many parts of it are left."""

    phase: str
    left: int


def begin(hands: Hands, subject: Subject, salt: bytes, dry: bool = False) -> Begun:
    """Erase from the quarantine, say in the bucket whom it is about, and start the machine.

    salt  of the receipt, where no erasure of the subject was broken off
    dry   nothing is erased: it is only counted

    Raises NotConfigured where the stack has no such machine, TailraceError where a service does not
    do its part; run again, it goes on.
    """
    machine = hands.machine(MACHINE)
    context = hands.context()
    touched = list(kept.find(hands.quarantine, hands.reader, subject, context))
    before = None if dry else _broken_off(hands, machine, subject)
    said = _told(hands, subject, salt, before, touched)
    if not dry:
        _note_objects(hands.lake, said.id, kept.removed(touched))
        hands.lake.put_bytes(receipt_key(said.id), receipt.encoded(said))
        kept.erase(hands.quarantine, touched)
    asked = Request(subject.name, subject.value, said, dry, _ms(hands.now))
    hands.lake.write(request_key(said.id), asked)
    # A name is used once in 90 days: an erasure that goes on has another execution.
    execution = machine.start(f"{said.id}-{hands.now:%Y%m%dT%H%M%S}", {"id": said.id})
    return Begun(said.id, execution, dry)


def watch(
    hands: Hands,
    begun: Begun,
    sleep: Callable[[float], None],
    show: Callable[[Progress], None] = lambda progress: None,
) -> Receipt:
    """Wait until the lake is erased from; the receipt. Files that queries may read go later.

    Raises TailraceError where the execution fails: then run it again.
    """
    while True:
        status = hands.machine(MACHINE).status(begun.execution)
        if status.state == SUCCEEDED or (not begun.dry and _waits(hands.lake, begun.id)):
            return _over(hands, begun)
        if status.state not in (RUNNING, SUCCEEDED):
            hands.lake.delete_all(request_key(begun.id))
            fix = "run it again: it goes on where it ended"
            raise TailraceError(
                f"the erasure {begun.id} has {status.state.lower()}", status.cause, fix
            )
        show(_progress(begun.id, hands.lake.keys(folder(begun.id))))
        sleep(LOOK_EVERY_S)


def _waits(lake: Bucket, erasure: str) -> bool:
    """Whether all is done but what queries may still read, by the receipt's own word.

    That nobody says any more whom it is about is no sign of it: a failure ends so as well, and is
    known to Step Functions only then.
    """
    found = lake.read(receipt_key(erasure), Receipt)
    return found is not None and found.state == WAITING and request(lake, erasure) is None


def _progress(erasure: str, keys: Sequence[str]) -> Progress:
    """The first phase that has something left."""
    for phase in PHASES:
        left = sum(key.startswith(f"{folder(erasure)}{phase}/") for key in keys)
        if left:
            return Progress(phase, left)
    return Progress("", 0)


def _over(hands: Hands, begun: Begun) -> Receipt:
    place = f"{folder(begun.id)}receipt.json" if begun.dry else receipt_key(begun.id)
    found = hands.lake.read(place, Receipt)
    if found is None:
        raise TailraceError("there is no receipt", place, "run it again")
    if begun.dry:
        hands.lake.delete_all(folder(begun.id))
        return replace(found, state=PLANNED)
    return found


def _broken_off(hands: Hands, machine: Machine, subject: Subject) -> Receipt | None:
    """The receipt of an erasure of the subject that ended before it was done."""
    # They run, or wait for queries to end.
    running = {each.name.rpartition("-")[0] for each in machine.running()}
    for key in receipt_keys(hands.lake.keys(f"{FOLDER}/")):
        found = hands.lake.read(key, Receipt)
        if (
            found is not None
            and receipt_key(found.id) == key
            and found.state != DONE
            and found.id not in running
            and receipt.is_of(found, subject)
        ):
            return found
    return None


def _told(
    hands: Hands,
    subject: Subject,
    salt: bytes,
    before: Receipt | None,
    touched: Sequence[Touched],
) -> Receipt:
    """The receipt as far as it is known before the machine starts."""
    now_ms = _ms(hands.now)
    done = kept.counted(touched)
    unread = [f"s3://{hands.quarantine.name}/{each.key}" for each in touched if not each.change]
    if before is not None:
        was = before.quarantine
        done = Objects(
            was.removed + done.removed, was.rewritten + done.rewritten, was.lines + done.lines
        )
    said = before or Receipt(
        receipt.name_of(now_ms, salt),
        UNFINISHED,
        receipt.moment(now_ms),
        receipt.pseudonym(subject, salt),
    )
    held_by = (*_backfills(hands), *holders(hands.deployed, hands.now))
    return replace(
        said,
        state=UNFINISHED,
        rows=(),
        files=0,
        waiting=0,
        quarantine=done,
        unsearched=tuple(unread),
        held_by=held_by,
    )


def _backfills(hands: Hands) -> Iterator[Holder]:
    """Backfills that run: what they are about to bring in is not there yet to be erased.

    It is not waited for, for hours may pass while the rest could be gone.
    """
    if BACKFILL in hands.deployed.outputs:
        for each in hands.machine(BACKFILL).running():
            what = f"the backfill {each.name}, which brings in more: erase again then"
            yield Holder(what, "it has ended")


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _note_objects(lake: Bucket, erasure: str, removed: Sequence[str]) -> None:
    """Note which objects go, with those that have gone before under the same name."""
    before = lake.read(objects_key(erasure), list[str]) or []
    if removed:
        lake.write(objects_key(erasure), sorted({*before, *removed}))


def holders(deployed: Deployed, now: datetime) -> Iterator[Holder]:
    """What of a stack still holds something of a subject, or may, once all is done."""

    def until(after: timedelta) -> str:
        return receipt.moment(_ms(now + after))

    days = timedelta(days=deployed.number("QuarantineDays", 30))
    buffer = deployed.number("FirehoseBufferSeconds", MOST_BUFFER_S)
    yield Holder(
        "what was on its way to the lake when it began, and lands later: erase again then",
        until(timedelta(seconds=SETTLING_S + buffer)),
    )
    route = deployed.outputs.get("LogRoute", "")
    if route == "kinesis":
        hours = timedelta(hours=deployed.number("StreamRetentionHours", 24))
        what = "the stream, whose records a retry or a replay brings in again: erase again then"
        yield Holder(what, until(hours))
    elif route == "s3":
        what = "files in the inbox's bucket, which come in again with their notice"
        yield Holder(what, until(days))
    else:
        what = "calls of the function that are tried again: erase again then"
        yield Holder(what, until(CALLED_AGAIN))
    if "ViewsUrl" in deployed.outputs:
        hours = timedelta(hours=deployed.number("StreamRetentionHours", 24))
        yield Holder("the stream of page views, with the addresses of who viewed", until(hours))
    yield Holder(
        f"s3://{deployed.lake_bucket}/{ERRORS}/: rows that Firehose could not deliver",
        until(days + LAKE_VERSIONS),
    )
    yield Holder(
        f"s3://{deployed.quarantine_bucket}/{LAMBDA_RECORDS}/: batches that Lambda gave up",
        until(days + KEPT_VERSIONS),
    )
    if COUNTERS in deployed.outputs:
        # Developer Guide of DynamoDB, "Using time to live": what has expired goes within days.
        expired = until(timedelta(minutes=LIVES))
        what = "counters of the ranking in DynamoDB, whose keys and titles may name it"
        yield Holder(what, f"some days after {expired}, when they have expired")
    yield Holder("answers of Athena that were asked for before", until(ANSWERS))
    yield Holder(
        "the log groups and files that the logs come from, texts of queries that name it, copies",
        "you erase it there (Athena forgets a query after 45 days)",
    )
