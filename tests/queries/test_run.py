"""Questions to a home: what is opened, what comes back, what is said when nothing does."""

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.errors import HomeError, NotConfigured, QueryFailed, UsageError
from pipeline.lake import catalogue
from pipeline.queries import Window, ask, parse, run
from pipeline.store import Store
from tests.lake.days import compacted
from tests.queries.homes import bring, lines_at, moment

NOW = moment("2026-11-25T15:05")
FLOW = "1 eni-a 10.0.1.5 10.0.2.9 40000 443 6 1 {} {} ACCEPT OK egress"


def files_of(home, table="vpc_flow"):
    store = Store(home, writer=False)
    found = catalogue.files_of(store, table)
    store.close()
    return found


@pytest.fixture(scope="module")
def days(tmp_path_factory):
    """One file for each of three hours; the last holds a late event of the day before, too."""
    home = tmp_path_factory.mktemp("days")
    bring(home, lines_at(FLOW.format(1, "10:30:00")), "ten", "2026-11-25T10:31:00")
    bring(home, lines_at(FLOW.format(2, "11:30:00")), "eleven", "2026-11-25T11:31:00")
    late = lines_at(FLOW.format(4, "23:59:59"), "2026-11-24")
    bring(home, [*late, *lines_at(FLOW.format(8, "12:30:00"))], "twelve", "2026-11-25T12:31:00")
    return home


