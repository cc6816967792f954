"""Objects of a bucket, brought in once more: rows once, the ledger in balance, broken or not."""

import gzip
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline import backfill as room
from pipeline.backfill import Request, plan, steps
from pipeline.errors import TailraceError
from tests.backfill.account import INBOX, LOGS, NOW, Account, Stage
from tests.backfill.machine import Crash, run
from tests.deployed.cloud import KEPT, LAKE, STORED
from tests.deployed.staging import lines
from tests.invoke.stacks import s3_event

REQUEST = Request(LOGS, "AWSLogs/")
BEGUN_MS = round(NOW.timestamp() * 1000)
SINCE = datetime(2026, 11, 25, 13, tzinfo=UTC)


def audited(stage: Stage) -> object:
    stage.show()
    found = stage.audited(since=SINCE, now=stage.cloud.now + timedelta(hours=1))
    assert [each for each in found.findings if each.unbalances] == []
    (hour,) = found.hours
    return hour.events_in, hour.rows, hour.rejected, hour.dropped


def asked(stage: Stage, sql: str) -> list[tuple[object, ...]]:
    from pipeline.deployed.asking import Asking

    stage.show()
    return [tuple(row.values()) for row in Asking(stage.lake).rows(sql, "a test")]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Three files of flows that nobody has read, and one that is no flow log's."""
    made = Stage(tmp_path / "lake")
    for number in range(3):
        key = f"AWSLogs/1/vpcflowlogs/{number} a.log.gz"
        made.cloud.put(LOGS, key, gzip.compress(lines(number, number + 10)), STORED)
    made.cloud.put(LOGS, "other/b.log", b"not below the prefix\n", STORED)
    made.cloud.put(LOGS, "AWSLogs/", b"", STORED)
    return made


def test_objects_become_rows_with_the_time_at_which_they_were_stored(stage: Stage) -> None:
    assert run(stage.backfill(), REQUEST, BEGUN_MS) == {"more": False, "failed": 0, "why": ""}
    assert audited(stage) == (6, 6, 0, 0)
    found = asked(stage, "select count(*) as n, min(ingest_time) as t from vpc_flow")
    assert found == [(6, STORED.replace(tzinfo=None))]
    folders = {key.rpartition("/")[0] for key in stage.cloud.keys(LAKE) if "vpc_flow" in key}
    assert folders == {"lake/landing/vpc_flow/arrival_dt=2026-11-25/arrival_hour=20"}
    total = stage.notes(REQUEST).sum()
    assert (total.batches, total.done, total.counts.objects, total.counts.rows) == (1, 1, 3, 6)


def test_a_second_run_writes_nothing_but_its_sums(stage: Stage) -> None:
    run(stage.backfill(), REQUEST, BEGUN_MS)
    before = dict(stage.cloud.objects)
    stage.cloud.now += timedelta(hours=3)
    run(stage.backfill(), REQUEST, BEGUN_MS + 10_800_000)
    changed = {key for key, each in stage.cloud.objects.items() if before.get(key) != each}
    assert changed == {(LAKE, f"backfill/{REQUEST.id}/sum.json")}


def test_a_second_run_takes_what_has_come_since(stage: Stage) -> None:
    run(stage.backfill(), REQUEST, BEGUN_MS)
    stage.cloud.put(LOGS, "AWSLogs/1/vpcflowlogs/0 later.log", lines(77), STORED)
    run(stage.backfill(), REQUEST, BEGUN_MS)
    assert audited(stage) == (7, 7, 0, 0)
    assert stage.notes(REQUEST).sum().batches == 2


def test_what_the_function_has_read_before_is_no_news(stage: Stage) -> None:
    """Told of at another moment than it was stored at."""
    content = lines(1, 2) + b"bad\n"
    stage.cloud.put(INBOX, "AWSLogs/a.log", content, STORED)
    stage.take_objects(s3_event("AWSLogs/a.log", bucket=INBOX))
    assert audited(stage) == (3, 2, 1, 0)
    run(stage.backfill(), Request(INBOX), BEGUN_MS)
    assert audited(stage) == (3, 2, 1, 0)
    assert asked(stage, "select count(*) as n from vpc_flow") == [(2,)]
    assert asked(stage, "select count(*) as n from reject") == [(1,)]
    assert asked(stage, "select attempt > 0 as again from batch") == [(True,)]


@pytest.mark.parametrize("bad", [b"", b"1 2 3\n"], ids=["whole", "in part"])
def test_what_can_be_read_today_moves_from_rejected_to_rows(stage: Stage, bad: bytes) -> None:
    form = "${srcaddr} ${dstaddr} ${bytes} ${end}"
    content = b"10.0.0.1 10.0.0.2 7 1795615200\n10.0.0.1 10.0.0.2 8 1795615200\n" + bad
    stage.cloud.put(INBOX, "AWSLogs/a.log", content, STORED)
    stage.take_objects(s3_event("AWSLogs/a.log", bucket=INBOX))
    refused = 3 if bad else 2
    assert audited(stage) == (refused, 0, refused, 0)
    stage.formats = {"s3://inbox/AWSLogs/*": (form,)}
    run(stage.backfill(), Request(INBOX), BEGUN_MS)
    assert audited(stage) == (refused, 2, refused - 2, 0)
    assert len(asked(stage, "select 1 as one from reject")) == refused - 2


def test_only_what_a_source_reads_is_taken(stage: Stage) -> None:
    request = Request(LOGS, source="app-log")
    run(stage.backfill(), request, BEGUN_MS)
    total = stage.notes(request).sum().counts
    assert (total.objects, total.rows) == (1, 1)


