"""Athena as the engine, on answers that are given where botocore would send a request."""

import os
import signal
from datetime import date, datetime
from decimal import Decimal

import pytest
from pyarrow import parquet  # noqa: F401 - loaded before warnings are errors

from pipeline import aws
from pipeline.cli.footer import footer, why_empty
from pipeline.errors import NotConfigured, QueryFailed, UsageError
from pipeline.queries import ask, parse, run
from pipeline.queries.engines.athena import Athena, Place, of_stage
from pipeline.settings import Settings
from tests.homes import run as command
from tests.queries.athena_service import ID, Service
from tests.queries.homes import moment

NOW = moment("2026-11-25T15:00")
PLACE = Place("tailrace-staging", "tailrace_staging", reuse_minutes=60)
TALKERS = [("10.0.1.5", "2400"), ("10.0.1.6", None)]
TEXT = "SELECT srcaddr, bytes FROM vpc_flow WHERE dt = '2026-11-25'"


def asking(service, place=PLACE):
    pauses = []
    return Athena(service.session(), place, pauses.append), pauses


def answer(service, place=PLACE, **words):
    words = words or {"sql": TEXT}
    return run(engine=asking(service, place)[0], now=NOW, **words)


def test_a_saved_query_is_sent_as_it_is_written_with_its_values_in_order():
    service = Service()
    window = parse(NOW, from_time="2026-11-25T14:00", to_time="2026-11-26")
    answer(service, name="top_talkers", params={"top": 3}, window=window)
    name, sent = service.asked[0]
    assert name == "StartQueryExecution"
    assert sent["QueryString"].startswith("SELECT\n    srcaddr,")
    assert sent["QueryString"].endswith("LIMIT ?")
    bounds = [
        "'2026-11-25'",
        "'2026-11-25'",
        "TIMESTAMP '2026-11-25 14:00:00.000'",
        "TIMESTAMP '2026-11-26 00:00:00.000'",
    ]
    # It reads the table twice: once for what is a gateway.
    any_source_and_port = ["'*'"] * 4
    assert sent["ExecutionParameters"] == [*bounds, *any_source_and_port, *bounds, "3"]
    assert sent["WorkGroup"] == "tailrace-staging"
    assert sent["QueryExecutionContext"] == {"Database": "tailrace_staging"}
    assert sent["ResultReuseConfiguration"] == {
        "ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 60}
    }
    assert len(sent["ClientRequestToken"]) >= 32


def test_it_is_looked_at_with_pauses_that_grow_until_it_is_done():
    service = Service(states=(*["QUEUED"] * 3, *["RUNNING"] * 6, "SUCCEEDED"), rows=TALKERS)
    engine, pauses = asking(service)
    seen = []
    found = run(sql=TEXT, engine=engine, now=NOW, watch=seen.append)
    assert [progress.state for progress in seen] == ["QUEUED"] * 3 + ["RUNNING"] * 6
    assert pauses == sorted(pauses)
    assert pauses[-1] == 2.0
    assert found.table.to_pylist() == [
        {"srcaddr": "10.0.1.5", "bytes": 2400},
        {"srcaddr": "10.0.1.6", "bytes": None},
    ]
    assert found.engine == "athena"


@pytest.mark.parametrize(
    ("scanned", "reused", "usd"),
    [(2_000_000_000_000, False, 10.0), (1, False, 0.00005), (2_000_000_000_000, True, 0.0)],
)
def test_the_cost_is_of_ten_megabytes_at_least_and_nothing_for_a_reused_answer(
    scanned, reused, usd
):
    cost = answer(Service(scanned=scanned, reused=reused)).cost
    assert (cost.bytes_scanned, cost.reused, cost.id) == (scanned, reused, ID)
    assert cost.usd == pytest.approx(usd)


@pytest.mark.fault("F31")
@pytest.mark.parametrize("count", [0, 1, 999, 1000, 2500])
def test_rows_come_in_pages_of_a_thousand_with_the_head_in_the_first(count):
    service = Service(rows=[(f"10.0.0.{number}", str(number)) for number in range(count)])
    found = answer(service)
    assert found.table["bytes"].to_pylist() == list(range(count))
    assert found.table.schema.names == ["srcaddr", "bytes"]
    assert service.operations().count("GetQueryResults") == (count + 1 + 999) // 1000


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("tinyint", "-5", -5),
        ("integer", "7", 7),
        ("bigint", "-9223372036854775808", -(2**63)),
        ("double", "1.5E-7", 1.5e-7),
        ("double", "Infinity", float("inf")),
        ("boolean", "true", True),
        ("date", "2026-11-25", date(2026, 11, 25)),
        ("timestamp", "2026-11-25 14:00:00.120", datetime(2026, 11, 25, 14, 0, 0, 120_000)),
        ("decimal(5,2)", "1.50", Decimal("1.50")),
        ("varchar", "NULL", "NULL"),
        ("array", "[a, b]", "[a, b]"),
        ("map", "{a=b}", "{a=b}"),
    ],
)
def test_the_text_of_a_value_becomes_what_it_says(kind, text, value):
    service = Service(columns=(("v", kind), ("w", kind)), rows=[(text, None)])
    assert answer(service).table.to_pylist() == [{"v": value, "w": None}]