def test_only_files_that_overlap_the_window_are_opened(days, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(days, home)
    ten, eleven, twelve = sorted(files_of(home), key=lambda file: file.last_ms)
    (home / "lake" / ten.path).unlink()
    window = Window(moment("2026-11-25T11:00"), moment("2026-11-25T12:00"))
    answer = run("top_talkers", window=window, home=home, now=NOW)
    assert answer.table["bytes"].to_pylist() == [2]
    assert answer.cost.bytes_scanned == eleven.bytes + twelve.bytes
    with pytest.raises(QueryFailed, match=r"a file of the lake is missing") as caught:
        run(sql="SELECT sum(bytes) FROM vpc_flow", home=home, now=NOW)
    assert caught.value.fix == "see what is missing: tailrace audit"


@pytest.mark.parametrize(
    "name",
    [
        *("top_talkers", "top_pairs", "traffic_by_action", "traffic_over_time", "protocol_mix"),
        *("rejected_ports", "flow_health", "rejects"),
    ],
)
def test_a_saved_query_answers_the_same_before_and_after_compaction(days, tmp_path, name):
    home = tmp_path / "home"
    shutil.copytree(days, home)
    refused = FLOW.format(3, "11:05:00").replace("ACCEPT", "REJECT")
    bring(home, [*lines_at(refused), "nothing"], "refused", "2026-11-25T11:06:00")
    windows = [
        Window(moment("2026-11-25T11:00"), moment("2026-11-25T12:00")),
        Window(moment("2026-11-24T00:00"), moment("2026-11-26T00:00")),
    ]
    before = [run(name, window=window, home=home, now=NOW).rows() for window in windows]
    assert before[1]
    compacted(home)
    assert [run(name, window=window, home=home, now=NOW).rows() for window in windows] == before
    late = [*lines_at(FLOW.format(16, "11:40:00")), *lines_at(refused), "nothing"]
    bring(home, late, "late", "2026-11-25T12:50:00")
    bring(home, late, "late", "2026-11-25T12:51:00")
    mixed = [run(name, window=window, home=home, now=NOW).rows() for window in windows]
    assert mixed[1] != before[1]
    compacted(home)
    assert [run(name, window=window, home=home, now=NOW).rows() for window in windows] == mixed


def test_a_window_is_half_open(days):
    half = Window(moment("2026-11-25T10:30"), moment("2026-11-25T11:30"))
    answer = run("top_talkers", window=half, home=days, now=NOW)
    assert answer.table["bytes"].to_pylist() == [1]


def test_dt_is_the_day_of_the_event_also_when_it_came_late(days):
    sql = "SELECT dt, sum(bytes) FROM vpc_flow GROUP BY dt ORDER BY dt"
    assert run(sql=sql, home=days, now=NOW).rows() == [["2026-11-24", 4], ["2026-11-25", 11]]
    yesterday = parse(NOW, from_time="2026-11-24", to_time="2026-11-25")
    late = run("top_talkers", window=yesterday, home=days, now=NOW)
    assert late.table["bytes"].to_pylist() == [4]


def test_repeats_are_counted_once_and_seen_in_landing(tmp_path):
    for _ in range(2):
        bring(tmp_path, lines_at(FLOW.format(5, "14:30:00")), "same")
    bring(tmp_path, lines_at(FLOW.format(5, "14:30:00")), "other")
    count = "SELECT count(*) FROM {}"
    assert run(sql=count.format("vpc_flow"), home=tmp_path, now=NOW).rows() == [[2]]
    assert run(sql=count.format("vpc_flow_landing"), home=tmp_path, now=NOW).rows() == [[3]]


def test_answer_as_json(home, hour):
    answer = run("rejected_ports", params={"top": 1}, window=hour, home=home, now=NOW)
    said = json.loads(json.dumps(answer.as_json()))
    assert said.pop("seconds") >= 0
    assert said.pop("bytes_scanned") == sum(file.bytes for file in files_of(home))
    columns = [tuple(column.values()) for column in said.pop("columns")]
    assert columns[0] == ("dstport", "integer", "")
    assert columns[-1] == ("last_seen", "timestamp(3)", "")
    assert said == {
        "name": "rejected_ports",
        "rows": [[22, "TCP", "ssh", 3, 4, 2, 2, "2026-11-25T14:11:00Z", "2026-11-25T14:12:00Z"]],
        "from": "2026-11-25T14:00:00Z",
        "to": "2026-11-25T15:00:00Z",
        "as_of": "2026-11-25T15:00:00Z",
        "engine": "duckdb",
    }


def test_json_keeps_every_digit(home):
    sql = (
        "SELECT record_id, 9007199254740993 AS big, 7 AS small, 1e0 / 3 AS third,"
        " CAST(NULL AS bigint) AS none, ARRAY[1] AS list, DATE '2026-01-01' AS day,"
        " TIMESTAMP '2026-01-01 10:00:00.120' AS at, 1.50 AS exact, map(ARRAY['a'], ARRAY[1]) AS m"
        " FROM vpc_flow LIMIT 1"
    )
    identity, *row = run(sql=sql, home=home, now=NOW).rows()[0]
    assert isinstance(identity, str)
    assert int(identity)
    assert row[:5] == ["9007199254740993", 7, 1 / 3, None, [1]]
    assert row[5:7] == ["2026-01-01", "2026-01-01T10:00:00.120Z"]
    assert row[7] == "1.50"


def test_answer_as_a_frame(home, hour):
    frame = run("protocol_mix", window=hour, home=home, now=NOW).df()
    assert frame["bytes"].tolist() == [3000, 1000, 180, 100]


def test_an_empty_answer_knows_when_the_newest_data_is(home, hour):
    later = Window(hour.to_time + timedelta(days=1), hour.to_time + timedelta(days=2))
    answer = run("top_talkers", window=later, home=home, now=NOW)
    assert (answer.table.num_rows, answer.cost.bytes_scanned) == (0, 0)
    assert answer.newest == moment("2026-11-25T15:00")
    assert answer.as_json()["rows"] == []
    assert run("top_talkers", window=hour, home=home, now=NOW).newest is None


def test_a_table_without_rows_gives_an_empty_answer(days):
    answer = run("rejects", home=days, now=NOW)
    assert (answer.table.num_rows, answer.cost.as_of, answer.newest) == (0, None, None)
    assert [column.name for column in answer.columns][:2] == ["source", "reason"]
    assert run(sql="SELECT count(*) FROM tgw_flow", home=days, now=NOW).rows() == [[0]]


def test_tables_of_the_pipeline_itself_can_be_asked(home):
    sql = "SELECT sum(events_in), sum(rows), sum(rejected) FROM batch"
    assert run(sql=sql, home=home, now=NOW).rows() == [[19, 15, 4]]


def test_nothing_to_read_says_what_to_do(tmp_path):
    with pytest.raises(NotConfigured) as caught:
        run("top_talkers", home=tmp_path / "none", now=NOW)
    assert str(caught.value).splitlines() == [
        f"nothing to read in {tmp_path / 'none'}",
        "  no source has sent anything yet",
        "  try: tailrace demo, or tailrace ingest vpc-flow FILE",
    ]
    with pytest.raises(NotConfigured, match=r"nothing to read in \./\.nowhere"):
        run("top_talkers", home=Path(".nowhere"), now=NOW)


def test_a_home_that_cannot_be_looked_into_is_not_an_empty_one(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    for home, why in (
        (tmp_path / "file", "Not a directory"),
        (tmp_path / "file" / "below", "Not a directory"),
        (tmp_path / "loop", "Too many levels of symbolic links"),
        (tmp_path / ("x" * 300), "File name too long"),
    ):
        with pytest.raises(HomeError, match=f"the home cannot be read: {why}\n  at {home}\n"):
            run("top_talkers", home=home, now=NOW)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_home_without_permission_is_not_an_empty_one(tmp_path):
    home = tmp_path / "closed"
    home.mkdir(0o600)
    with pytest.raises(HomeError, match="the home cannot be read: Permission denied"):
        run("top_talkers", home=home, now=NOW)


def test_the_demo_is_read_where_the_home_itself_holds_nothing(tmp_path):
    bring(tmp_path / "demo", lines_at(FLOW.format(5, "14:30:00")))
    assert run("top_talkers", home=tmp_path, now=NOW).cost.home == tmp_path / "demo"
    bring(tmp_path, lines_at(FLOW.format(6, "14:30:00")))
    answer = run("top_talkers", home=tmp_path, now=NOW)
    assert (answer.cost.home, answer.table["bytes"].to_pylist()) == (tmp_path, [6])


def test_free_sql_is_bounded_by_the_window_it_asks_for(days):
    sql = "SELECT sum(bytes) FROM vpc_flow WHERE event_time >= :from_time AND event_time < :to_time"
    window = parse(NOW, from_time="2026-11-25T11:00", to_time="2026-11-25T12:00")
    assert run(sql=sql, window=window, home=days, now=NOW).rows() == [[2]]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, "ask one question"),
        ({"name": "rejects", "sql": "SELECT 1"}, "ask one question"),
        ({"name": "reject"}, "there is no query called reject"),
        ({"name": "rejects", "params": {"limit": 5}}, "rejects has no parameter limit"),
        ({"name": "rejects", "params": {"top": "0"}}, "parameter top of rejects is not a whole"),
        ({"sql": "SELECT :from_time"}, "the SQL needs a window for :from_time"),
        ({"sql": "SELECT 1", "params": {"x": 1}}, "sql has no parameter x"),
        ({"sql": "SELECT 1", "window": parse(NOW, since="1h")}, "the SQL is not bounded by the"),
    ],
)
def test_wrong_calls(asked, message, days):
    with pytest.raises(UsageError, match=message):
        run(asked.pop("name", None), **asked, home=days, now=NOW)


