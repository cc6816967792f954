"""Athena as the engine, on answers that are given where botocore would send a request."""

import os
import signal
from datetime import date, datetime
from decimal import Decimal

import pytest
from pyarrow import parquet  # noqa: F401 - loaded before warnings are errors

from pipeline.errors import NotConfigured, QueryFailed, UsageError
from pipeline.queries import parse, run
from pipeline.queries.engines.athena import Athena, Place, of_stage
from pipeline.settings import Settings
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
    assert sent["ExecutionParameters"] == [*bounds, *bounds, "3"]
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


def test_a_time_with_zone_is_one_in_utc_and_stays_text_in_another():
    kind = "timestamp with time zone"
    rows = [("2026-11-25 14:00:00.000 UTC", "2026-11-25 14:00:00.000 Asia/Tokyo")]
    found = answer(Service(columns=(("v", kind), ("w", kind)), rows=rows)).table.to_pylist()[0]
    assert found["v"] == NOW.replace(hour=14)
    assert found["w"] == "2026-11-25 14:00:00.000 Asia/Tokyo"


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


def test_throttling_is_waited_out():
    throttled = (400, "ThrottlingException", "Rate exceeded")
    service = Service(errors={"GetQueryExecution": [throttled]}, rows=TALKERS)
    assert len(answer(service).table) == 2
    assert service.operations().count("GetQueryExecution") == 4


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


def test_ctrl_c_stops_the_running_query_and_waits_until_it_is_stopped():
    service = Service(states=("RUNNING",))

    def watch(progress):
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(sql=TEXT, engine=asking(service)[0], now=NOW, watch=watch)
    assert service.operations()[-2:] == ["StopQueryExecution", "GetQueryExecution"]


def test_a_query_that_nobody_waits_for_is_stopped():
    service = Service(states=("RUNNING",))

    def watch(progress):
        raise Impatient

    with pytest.raises(Impatient):
        run(sql=TEXT, engine=asking(service)[0], now=NOW, watch=watch)
    assert service.stopped


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
    with pytest.raises(NotConfigured, match="which stack"):
        of_stage(Settings())
    with pytest.raises(UsageError, match="not a stage"):
        of_stage(Settings(), "../x")
    assert of_stage(Settings(), "eu-staging").place == Place(
        "tailrace-eu-staging", "tailrace_eu_staging", 60
    )


def test_without_a_region_it_is_said_what_to_set(monkeypatch, tmp_path):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(NotConfigured, match="region") as caught:
        run(sql=TEXT, engine=of_stage(Settings(), "staging"), now=NOW)
    assert "AWS_REGION" in caught.value.fix