def test_times_with_a_zone_stay_text_on_every_page():
    rows = [("2026-11-25 14:00:00.000 UTC",)] * 999 + [("2026-11-25 14:00:00.000 Asia/Tokyo",)]
    found = answer(Service(columns=(("v", "timestamp with time zone"),), rows=rows)).table
    assert found.num_rows == 1000
    assert found["v"][999].as_py() == "2026-11-25 14:00:00.000 Asia/Tokyo"


@pytest.mark.fault("F31")
@pytest.mark.parametrize(
    ("state", "reason", "says", "fix"),
    [
        ("FAILED", "COLUMN_NOT_FOUND: line 1:8: Column 'x'\nmore", "COLUMN_NOT_FOUND", "correct"),
        ("FAILED", "Query exhausted resources at this scale factor", "Query exhausted", "shorter"),
        ("FAILED", "", "the query is failed", "ask again"),
        ("CANCELLED", "Bytes scanned limit was exceeded", "Bytes scanned limit", "shorter window"),
        ("CANCELLED", "", "the query is cancelled", "somebody stopped it"),
    ],
)  # fmt: skip
def test_a_query_that_fails_says_why_and_what_to_do(state, reason, says, fix):
    with pytest.raises(QueryFailed, match=f"^{says}") as caught:
        answer(Service(states=("RUNNING", state), reason=reason))
    assert fix in caught.value.fix
    assert ID in caught.value.where
    assert "\n" not in caught.value.what


@pytest.mark.fault("F31")
def test_throttling_is_waited_out():
    throttled = (400, "ThrottlingException", "Rate exceeded")
    service = Service(errors={"GetQueryExecution": [throttled]}, rows=TALKERS)
    assert len(answer(service).table) == 2
    assert service.operations().count("GetQueryExecution") == 4


@pytest.mark.fault("F31")
@pytest.mark.parametrize(
    ("operation", "error", "says", "fix"),
    [
        ("StartQueryExecution", (400, "InvalidRequestException", "line 1:1: mismatched input"),
         "Athena: line 1:1: mismatched input", "correct the SQL"),
        ("StartQueryExecution", (400, "AccessDeniedException", "Access denied: no"),
         "Athena: Access denied", "sts get-caller-identity"),
        ("StartQueryExecution", (400, "InvalidRequestException", "WorkGroup x does not exist"),
         "Athena: WorkGroup x does not exist", "--stage"),
        ("GetQueryResults", (400, "InvalidRequestException", "Could not find results"),
         "Athena: Could not find results", "expired: ask again"),
    ],
)  # fmt: skip
def test_what_the_service_refuses_is_said_with_a_way_on(operation, error, says, fix):
    service = Service(errors={operation: [error]})
    with pytest.raises(QueryFailed, match=says) as caught:
        answer(service).table  # noqa: B018 - rows come when they are asked for
    assert fix in caught.value.fix


class Impatient(Exception):
    """Whoever watches goes away."""


@pytest.mark.fault("F31")
def test_ctrl_c_stops_the_running_query_and_waits_until_it_is_stopped():
    service = Service(states=("RUNNING",))

    def watch(progress):
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(sql=TEXT, engine=asking(service)[0], now=NOW, watch=watch)
    assert service.operations()[-2:] == ["StopQueryExecution", "GetQueryExecution"]


def test_ctrl_c_stays_one_when_athena_does_not_stop_the_query():
    denied = (400, "AccessDeniedException", "Access denied: no")
    service = Service(states=("RUNNING",), errors={"StopQueryExecution": [denied]})

    def watch(progress):
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as caught:
        run(sql=TEXT, engine=asking(service)[0], now=NOW, watch=watch)
    assert service.operations().count("StopQueryExecution") == 1
    assert f"stop-query-execution --query-execution-id {ID}" in caught.value.__notes__[0]