def test_the_engine_breaking_off_is_told_in_one_line(days):
    sql = "SELECT CAST(srcaddr AS bigint) FROM vpc_flow"
    with pytest.raises(QueryFailed, match=r"cannot cast '10\.0\.1\.5' to bigint") as caught:
        run(sql=sql, home=days, now=NOW)
    assert caught.value.where == "in the text of --sql"


@pytest.mark.parametrize(
    ("sql", "what", "fix"),
    [
        ("SELECT bytes / 0 FROM vpc_flow", "the SQL divides by zero", r"write x / NULLIF\(y, 0\)"),
        ("SELECT bytes % (bytes - bytes) FROM vpc_flow", "the SQL divides by zero",
         r"write x / NULLIF\(y, 0\)"),
        ("SELECT sum(srcaddr) FROM vpc_flow", r"there is no sum\(varchar\)",
         "CAST what it is given"),
        ("SELECT bytes * 9223372036854775807 FROM vpc_flow", "Overflow in multiplication of bigint",
         "correct the SQL"),
        ("SELECT srcaddr, count(*) FROM vpc_flow", "column .srcaddr. must appear in the GROUP BY",
         "correct the SQL"),
    ],
)  # fmt: skip
def test_the_engines_errors_are_put_into_plain_words(days, sql, what, fix):
    with pytest.raises(QueryFailed, match=f"^{what}") as caught:
        run(sql=sql, home=days, now=NOW)
    assert re.match(fix, caught.value.fix)
    assert not re.search(r"Error:|\bSET\b|INT64", str(caught.value))