def test_only_what_was_stored_in_the_window_is_taken(stage: Stage) -> None:
    stored_ms = round(STORED.timestamp() * 1000)
    for request, count in (
        (Request(LOGS, "AWSLogs/", from_ms=stored_ms, to_ms=stored_ms + 1), 3),
        (Request(LOGS, "AWSLogs/", from_ms=stored_ms + 1), 0),
        (Request(LOGS, "AWSLogs/", to_ms=stored_ms), 0),
    ):
        run(stage.backfill(), request, BEGUN_MS)
        assert stage.notes(request).sum().counts.objects == count


@pytest.mark.fault("F26")
def test_an_object_that_cannot_be_read_does_not_end_the_others(stage: Stage) -> None:
    key = "AWSLogs/1/vpcflowlogs/1 a.log.gz"
    kept = stage.cloud.objects[LOGS, key]
    backfill = stage.backfill()
    backfill.take({**_asked(), "step": "plan", "after": ""}, lambda: 900)
    del stage.cloud.objects[LOGS, key]
    said = run(backfill, REQUEST, BEGUN_MS)
    where = f"s3://{LOGS}/{key}"
    assert said == {"more": False, "failed": 1, "why": f"{where}: {where} refuses: NoSuchKey"}
    assert audited(stage) == (4, 4, 0, 0)
    stage.cloud.objects[LOGS, key] = kept
    assert run(backfill, REQUEST, BEGUN_MS)["failed"] == 0
    total = stage.notes(REQUEST).sum().counts
    assert (total.objects, total.rows, total.calls) == (3, 6, 2)
    assert audited(stage) == (6, 6, 0, 0)


def test_a_call_that_has_no_time_left_is_gone_on_with(stage: Stage) -> None:
    # Less than what something new is begun with: an object for each call.
    assert run(stage.backfill(), REQUEST, BEGUN_MS, lambda: 80.0)["failed"] == 0
    total = stage.notes(REQUEST).sum().counts
    assert (total.objects, total.calls) == (3, 3)
    assert audited(stage) == (6, 6, 0, 0)


def test_a_large_plan_is_cut_and_worked_through_in_executions(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "MOST_OBJECTS", 2)
    for name, most in (("LISTED", 3), ("IN_A_PART", 4)):
        monkeypatch.setattr(steps, name, most)
    for number in range(20, 30):
        stage.cloud.put(LOGS, f"AWSLogs/{number}.log", lines(number), STORED)
    assert run(stage.backfill(), REQUEST, BEGUN_MS, batches=2)["failed"] == 0
    assert audited(stage) == (16, 16, 0, 0)
    notes = stage.notes(REQUEST)
    assert notes.sum().counts.objects == 13
    assert all(
        len(each.objects) <= 2 for name in notes.parts() for each in notes.part(name).batches
    )


def test_batches_are_bounded_by_bytes() -> None:
    objects = [plan.Object(str(n), 50 << 20, 0) for n in range(5)]
    assert [len(each.objects) for each in plan.batches_of(objects, 1)] == [2, 2, 1]
    huge = [plan.Object("a", 1 << 40, 0), plan.Object("b", 1, 0)]
    assert [len(each.objects) for each in plan.batches_of(huge, 7)] == [1, 1]


def test_the_same_request_has_the_same_name_and_no_other_has() -> None:
    assert Request("a", "b").id == Request("a", "b").id
    others = [Request("a", "c"), Request("a", "b", from_ms=1), Request("a", "b", source="alb")]
    assert len({each.id for each in [Request("a", "b"), *others]}) == 4
    assert room.FOLDER == "backfill"


def _asked() -> dict[str, object]:
    import msgspec

    return {"request": msgspec.to_builtins(REQUEST), "begun_ms": BEGUN_MS}


def calls_of(stage: Stage) -> int:
    count = 0

    def note(name: str) -> None:
        nonlocal count
        count += 1

    stage.cloud.before = note
    run(stage.backfill(), REQUEST, BEGUN_MS)
    return count


@pytest.mark.slow
@pytest.mark.fault("F7", "F25", "F28")
@pytest.mark.parametrize("error", ["crash", "refused"])
def test_what_breaks_at_any_call_is_gone_on_with(tmp_path: Path, error: str) -> None:
    calls = calls_of(prepared(tmp_path / "count"))
    assert calls > 15
    for number in range(1, calls + 1):
        _broken(prepared(tmp_path / f"{error}{number}"), number, error)


def prepared(folder: Path) -> Stage:
    made = Stage(folder, Account())
    for number in range(2):
        content = lines(number, number + 10) + b"bad\n"
        made.cloud.put(LOGS, f"AWSLogs/{number}.log", content, STORED)
    return made


def _broken(stage: Stage, number: int, error: str) -> None:
    left = number

    def fail(name: str) -> None:
        nonlocal left
        left -= 1
        if left == 0 and error == "crash":
            raise Crash
        if left == 0:
            stage.cloud.errors[name] = [(403, "AccessDenied")]

    stage.cloud.before = fail
    with suppress(Crash, TailraceError):
        run(stage.backfill(), REQUEST, BEGUN_MS)
    stage.cloud.before = lambda name: None
    stage.cloud.errors.clear()
    stage.cloud.now += timedelta(minutes=1)
    assert run(stage.backfill(), REQUEST, BEGUN_MS + 60_000)["failed"] == 0
    assert audited(stage) == (6, 4, 2, 0)
    assert len([key for key in stage.cloud.keys(KEPT) if key.startswith("quarantine/")]) == 2