def test_a_query_that_does_not_end_is_not_waited_for_for_ever():
    service = Service(states=("RUNNING",), deaf=True)
    with pytest.raises(QueryFailed, match="took too long"):
        run(sql=TEXT, engine=asking(service)[0], now=NOW, enough=lambda: service.looks > 3)
    assert service.looks < 20


def test_a_query_that_nobody_waits_for_is_stopped():
    service = Service(states=("RUNNING",))

    def watch(progress):
        raise Impatient

    with pytest.raises(Impatient):
        run(sql=TEXT, engine=asking(service)[0], now=NOW, watch=watch)
    assert service.stopped


@pytest.mark.fault("F31")
def test_one_that_lasts_too_long_is_broken_off():
    service = Service(states=("RUNNING",))
    with pytest.raises(QueryFailed, match="took too long"):
        run(sql=TEXT, engine=asking(service)[0], now=NOW, enough=lambda: service.looks > 3)
    assert service.stopped


def test_one_that_is_done_is_not_stopped():
    service = Service(rows=TALKERS)
    answer(service)
    assert "StopQueryExecution" not in service.operations()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM vpc_flow",
        "SELECT * FROM vpc_flow WHERE event_time > TIMESTAMP '2026-11-25 00:00:00'",
        "SELECT * FROM vpc_flow WHERE dt = '2026-11-25' OR bytes > 1",
        "SELECT * FROM vpc_flow WHERE dt < '2026-11-25'",
        "SELECT * FROM vpc_flow WHERE dt = substr(CAST(event_time AS varchar), 1, 10)",
        "SELECT * FROM vpc_flow WHERE '2026-11-25' >= dt",
        "SELECT * FROM vpc_flow WHERE srcaddr IN (SELECT 'a' FROM reject WHERE dt = '2026-11-25')",
        "SELECT * FROM vpc_flow WHERE event_time > (SELECT max(event_time) FROM reject"
        " WHERE dt = '2026-11-25')",
        "SELECT * FROM vpc_flow a JOIN reject b ON a.dt = b.dt WHERE b.dt = '2026-11-25'",
        "WITH x AS (SELECT * FROM vpc_flow) SELECT * FROM x WHERE dt = '2026-11-25'",
        "SELECT * FROM vpc_flow WHERE dt = '2026-11-25' UNION ALL SELECT * FROM vpc_flow",
    ],
)
def test_sql_that_reads_all_days_is_not_sent_without_a_word(sql):
    service = Service()
    with pytest.raises(UsageError, match="the SQL reads all days of vpc_flow") as caught:
        answer(service, sql=sql)
    assert "--full-scan" in caught.value.fix
    assert service.asked == []
    answer(service, Place("w", "d", full_scan=True), sql=sql)
    assert service.operations()[0] == "StartQueryExecution"


@pytest.mark.parametrize(
    "sql",
    [
        TEXT,
        "SELECT * FROM vpc_flow WHERE dt BETWEEN '2026-11-24' AND '2026-11-25' AND bytes > 1",
        "SELECT * FROM vpc_flow f JOIN reject r ON r.dt = '2026-11-25' WHERE f.dt >= '2026-11-25'",
        "SELECT typeof(1), upper(srcaddr) FROM vpc_flow WHERE dt IN ('2026-11-25')",
        "SELECT * FROM vpc_flow WHERE '2026-11-25' <= dt",
        "SELECT * FROM vpc_flow WHERE date(dt) = current_date - interval '1' day",
        "WITH x AS (SELECT * FROM vpc_flow WHERE dt = '2026-11-25') SELECT * FROM x",
        "SELECT 1",
    ],
)
def test_sql_with_bounded_days_is_sent_whatever_the_engine_here_can_do(sql):
    service = Service()
    answer(service, sql=sql)
    assert service.asked[0][1]["QueryString"] == sql


def test_a_value_is_bound_and_quoted_once():
    service = Service()
    sql = "SELECT 1 FROM vpc_flow WHERE dt >= :first_day"
    window = parse(NOW, since="1h")
    answer(service, sql=sql, window=window)
    assert service.asked[0][1]["ExecutionParameters"] == ["'2026-11-25'"]


@pytest.mark.filterwarnings("ignore:The copy keyword is deprecated")  # of awswrangler, by pandas 3
def test_the_frame_comes_from_the_file_in_s3():
    service = Service(rows=[("10.0.1.5", "2400"), ("10.0.1.6", "12")])
    frame = answer(service).df()
    assert frame["bytes"].tolist() == [2400, 12]
    assert "S3GET" in service.operations()