def test_a_question_knows_what_duckdb_is_given_one_clause_a_line():
    assert ask("top_talkers", now=NOW).for_duckdb.sql.startswith(
        'SELECT\n  "vpc_flow"."srcaddr" AS "srcaddr",\n'
    )
    asked = ask(sql="SELECT max(bytes) AS v FROM vpc_flow LIMIT 1", now=NOW)
    assert asked.for_duckdb.sql.splitlines() == [
        "SELECT",
        '  MAX("vpc_flow"."bytes") AS "v"',
        'FROM "vpc_flow" AS "vpc_flow"',
        "LIMIT 1",
    ]


def test_what_is_bound_are_the_values_that_the_statement_takes():
    window = parse(NOW, from_time="2026-11-25T14:00", to_time="2026-11-26")
    bound = ask("traffic_over_time", params={"bucket": "1"}, window=window, now=NOW).bound
    assert [(name, str(value)) for name, value in bound.items()] == [
        ("bucket", "1"),
        ("source", "*"),
        ("port", "*"),
        ("top", "10000"),
        ("from_time", "2026-11-25 14:00:00"),
        ("to_time", "2026-11-26 00:00:00"),
        ("first_day", "2026-11-25"),
        ("last_day", "2026-11-25"),
    ]
    assert str(ask("top_talkers", now=NOW).bound["from_time"]) == "2026-11-25 14:05:00"
    assert ask(sql="SELECT 1", now=NOW).bound == {}
    with pytest.raises(UsageError, match="top_talkers has no parameter limit"):
        ask("top_talkers", params={"limit": 5}, now=NOW)


INTERRUPTED = """
import os, signal, sys, threading, time
from pipeline.cli import main
times = sys.argv.pop().split()
signal.signal(signal.SIGINT, signal.default_int_handler)
def interrupt():
    while "duckdb" not in [each.name for each in threading.enumerate()]:
        time.sleep(0.01)
    for seconds in times:
        threading.Timer(float(seconds), os.kill, (os.getpid(), signal.SIGINT)).start()
threading.Thread(target=interrupt, daemon=True).start()
main()
"""
MANY = "unnest(sequence(1, 10000))"
MANY_STEPS = (
    f"SELECT count(*) FROM {MANY} a(x), {MANY} b(y), {MANY} c(z)"  # noqa: S608 - own text
    " WHERE x * y * z % 7 = 3"
)
# Minutes in one call for all rows, in which the engine does not look up.
ONE_STEP = (
    "SELECT sum(length(regexp_replace(array_join(sequence(x, x + 9000), ''), '1[0-9]{900}z')))"
    " FROM unnest(sequence(1, 2000)) t(x)"
)


