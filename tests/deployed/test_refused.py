"""What a stack refused, tried again by today's formats: from rejected to rows, in its own hour."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline import aws, invoke
from pipeline.deployed.again import Replayed
from pipeline.deployed.asking import Asking
from pipeline.deployed.refused import WantedAgain
from pipeline.deployed.replay import replay_refused
from pipeline.deployed.stage import find
from pipeline.invoke import AwsHome, stack_of
from pipeline.queries.window import Window
from pipeline.settings import Settings
from tests.carriers import kinesis_event
from tests.deployed.cloud import KEPT, LAKE, Cloud
from tests.deployed.lake import Lake
from tests.deployed.staging import DELIVERY, NOW, SINCE, Staging
from tests.homes import call

GROUP = "/my/flows"
FORMAT = "${srcaddr} ${dstaddr} ${bytes} ${end}"
ALWAYS = Window(SINCE - timedelta(days=30), NOW)
GOOD = "10.0.0.1 10.0.0.2 7 1795615200"


def envelope(first: int, *messages: str) -> bytes:
    return json.dumps(
        {
            "messageType": "DATA_MESSAGE",
            "owner": "123456789010",
            "logGroup": GROUP,
            "logStream": "eni-1",
            "subscriptionFilters": ["tailrace"],
            "logEvents": [
                {"id": f"{number:056d}", "timestamp": 1_795_615_100_000, "message": text}
                for number, text in enumerate(messages, first)
            ],
        }
    ).encode()


def sent(stage: Staging, *payloads: bytes, **formats: Any) -> None:
    """One invocation of the function, set to some formats."""
    session = stage.cloud.session()
    home = AwsHome(DELIVERY, session.client("firehose"), session.client("s3"))
    settings = Settings(sources={GROUP: "vpc-flow"}, **formats)
    event = kinesis_event(payloads)
    invoke.take(event, stack_of(settings, home), lambda: 60.0, 1_795_615_205_000)
    stage.show()


@pytest.fixture
def stage(tmp_path: Path) -> Staging:
    """A record of which no line was read, one of which a line was, and one without faults."""
    made = Staging(tmp_path / "lake", Cloud())
    default = "2 123456789010 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 9 1795615100 1795615200 ACCEPT OK"
    bad = envelope(10, GOOD, GOOD.replace(" 7 ", " 8 "))
    sent(made, bad, envelope(20, default, GOOD, "rubbish"), envelope(30, default))
    made.cloud.environment["TAILRACE_SOURCES"] = json.dumps({GROUP: "vpc-flow"})
    made.cloud.environment["TAILRACE_DELIVERY_MODE"] = "s3"
    return made


def with_formats(stage: Staging, *texts: str) -> None:
    stage.cloud.environment["TAILRACE_FORMATS"] = json.dumps({GROUP: list(texts)})


def replayed(
    stage: Staging, now: datetime = NOW, source: str = "", dry: bool = False
) -> list[Replayed]:
    session = stage.cloud.session()
    deployed = find(session, "staging")
    asking = Asking(Lake(stage.folder, stage.watermark))
    wanted = WantedAgain(ALWAYS, now, source, dry)
    done = list(replay_refused(session, deployed, asking, wanted))
    stage.show()
    return done


def sums(stage: Staging) -> tuple[int, int, int]:
    found = stage.audited(now=NOW + timedelta(hours=2))
    assert [each for each in found.findings if each.unbalances] == []
    (hour,) = found.hours
    return hour.events_in, hour.rows, hour.rejected


@pytest.mark.fault("F27")
def test_what_can_be_read_today_becomes_rows_in_its_own_hour(stage: Staging) -> None:
    assert sums(stage) == (6, 2, 4)
    with_formats(stage, FORMAT)
    before = set(stage.cloud.keys(LAKE))
    done = replayed(stage)
    assert [(one.rows, one.rejected, one.fault, one.lost) for one in done] == [
        (2, 0, "", ""),
        (1, 1, "", ""),
    ]
    assert sums(stage) == (6, 5, 1)
    new = {key.rpartition("/")[0] for key in set(stage.cloud.keys(LAKE)) - before}
    assert new == {
        f"lake/landing/{table}/arrival_dt=2026-11-25/arrival_hour=23"
        for table in ("vpc_flow", "reject", "batch")
    }
    rows = Asking(stage.lake).rows("select distinct ingest_time from vpc_flow", "a test")
    assert [row["ingest_time"] for row in rows] == [datetime(2026, 11, 25, 14, 0, 0, 250_000)]


@pytest.mark.fault("F27")
def test_a_second_run_has_nothing_left_to_do(stage: Staging) -> None:
    with_formats(stage, FORMAT)
    replayed(stage)
    before = dict(stage.cloud.objects)
    done = replayed(stage, NOW + timedelta(seconds=5))
    assert [(one.rows, one.rejected) for one in done] == [(0, 1)]
    assert stage.cloud.objects == before
    assert sums(stage) == (6, 5, 1)


@pytest.mark.fault("F27")
def test_a_line_that_became_a_row_stays_one_under_formats_that_refuse_it(stage: Staging) -> None:
    with_formats(stage, FORMAT)
    replayed(stage)
    with_formats(stage, "${srcaddr} ${end}")
    replayed(stage, NOW + timedelta(seconds=5))
    with_formats(stage, FORMAT, "${srcaddr} ${end}")
    replayed(stage, NOW + timedelta(seconds=9))
    assert sums(stage) == (6, 5, 1)


@pytest.mark.fault("F27")
def test_with_formats_that_do_not_help_nothing_is_written(stage: Staging) -> None:
    before = dict(stage.cloud.objects)
    assert [(one.rows, one.rejected) for one in replayed(stage)] == [(0, 2), (0, 2)]
    assert stage.cloud.objects == before


def test_a_dry_run_counts_and_writes_nothing(stage: Staging) -> None:
    with_formats(stage, FORMAT)
    before = dict(stage.cloud.objects)
    assert [one.rows for one in replayed(stage, dry=True)] == [2, 1]
    assert stage.cloud.objects == before


def test_only_a_source_is_tried(stage: Staging) -> None:
    with_formats(stage, FORMAT)
    assert replayed(stage, source="alb") == []
    assert len(replayed(stage, source="vpc-flow")) == 2


def test_rows_through_firehose_are_put_to_the_streams(stage: Staging) -> None:
    stage.cloud.environment["TAILRACE_DELIVERY_MODE"] = "firehose"
    with_formats(stage, FORMAT)
    replayed(stage)
    firehose = stage.cloud.firehose
    assert sorted(row["bytes"] for row in firehose.rows("tailrace-staging-vpc_flow")) == [7, 7, 8]
    rejects = firehose.rows("tailrace-staging-reject")
    assert sorted(bool(row["resolved"]) for row in rejects) == [False, *[True] * 4]
    entries = firehose.rows("tailrace-staging-batch")
    assert [(row["rows"], row["rejected"]) for row in entries] == [(2, 0), (2, 1)]


def test_an_object_that_is_gone_or_damaged_is_told_and_the_others_are_tried(
    stage: Staging,
) -> None:
    with_formats(stage, FORMAT)
    keys = [key for key in stage.cloud.keys(KEPT) if key.startswith("quarantine/")]
    stage.cloud.put(KEPT, keys[0], b"no gzip")
    first, second = replayed(stage)
    assert "a quarantine object cannot be read" in first.lost
    assert second.rows == 1
    del stage.cloud.objects[KEPT, keys[0]]
    gone = replayed(stage)[0]
    assert gone.fault.endswith("refuses: NoSuchKey")


def test_a_record_whose_entry_has_not_landed_waits(stage: Staging) -> None:
    with_formats(stage, FORMAT)
    for file in stage.files("batch"):
        file.unlink()
    assert {one.fault for one in replayed(stage)} == {
        "the table batch does not know its record (yet)"
    }


def test_the_command_prints_what_came_of_it(
    stage: Staging, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.cloud.lake = Lake(stage.folder)
    with_formats(stage, FORMAT)
    monkeypatch.setattr(aws, "session", lambda target: stage.cloud.session())
    ran = call("replay", "--stage", "staging", "--quarantine", "--from", "2026-11-25")
    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[-1].split() == ["quarantine/vpc-flow", "2", "3", "1", "0", "0"]
    assert "2 queries · " in ran.err
    stage.show()
    ran = call("replay", "--stage", "staging", "--quarantine", "--source", "alb")
    assert (ran.code, ran.out) == (0, "nothing is refused\n")