def test_a_stack_has_its_own_workgroup_and_database(monkeypatch):
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    with pytest.raises(NotConfigured, match="which stack"):
        of_stage(Settings())
    with pytest.raises(UsageError, match="not a stage"):
        of_stage(Settings(), "../x")
    assert of_stage(Settings(), "eu-staging").place == Place(
        "tailrace-eu-staging", "tailrace_eu_staging", 60
    )


def test_the_region_is_what_aws_region_says_though_boto3_does_not_read_it(monkeypatch):
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    assert aws.session().region_name == "eu-west-3"


def test_a_profile_that_is_none_is_not_configured(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "nope")
    with pytest.raises(NotConfigured, match="nope"):
        of_stage(Settings(), "staging")


NOBODY = {"AWS_CONFIG_FILE": "none", "AWS_REGION": "", "AWS_DEFAULT_REGION": ""}


def test_the_command_gets_as_far_as_boto3_and_says_what_is_missing():
    ran = command("query", "top_talkers", "--stage", "staging", **NOBODY)
    assert (ran.code, ran.out) == (3, "")
    assert ran.err == (
        "error: AWS is not told which region to ask\n"
        "  set AWS_REGION, or AWS_PROFILE to one that has a region\n"
    )


@pytest.mark.fault("F31")
def test_an_empty_answer_of_athena_claims_nothing():
    window = parse(NOW, since="1h")
    found = answer(Service(), name="top_talkers", window=window)
    assert why_empty(found, ask("top_talkers", window=window, now=NOW), NOW) == (
        "no rows between 2026-11-25T14:00:00Z and 2026-11-25T15:00:00Z\n"
        "  try a longer window, such as --since 24h\n"
    )
    assert "25 MB scanned · 0.000125 USD · athena, asked anew" in footer(found)


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE vpc_flow",
        "UNLOAD (SELECT * FROM vpc_flow) TO 's3://elsewhere/' WITH (format = 'PARQUET')",
        "EXPLAIN ANALYZE SELECT * FROM vpc_flow",
        "CALL x(:from_time)",
        "SELECT 1; DROP TABLE vpc_flow",
        "ALTER TABLE vpc_flow DROP PARTITION (dt = '2026-11-25')",
        "",
        "SELECT '\udc80'",
    ],
)
def test_nothing_but_one_select_is_sent(sql):
    service = Service()
    with pytest.raises(QueryFailed):
        answer(service, Place("w", "d", full_scan=True), sql=sql)
    assert service.asked == []


def test_sql_nested_too_deeply_to_be_read_is_taken_for_unbounded():
    sql = f"SELECT {'(' * 3000}1{')' * 3000}"
    with pytest.raises(UsageError, match="reads all days"):
        answer(Service(), sql=sql)


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        ((("v", "timestamp"),), [("+12026-01-01 00:00:00.000",)]),
        ((("v", "bigint"),), [("",)]),
        ((("v", "date"),), [("-0001-01-01",)]),
        ((("v", "varchar"), ("w", "varchar")), [("a",)]),
    ],
)
def test_an_answer_that_cannot_be_read_is_said_to_be_one(columns, rows):
    found = answer(Service(columns=columns, rows=rows))
    with pytest.raises(QueryFailed, match="Athena's answer cannot be read") as caught:
        found.table  # noqa: B018 - rows come when they are asked for
    assert ID in caught.value.where


def test_a_first_row_that_is_no_head_is_a_row():
    assert len(answer(Service(rows=TALKERS, head=False)).table) == 2


def test_a_state_that_is_none_is_not_waited_for():
    with pytest.raises(QueryFailed, match="a state that is none: PAUSED"):
        answer(Service(states=("RUNNING", "PAUSED")))


def test_a_stop_that_fails_does_not_hide_why_it_was_wanted():
    denied = (400, "AccessDeniedException", "Access denied: no")
    service = Service(states=("RUNNING",), errors={"StopQueryExecution": [denied]})

    def watch(progress):
        raise Impatient

    with pytest.raises(Impatient) as caught:
        run(sql=TEXT, engine=asking(service)[0], now=NOW, watch=watch)
    assert "it may go on, and be billed" in caught.value.__notes__[0]


def test_a_frame_of_a_result_that_is_gone_says_so():
    service = Service(rows=TALKERS, errors={"S3HEAD": [(404, "NoSuchKey", "gone")] * 9})
    with pytest.raises(QueryFailed, match="not in S3 any more"):
        answer(service).df()