@pytest.mark.parametrize(
    ("sql", "times"), [(MANY_STEPS, "1"), (ONE_STEP, "1"), (ONE_STEP, "1 1.5 2")]
)
def test_ctrl_c_interrupts_the_engine(days, sql, times):
    words = [sys.executable, "-c", INTERRUPTED, "query", "--sql", sql, "--home", str(days), times]
    done = subprocess.run(words, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"interrupted\n")


# Whoever calls the library has the interrupt at once; the process is theirs to end.
CALLED = """
import os, signal, sys, threading
from pathlib import Path
from pipeline.queries import run
signal.signal(signal.SIGINT, signal.default_int_handler)
def interrupt(progress, seen=[]):
    if not seen:
        threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT)).start()
    seen.append(progress)
try:
    run(sql=sys.argv[2], home=Path(sys.argv[1]), watch=interrupt)
except KeyboardInterrupt:
    os._exit(5)
"""


@pytest.mark.parametrize("sql", [MANY_STEPS, ONE_STEP])
def test_an_interrupt_reaches_whoever_calls_the_library(days, sql):
    words = [sys.executable, "-c", CALLED, str(days), sql]
    assert subprocess.run(words, timeout=60).returncode == 5


LIGHT = """
import sys
import pipeline.queries
pipeline.queries.load()
heavy = {"duckdb", "sqlglot", "pyarrow", "numpy", "pandas"} & set(sys.modules)
sys.exit(f"loaded: {heavy}" if heavy else 0)
"""


def test_the_catalogue_is_listed_without_an_engine():
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True)
    assert (done.stderr, done.returncode) == ("", 0)


def test_a_query_does_not_load_pandas(days):
    script = (
        "import sys, pathlib, datetime; from pipeline.queries import run\n"
        f"run('top_talkers', home=pathlib.Path({str(days)!r}),"
        " now=datetime.datetime.now(datetime.UTC))\n"
        "sys.exit('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_nothing_but_the_data_is_on_standard_output(days):
    # Without a file as its main module a process is interactive for the engine.
    script = (
        "import sys; from pathlib import Path; from pipeline.queries.engines.closed import opened\n"
        "with opened(Path(sys.argv[1]), [], {}, 'SELECT 1', '') as engine:\n"
        " print(engine.execute(\"select current_setting('enable_progress_bar')\").fetchall())"
    )
    done = subprocess.run([sys.executable, "-c", script, str(days)], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[(False,)]\n", "")


def test_a_notebook_says_its_window_and_home_as_text(days):
    frame = run("top_talkers", from_time="2026-11-25T11:00", to_time="2026-11-25T12:00",
                home=str(days), now=NOW).df()  # fmt: skip
    assert frame["bytes"].tolist() == [2]
    with pytest.raises(UsageError, match="--since and --from/--to were both given"):
        run("top_talkers", since="1h", from_time="2026-11-25", home=days, now=NOW)
    with pytest.raises(UsageError, match="there is no engine called presto"):
        run("top_talkers", engine="presto", home=days, now=NOW)


def test_an_interface_that_fell_silent_before_the_window_is_named(tmp_path):
    lines = [
        *lines_at(FLOW.format(1, "11:00:00").replace("eni-a", "eni-gone")),
        *lines_at(FLOW.format(1, "11:30:00")),
        *lines_at(FLOW.format(1, "14:59:00")),
    ]
    bring(tmp_path, lines)
    hour = Window(moment("2026-11-25T14:00"), moment("2026-11-25T15:00"))
    gaps = run("flow_gaps", window=hour, home=tmp_path, now=NOW).table.to_pylist()
    assert [(row["interface_id"], row["kind"], row["seconds"]) for row in gaps] == [
        ("eni-gone", "silent since", 4 * 3600),
        ("eni-a", "silent", 12_540),
    ]
    health = run("flow_health", window=hour, home=tmp_path, now=NOW).table.to_pylist()
    assert [(row["interface_id"], row["ok"], row["lag_seconds"]) for row in health] == [
        ("eni-gone", 0, 4 * 3600),
        ("eni-a", 1, 60),
    ]
