"""What Firehose and Lambda gave up: seen by the audit, brought back by a replay, and once."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.deployed.again import Replayed, Wanted
from pipeline.deployed.replay import replay_failed
from pipeline.deployed.stage import find
from pipeline.errors import TailraceError
from pipeline.queries.window import Window
from tests.carriers import ARRIVAL_MS, awslogs_event, envelope, kinesis_event, log_event
from tests.deliver.firehose_service import FirehoseService, error, failing
from tests.deployed.cloud import KEPT, LAKE, Cloud
from tests.deployed.failed import (
    GIVEN_UP,
    REFUSED,
    firehose_errors,
    of_call,
    of_mapping,
    of_stream,
)
from tests.deployed.staging import Staging, lines, said

ROWS = b'{"bytes":1}\n{"bytes":2}\n'
STREAM = "tailrace-staging-vpc_flow"
ALWAYS = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
NOW = datetime(2026, 11, 25, 23, 30, tzinfo=UTC)
FLOW = lines(7).decode().strip()


def replayed(cloud: Cloud, dry: bool = False, stored: Window = ALWAYS) -> list[Replayed]:
    session = cloud.session()
    return list(replay_failed(session, find(session, "staging"), Wanted(stored, NOW, dry)))


@pytest.fixture
def cloud() -> Cloud:
    """Three rows that Firehose could not deliver: of two records as they were put, and of one that
    it had taken apart."""
    made = Cloud()
    made.put(LAKE, REFUSED, firehose_errors(ROWS, b'{"bytes":3}'))
    return made


@pytest.fixture
def staging(tmp_path: Path, cloud: Cloud) -> Staging:
    """A stage whose lake is in order but for what failed."""
    made = Staging(tmp_path / "lake", cloud)
    made.bring(lines(1, 2))
    return made


@pytest.mark.fault("F19")
def test_rows_that_firehose_could_not_deliver_are_seen_by_the_audit(staging: Staging) -> None:
    assert staging.wrong() == [
        (
            "undelivered",
            f"s3://{LAKE}/{REFUSED}",
            "Firehose could not deliver 3 rows of vpc_flow (3 DataFormatConversion.ParseError);"
            " put them again: tailrace replay --stage staging --failed",
        )
    ]
    (hour,) = staging.audited().hours
    assert (hour.name, hour.balanced) == ("2026-11-25T14:00:00Z", False)


@pytest.mark.fault("F19")
def test_they_are_put_again_as_they_were_put_and_then_the_audit_balances(
    staging: Staging,
) -> None:
    assert replayed(staging.cloud) == [
        Replayed("errors/vpc_flow", f"s3://{LAKE}/{REFUSED}", rows=3)
    ]
    assert staging.cloud.firehose.calls == [(STREAM, [ROWS, b'{"bytes":3}\n'])]
    assert staging.wrong() == []
    notes = [each for each in staging.audited().findings if not each.unbalances]
    assert said(notes)[0] == (
        "replayed",
        f"s3://{LAKE}/errors/",
        "1 object replayed, of 2026-11-25",
    )


@pytest.mark.fault("F19")
def test_a_second_replay_does_nothing(cloud: Cloud) -> None:
    replayed(cloud)
    assert replayed(cloud) == []
    assert len(cloud.firehose.calls) == 1
    marks = [key for key in cloud.keys(LAKE) if key.endswith(".replayed")]
    assert marks == [f"{REFUSED}.replayed"]
    assert json.loads(cloud.objects[LAKE, marks[0]][0]) == {
        "replayed_at": "2026-11-25T23:30:00+00:00",
        "rows": 3,
    }


@pytest.mark.fault("F19")
def test_what_failed_in_processing_is_brought_back_alike(cloud: Cloud) -> None:
    cloud.objects.clear()
    key = "errors/batch/processing-failed/dt=2026-11-25/staging-1"
    cloud.put(LAKE, key, firehose_errors(b'{"rows":1}\n', code="Lambda.FunctionTimedOut"))
    assert replayed(cloud) == [Replayed("errors/batch", f"s3://{LAKE}/{key}", rows=1)]
    assert cloud.firehose.calls == [("tailrace-staging-batch", [b'{"rows":1}\n'])]


def test_a_dry_run_counts_and_writes_nothing(cloud: Cloud) -> None:
    cloud.put(
        KEPT,
        GIVEN_UP,
        of_mapping(kinesis_event([envelope([log_event(FLOW), log_event("bad", 1)])])),
    )
    before = dict(cloud.objects)
    assert replayed(cloud, dry=True) == [
        Replayed("errors/vpc_flow", f"s3://{LAKE}/{REFUSED}", rows=3),
        Replayed("aws/lambda", f"s3://{KEPT}/{GIVEN_UP}", rows=1, rejected=1),
    ]
    assert cloud.objects == before
    assert cloud.firehose.calls == []


def test_what_firehose_takes_in_part_is_put_until_it_has_all(cloud: Cloud) -> None:
    cloud.firehose = FirehoseService(iter([failing([1])]))
    replayed(cloud)
    assert [len(sent) for _, sent in cloud.firehose.calls] == [2, 1]


def test_what_is_not_taken_again_is_not_marked(cloud: Cloud) -> None:
    cloud.firehose = FirehoseService(iter([error("ResourceNotFoundException")]))
    (one,) = replayed(cloud)
    assert one.fault == f"Firehose {STREAM} refuses: ResourceNotFoundException, 2 of 2 records"
    assert cloud.keys(LAKE) == [REFUSED]


def test_an_object_that_cannot_be_read_stays_and_is_told(staging: Staging) -> None:
    staging.cloud.put(LAKE, REFUSED, firehose_errors(ROWS) + b'{"rawData": 5}\nno json\n')
    (finding,) = staging.wrong()
    assert "(2 DataFormatConversion.ParseError, 2 no error record of Firehose)" in finding[2]
    assert "what cannot be read: 2 records;" in finding[2]
    (one,) = replayed(staging.cloud)
    assert (one.rows, one.lost) == (2, "2 records cannot be read")
    assert f"{REFUSED}.replayed" not in staging.cloud.keys(LAKE)


def test_a_table_that_nobody_knows_is_not_put_anywhere(cloud: Cloud) -> None:
    cloud.objects.clear()
    cloud.put(LAKE, "errors/door_log/x/1", firehose_errors(ROWS))
    assert [one.fault for one in replayed(cloud)] == ["there is no table door_log"]
    assert cloud.firehose.calls == []


def test_only_what_was_stored_in_the_window_is_replayed(cloud: Cloud) -> None:
    stored = Window(ALWAYS.from_time, datetime(2026, 11, 25, 14, 20, tzinfo=UTC))
    assert replayed(cloud, stored=stored) == []
    later = Window(stored.to_time, stored.to_time + timedelta(seconds=1))
    assert len(replayed(cloud, stored=later)) == 1


def test_what_firehose_said_of_the_data_is_told_nowhere(staging: Staging) -> None:
    told = f"{staging.audited().as_json()} {replayed(staging.cloud)}"
    assert "secret" not in told


# What Lambda gave up.


def given_up(staging: Staging, record: bytes, key: str = GIVEN_UP) -> None:
    staging.cloud.objects.pop((LAKE, REFUSED))
    staging.cloud.put(KEPT, key, record)


def test_a_batch_that_lambda_gave_up_unbalances_the_audit_until_it_is_replayed(
    staging: Staging,
) -> None:
    given_up(staging, of_mapping(kinesis_event([lines(8)])))
    staging.cloud.environment["TAILRACE_SOURCES"] = '{"*": "vpc-flow"}'
    assert staging.wrong() == [
        (
            "given_up",
            f"s3://{KEPT}/{GIVEN_UP}",
            "Lambda gave a batch up at 2026-11-25 14:20Z; bring it back: tailrace replay --stage"
            " staging --failed",
        )
    ]
    assert replayed(staging.cloud) == [Replayed("aws/lambda", f"s3://{KEPT}/{GIVEN_UP}", rows=1)]
    (row,) = staging.cloud.firehose.rows(STREAM)
    assert (row["bytes"], row["ingest_time"]) == (8, "2026-11-25T14:00:00.250Z")
    assert [entry["rows"] for entry in staging.cloud.firehose.rows("tailrace-staging-batch")] == [1]
    assert staging.wrong() == []
    assert replayed(staging.cloud) == []


def test_a_call_by_cloudwatch_logs_keeps_the_time_at_which_it_was_given_up(
    staging: Staging,
) -> None:
    """Its log events are too old to tell; a second run writes the same rows nevertheless."""
    old = log_event(FLOW, timestamp=ARRIVAL_MS - 3_600_000)
    given_up(staging, of_call(awslogs_event(envelope([old]))), "aws/lambda/async/f/1")
    assert [one.rows for one in replayed(staging.cloud)] == [1]
    (row,) = staging.cloud.firehose.rows(STREAM)
    assert row["ingest_time"] == "2026-11-25T14:20:00.021Z"


def test_records_that_are_only_pointed_to_are_fetched_from_the_stream(staging: Staging) -> None:
    payloads = [envelope([log_event(FLOW, number)]) for number in range(5)]
    staging.cloud.records = of_stream(payloads)
    given_up(staging, of_mapping(size=3, first=49_590_338_271_490_256_609))
    assert [one.rows for one in replayed(staging.cloud)] == [3]
    by_mapping = Cloud()
    by_mapping.put(KEPT, GIVEN_UP, of_mapping(kinesis_event(payloads)))
    replayed(by_mapping)
    assert staging.cloud.firehose.rows(STREAM) == by_mapping.firehose.rows(STREAM)[1:4]


def test_records_that_the_stream_has_no_more_are_said_to_be_lost(staging: Staging) -> None:
    staging.cloud.records = of_stream([envelope([log_event(FLOW)])] * 3)[2:]
    given_up(staging, of_mapping(size=3))
    (one,) = replayed(staging.cloud)
    assert (one.rows, one.lost) == (
        1,
        "2 of 3 records of shardId-000000000003: the stream has them no more",
    )
    assert [kind for kind, _, _ in staging.wrong()] == ["given_up"]
    staging.cloud.errors["GetShardIterator"] = [(400, "InvalidArgumentException")]
    (one,) = replayed(staging.cloud)
    assert one.lost == "3 of 3 records of shardId-000000000003: the stream has them no more"


@pytest.mark.parametrize(
    "record",
    [b"no json", b"[]", b"{}", of_mapping()[:-2], of_mapping({"Records": []})],
    ids=["text", "list", "nothing", "cut off", "no event"],
)
def test_an_invocation_record_without_an_event_is_told_and_stays(
    staging: Staging, record: bytes
) -> None:
    given_up(staging, record)
    (one,) = replayed(staging.cloud)
    assert one.lost or one.fault
    assert staging.cloud.keys(KEPT) == [GIVEN_UP]


def test_what_fails_again_is_told_and_stays(staging: Staging) -> None:
    given_up(staging, of_mapping(kinesis_event([envelope([log_event(FLOW)])])))
    staging.cloud.firehose = FirehoseService(iter([error("AccessDeniedException")]))
    (one,) = replayed(staging.cloud)
    assert one.fault == f"Firehose {STREAM} refuses: AccessDeniedException, 1 of 1 records"
    assert staging.cloud.keys(KEPT) == [GIVEN_UP]
    assert [one.rows for one in replayed(staging.cloud)] == [1]


def test_rows_straight_to_s3_lie_in_the_folder_of_the_hour_of_the_replay(
    staging: Staging,
) -> None:
    """Landing before a watermark is read no more."""
    staging.cloud.environment["TAILRACE_DELIVERY_MODE"] = "s3"
    event = kinesis_event([envelope([log_event(FLOW)])])
    event["Records"][0]["kinesis"]["sequenceNumber"] = "49590338271490256700"
    given_up(staging, of_mapping(event))
    before = set(staging.cloud.keys(LAKE))
    replayed(staging.cloud)
    new = set(staging.cloud.keys(LAKE)) - before
    assert {key.rpartition("/")[0] for key in new} == {
        "lake/landing/batch/arrival_dt=2026-11-25/arrival_hour=23",
        "lake/landing/vpc_flow/arrival_dt=2026-11-25/arrival_hour=23",
    }
    staging.show()
    found = staging.audited(now=NOW + timedelta(hours=1))
    assert [(hour.name[11:13], hour.rows, hour.balanced) for hour in found.hours] == [
        ("14", 3, True)
    ]


def test_without_the_role_that_reads_the_quarantine_it_is_said(staging: Staging) -> None:
    given_up(staging, of_mapping(kinesis_event([lines(8)])))
    staging.cloud.errors["AssumeRole"] = [(403, "AccessDenied")]
    with pytest.raises(TailraceError, match="STS: no AccessDenied"):
        replayed(staging.cloud)


def test_settings_that_this_version_does_not_know_stop_a_replay(staging: Staging) -> None:
    given_up(staging, of_mapping(kinesis_event([lines(8)])))
    staging.cloud.environment["TAILRACE_NEWER"] = "1"
    with pytest.raises(TailraceError, match="unknown setting TAILRACE_NEWER"):
        replayed(staging.cloud)
