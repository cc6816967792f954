"""What a stream still has, brought in once more, hour by hour of a shard."""

import base64
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.backfill import Backfill, Notes, Request, taking
from pipeline.backfill.plan import Batch, Slice, slices_of
from pipeline.backfill.shards import Place, Shards
from pipeline.batch import Ports, Sink
from pipeline.invoke import AwsHome, Left
from pipeline.schema import HOUR_MS, Table
from tests.backfill.account import NOW, STREAM, Account, Stage
from tests.backfill.machine import Crash, run
from tests.backfill.test_objects import BEGUN_MS, asked, audited
from tests.carriers import envelope, log_event
from tests.deployed.staging import lines

A, B = "shardId-000000000000", "shardId-000000000001"
AT = datetime.fromisoformat("2026-11-25T14:00:00.250+00:00")


def ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def request(begin: datetime, end: datetime = NOW, source: str = "") -> Request:
    return Request(stream=STREAM, from_ms=ms(begin), to_ms=ms(end), source=source)


def flows(*numbers: int) -> bytes:
    texts = lines(*numbers).decode().splitlines()
    return envelope([log_event(text, 1_000 * numbers[0] + n) for n, text in enumerate(texts)])


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Two shards with records of some hours, the oldest of which the stream will not keep."""
    made = Stage(tmp_path / "lake", Account())
    made.cloud.add(A, flows(90), NOW - timedelta(hours=30))
    for number in range(5):
        made.cloud.add(A, flows(number, number + 10), AT + timedelta(minutes=5 * number))
    made.cloud.add(B, flows(50), AT + timedelta(minutes=1))
    return made


def test_records_become_rows_with_the_time_of_their_arrival(stage: Stage) -> None:
    wanted = request(AT)
    assert run(stage.backfill(), wanted, BEGUN_MS)["failed"] == 0
    assert audited(stage) == (11, 11, 0, 0)
    assert asked(stage, "select min(ingest_time) as t from vpc_flow") == [
        (AT.replace(tzinfo=None),)
    ]
    total = stage.notes(wanted).sum().counts
    assert (total.records, total.rows, total.objects) == (6, 11, 0)


@pytest.mark.fault("F13")
def test_what_the_stream_has_no_more_is_not_asked_for(stage: Stage) -> None:
    wanted = request(NOW - timedelta(hours=48))
    run(stage.backfill(), wanted, BEGUN_MS)
    notes = stage.notes(wanted)
    first = min(each.slice.from_ms for each in batches(notes) if each.slice)
    assert first == ms(NOW - timedelta(hours=24))
    assert notes.sum().counts.records == 6


def batches(notes: Notes) -> list[Batch]:
    return [each for name in notes.parts() for each in notes.part(name).batches]


def test_a_second_run_an_hour_later_adds_no_slice(stage: Stage) -> None:
    wanted = request(NOW - timedelta(hours=48))
    run(stage.backfill(), wanted, BEGUN_MS)
    count = len(batches(stage.notes(wanted)))
    stage.cloud.now += timedelta(minutes=20)
    run(stage.backfill(), wanted, BEGUN_MS)
    assert len(batches(stage.notes(wanted))) == count


def test_only_records_of_the_window_and_of_the_source_are_taken(stage: Stage) -> None:
    stage.cloud.add(
        B, envelope([log_event("hello")], logGroup="/app/web"), AT + timedelta(minutes=2)
    )
    for wanted, records in (
        (request(AT + timedelta(minutes=5), AT + timedelta(minutes=10)), 1),
        (request(AT, AT + timedelta(minutes=5), "vpc-flow"), 2),
        (request(AT, source="app-log"), 1),
    ):
        run(stage.backfill(), wanted, BEGUN_MS)
        assert stage.notes(wanted).sum().counts.records == records


@pytest.mark.fault("F18", "F28")
def test_another_request_over_the_same_hours_is_no_news(stage: Stage) -> None:
    wanted = request(AT)
    run(stage.backfill(), wanted, BEGUN_MS)
    before = asked(stage, "select * from vpc_flow order by record_id") if audited(stage) else []
    later = request(AT - timedelta(minutes=1))
    stage.cloud.now += timedelta(minutes=20)
    run(stage.backfill(), later, ms(stage.cloud.now))
    assert audited(stage) == (11, 11, 0, 0)
    assert asked(stage, "select * from vpc_flow order by record_id") == before


def test_a_slice_is_gone_on_with_where_the_time_was_up(stage: Stage) -> None:
    wanted = request(AT)
    assert run(stage.backfill(), wanted, BEGUN_MS, lambda: 80.0)["failed"] == 0
    total = stage.notes(wanted).sum().counts
    assert (total.records, total.rows) == (6, 11)
    assert total.calls > stage.notes(wanted).sum().batches
    assert audited(stage) == (11, 11, 0, 0)


@pytest.mark.fault("F25", "F28")
def test_a_shard_that_throttles_fails_and_is_gone_on_with_behind_what_was_taken(
    stage: Stage,
) -> None:
    wanted = request(AT)
    pages = 0

    def throttle(name: str) -> None:
        nonlocal pages
        pages += name == "GetRecords"
        if pages == 2 and name == "GetRecords":
            code = "ProvisionedThroughputExceededException"
            stage.cloud.errors["GetRecords"] = [(400, code)]

    stage.cloud.before = throttle
    said = run(stage.backfill(), wanted, BEGUN_MS)
    assert said["failed"] == 1
    assert said["why"].startswith(f"{A} of {STREAM}: Kinesis: no ProvisionedThroughput")
    stage.cloud.before = lambda name: None
    assert run(stage.backfill(), wanted, BEGUN_MS)["failed"] == 0
    assert stage.notes(wanted).sum().counts.records == 6
    assert audited(stage) == (11, 11, 0, 0)


def test_what_a_slice_stands_behind_may_have_left_the_stream(stage: Stage) -> None:
    stage.cloud.errors["GetShardIterator"] = [(400, "InvalidArgumentException")]
    part = Slice(A, ms(AT), ms(AT + timedelta(hours=1)))
    assert sum(len(page.records) for page in shards_of(stage).pages(part, Place("1"))) == 5


def shards_of(stage: Stage) -> Shards:
    client = stage.cloud.session().client("kinesis")
    return Shards(client, STREAM, stage.slept.append, lambda: stage.cloud.now)


@dataclass
class Quiet:
    """A shard with a record in its second hour and another in its fifth: empty pages else, of ten
    minutes each."""

    stage: Stage
    since: list[datetime] = field(default_factory=list)
    pages: int = 0

    def iterator(self, asked: Any) -> Any:
        if "Timestamp" in asked:
            at = datetime.fromtimestamp(asked["Timestamp"], UTC)
        else:
            number = int(asked["StartingSequenceNumber"])
            (at,) = [each[2] for each in self.stage.cloud.shards[A] if each[0] == number]
            at += timedelta(milliseconds=1)
        self.since.append(at)
        return {"ShardIterator": at.isoformat()}

    def records(self, asked: Any) -> Any:
        self.pages += 1
        begin = datetime.fromisoformat(asked["ShardIterator"])
        end = min(begin + timedelta(minutes=10), self.stage.cloud.now)
        found = [
            {
                "SequenceNumber": str(number),
                "PartitionKey": "any",
                "Data": base64.b64encode(payload).decode(),
                "ApproximateArrivalTimestamp": at.timestamp(),
            }
            for number, payload, at in self.stage.cloud.shards[A]
            if begin <= at < end
        ]
        behind = self.stage.cloud.now - end
        return {
            "Records": found,
            "NextShardIterator": end.isoformat(),
            "MillisBehindLatest": round(behind.total_seconds() * 1000),
        }


@pytest.fixture
def quiet(stage: Stage) -> Quiet:
    stage.cloud.shards = {}
    stage.cloud.add(A, flows(1), AT + timedelta(minutes=5))
    stage.cloud.add(A, flows(2), AT + timedelta(hours=3))
    found = Quiet(stage)
    stage.cloud.said |= {"GetShardIterator": found.iterator, "GetRecords": found.records}
    return found


def test_a_quiet_shard_is_read_to_the_end_of_the_slice_and_not_to_its_tip(quiet: Quiet) -> None:
    part = Slice(A, ms(AT), ms(AT + timedelta(hours=1)))
    found = list(shards_of(quiet.stage).pages(part, Place()))
    assert sum(len(page.records) for page in found) == 1
    # A minute ahead of it, an hour and a minute behind it.
    assert quiet.pages == len(found) == 7


def test_a_call_whose_time_is_up_in_empty_pages_is_gone_on_with_where_it_stood(
    quiet: Quiet,
) -> None:
    wanted = request(AT, AT + timedelta(minutes=59))
    assert run(quiet.stage.backfill(), wanted, BEGUN_MS, lambda: 80.0)["failed"] == 0
    total = quiet.stage.notes(wanted).sum().counts
    assert (total.records, total.rows) == (1, 1)
    assert total.calls == len(quiet.since) > 5
    assert min(later - sooner for sooner, later in pairwise(quiet.since)) > timedelta(minutes=5)


@dataclass(frozen=True)
class Defective(AwsHome):
    """A home that some records break, by their sequence numbers."""

    bad: frozenset[str] = frozenset()

    def ports(self, left: Left) -> Ports:
        ports = super().ports(left)
        return Ports(Breaking(ports.sink, self.bad), ports.quarantine)


@dataclass(frozen=True)
class Breaking:
    sink: Sink
    bad: frozenset[str]

    def write(self, table: Table, rows: pa.Table, records: Any) -> None:
        if any(each.position in self.bad for each in records):
            raise LookupError
        self.sink.write(table, rows, records)


def defective(stage: Stage, *bad: int) -> Backfill:
    made = stage.backfill()
    home = made.stack.home
    assert isinstance(home, AwsHome)
    broken = Defective(
        home.delivery, home.firehose, home.s3, home.sleep, bad=frozenset(map(str, bad))
    )
    return replace(made, stack=replace(made.stack, home=broken))


@pytest.mark.fault("F6")
def test_a_record_that_breaks_us_is_named_and_those_beside_it_come_in(stage: Stage) -> None:
    wanted = request(AT)
    stage.cloud.page_records = 5
    bad = stage.cloud.shards[A][3]
    said = run(defective(stage, bad[0]), wanted, BEGUN_MS)
    assert said["failed"] == 1
    assert said["why"].startswith(f"{bad[0]} in {A} of {STREAM}: a fault of ours: LookupError at ")
    assert audited(stage) == (9, 9, 0, 0)
    assert stage.notes(wanted).sum().counts.records == 5
    again = run(defective(stage, bad[0]), wanted, BEGUN_MS + 60_000)
    assert again == said
    assert run(stage.backfill(), wanted, BEGUN_MS + 120_000)["failed"] == 0
    assert stage.notes(wanted).sum().counts.records == 6
    assert audited(stage) == (11, 11, 0, 0)


@pytest.mark.fault("F6")
def test_a_record_that_broke_us_and_has_left_the_stream_is_not_forgotten(stage: Stage) -> None:
    wanted = request(AT)
    bad = stage.cloud.shards[A][3]
    run(defective(stage, bad[0]), wanted, BEGUN_MS)
    stage.cloud.errors["GetShardIterator"] = [(400, "InvalidArgumentException")]
    said = run(stage.backfill(), wanted, BEGUN_MS)
    assert said["why"] == f"{bad[0]} in {A} of {STREAM}: the stream has it no more"


@pytest.mark.fault("F6")
def test_where_many_records_break_us_a_slice_ends_and_is_taken_whole_later(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "MOST_BROKEN", 1)
    wanted = request(AT)
    bad = [number for number, _, _ in stage.cloud.shards[A][2:]]
    said = run(defective(stage, *bad), wanted, BEGUN_MS)
    assert said["why"].startswith(f"{A} of {STREAM}: a fault of ours: LookupError")
    assert run(stage.backfill(), wanted, BEGUN_MS + 60_000)["failed"] == 0
    assert stage.notes(wanted).sum().counts.records == 6
    assert audited(stage) == (11, 11, 0, 0)


def test_a_shard_is_left_half_of_what_may_be_read_of_it(stage: Stage) -> None:
    stage.cloud.shards = {}
    for number in range(4):
        stage.cloud.add(A, b"x" * 700_000, AT + timedelta(seconds=number))
    part = Slice(A, ms(AT), ms(NOW))
    sizes = [len(page.records) for page in shards_of(stage).pages(part, Place())]
    assert sizes == [2, 2, 0]
    assert stage.slept[:2] == [1.4, 1.4]


def test_hours_are_cut_shard_by_shard() -> None:
    found = slices_of([A, B], HOUR_MS // 2, 2 * HOUR_MS)
    assert found == [
        Slice(A, HOUR_MS // 2, HOUR_MS),
        Slice(B, HOUR_MS // 2, HOUR_MS),
        Slice(A, HOUR_MS, 2 * HOUR_MS),
        Slice(B, HOUR_MS, 2 * HOUR_MS),
    ]


@pytest.mark.slow
@pytest.mark.fault("F7", "F28")
def test_a_crash_at_any_call_is_gone_on_with(tmp_path: Path) -> None:
    for number in (3, 8, 12, 15, 18, 21):
        made = Stage(tmp_path / str(number), Account())
        for each in range(3):
            made.cloud.add(A, flows(each), AT + timedelta(minutes=each))
        _crashed(made, number)


def _crashed(stage: Stage, number: int) -> None:
    left, wanted = number, request(AT, AT + timedelta(minutes=30))

    def fail(name: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Crash

    stage.cloud.before = fail
    with pytest.raises(Crash):
        run(stage.backfill(), wanted, BEGUN_MS)
    stage.cloud.before = lambda name: None
    assert run(stage.backfill(), wanted, BEGUN_MS + 60_000)["failed"] == 0
    assert audited(stage) == (3, 3, 0, 0)
