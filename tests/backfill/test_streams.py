"""What a stream still has, brought in once more, hour by hour of a shard."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pipeline.backfill import Request
from pipeline.backfill.plan import Slice, slices_of
from pipeline.backfill.shards import Shards
from pipeline.schema import HOUR_MS
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


def batches(notes: object) -> list[object]:
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
    shards = Shards(stage.cloud.session().client("kinesis"), STREAM, lambda seconds: None)
    part = Slice(A, ms(AT), ms(AT + timedelta(hours=1)))
    assert sum(len(page.records) for page in shards.pages(part, "1")) == 5


def test_a_shard_is_left_half_of_what_may_be_read_of_it(stage: Stage) -> None:
    stage.cloud.shards = {}
    for number in range(4):
        stage.cloud.add(A, b"x" * 700_000, AT + timedelta(seconds=number))
    shards = Shards(stage.cloud.session().client("kinesis"), STREAM, stage.slept.append)
    assert len(list(shards.pages(Slice(A, ms(AT), ms(NOW)), ""))) == 2
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
