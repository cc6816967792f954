"""tailrace query: what it prints beside the rows, and why there are none."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.beacon import Seen, lines_of
from pipeline.cli.catalogue import catalogue
from pipeline.cli.cells import cell
from pipeline.cli.page import page
from pipeline.queries import Column, load
from pipeline.queries.front_matter import SUBJECTS
from tests.homes import call, flow, lake_files, written

OLD = "the newest event is of 2014-12-14T04:07:50Z"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    call("ingest", "vpc-flow", written(tmp_path / "a", flow(1)), "--home", home)
    return home


def now_s() -> int:
    return int(datetime.now(UTC).timestamp()) - 60


def test_an_empty_answer_says_what_was_asked_and_what_to_try(home: Path) -> None:
    ran = call("query", "top_talkers", "--home", home)
    asked, newest, try_, span, footer = ran.err.splitlines()
    assert (ran.code, ran.out) == (0, "")
    assert asked.startswith("no rows between 20")
    assert asked.endswith("Z (the default: the last 1h)")
    assert newest == "  " + OLD
    assert re.fullmatch(r"(\d{4}-\d\d-\d\d )?.*\d\d:\d\d to .*\d\d:\d\dZ", span)
    assert footer.startswith("0 rows · ")
    words = try_.removeprefix("  try: ").split()
    assert words == ["--from", "2014-12-14", "--to", "2014-12-15"]
    assert "172.31.16.139" in call("query", "top_talkers", *words, "--home", home).out


def test_a_window_that_was_given_is_no_default(home: Path) -> None:
    ran = call("query", "top_talkers", "--since", "2h", "--home", home)
    assert "(the default" not in ran.err
    assert OLD in ran.err


def test_an_empty_answer_names_what_the_log_may_not_have(home: Path) -> None:
    days = ["--from", "2014-12-14", "--to", "2014-12-15"]
    ran = call("query", "cleartext", *days, "--home", home)
    needs = "encryption-status in the format of the flow log (version 10)"
    assert f"none that this query asks for; it needs {needs}\n" in ran.err
    assert f"\nneeds {needs}\n" in call("query", "cleartext", "--help").out
    assert "needs" not in call("query", "top_talkers", "--help").out


def test_no_hint_where_the_window_holds_what_is_newest(home: Path) -> None:
    days = ["--from", "2014-12-14", "--to", "2014-12-15"]
    ran = call("query", "rejected_ports", *days, "--home", home)
    assert "  there are events, but none that this query asks for\n" in ran.err
    assert "try:" not in ran.err


@pytest.mark.parametrize("ahead_s", [-30, 300])
def test_a_filter_that_is_on_by_default_is_named(tmp_path: Path, ahead_s: int) -> None:
    home, now_ms = tmp_path / "home", (now_s() + 60) * 1000
    view = {"path": "/a", "ts": now_ms + ahead_s * 1000}
    lines = lines_of([view], Seen(now_ms, "192.0.2.1", "curl/8.14.1"), bytes(32))
    call("ingest", "page-view", written(tmp_path / "b", lines[0] + b"\n"), "--home", home)
    ran = call("query", "top_pages", "--home", home)
    assert ran.err.splitlines()[1:3] == [
        "  there are events, but none that this query asks for",
        "  try: -p people=false; the default is to leave programs and what belongs to a page out",
    ]
    ran = call("query", "top_pages", "-p", "people=false", "--home", home)
    assert (ran.code, "try: -p" in ran.err) == (0, False)
    # No event is told that is still to come.
    ran = call("query", "top_pages", "--from", "2014-12-14", "--to", "2014-12-15", "--home", home)
    told = datetime.fromisoformat(ran.err.partition("the newest event is of ")[2].split()[0])
    assert told <= datetime.now(UTC)


@pytest.mark.parametrize("words", [["rejects"], ["--sql", "select * from reject"]])
def test_no_reject_is_said_to_be_none(home: Path, words: list[str]) -> None:
    assert call("query", *words, "--home", home).err.startswith("no line was refused\n")


def test_sql_without_rows_names_the_newest_event(home: Path) -> None:
    ran = call("query", "--sql", "select * from vpc_flow where bytes = 0", "--home", home)
    assert ran.err.startswith(f"no rows\n  {OLD}\n")


def test_only_what_was_counted_is_grouped(home: Path, tmp_path: Path) -> None:
    lines = b"".join(flow(n, now_s()).replace(b"ACCEPT", b"REJECT") for n in range(1_001))
    call(
        "ingest",
        "vpc-flow",
        written(tmp_path / "b", lines.replace(b" 22 ", b" 3389 ")),
        "--home",
        home,
    )
    ran = call("query", "rejected_ports", "--home", home)
    assert ran.out.splitlines()[2].split()[:4] == ["3389", "TCP", "rdp", "1,001"]
    ran = call("query", "--sql", "select count(*) * 10 from vpc_flow", "--home", home)
    assert ran.out.splitlines()[2] == "10020"
    assert ran.err.startswith("1 row · ")


def test_explain_shows_the_values_that_are_bound() -> None:
    ran = call(
        "query",
        "top_talkers",
        "--explain",
        "-p",
        "top=3",
        "--from",
        "2026-11-25",
        "--to",
        "2026-11-26",
    )
    assert (ran.code, ran.err) == (0, "")
    written_, run, bound = (
        ran.out.split("\n\n-- ")[0],
        ran.out.partition("-- for duckdb\n")[2],
        ran.out.partition("\n-- with\n")[2],
    )
    window = "first_day, last_day, from_time, to_time"
    order = f"{window}, source, source, port, port, {window}, top"
    assert written_.startswith(f"-- for athena, ? in the order {order}\nSELECT\n    srcaddr,\n")
    assert "event_time >= ? AND event_time < ?" in written_
    assert len(run.splitlines()) > 5
    assert sorted(bound.splitlines()) == [
        "-- :first_day = 2026-11-25",
        "-- :from_time = 2026-11-25T00:00:00Z",
        "-- :last_day = 2026-11-25",
        "-- :port = *",
        "-- :source = *",
        "-- :to_time = 2026-11-26T00:00:00Z",
        "-- :top = 3",
    ]


def test_explain_and_the_catalogue_show_the_prices_in_force(tmp_path: Path) -> None:
    config = written(tmp_path / "t.toml", b"[prices]\nnat = 0.5\n")
    assert (
        "-- :usd_per_gb = 0.5\n" in call("query", "nat_cost", "--explain", "--config", config).out
    )
    listed = call("query", "--config", config).out
    assert re.search(r"^  nat_cost .* usd_per_gb=0\.5 top=20$", listed, re.M)
    assert re.search(r"^  cross_az .* usd_per_gb=0\.01 top=20$", listed, re.M)


@pytest.mark.parametrize(("columns", "most"), [("100", 100), ("60", 60)])
def test_the_catalogue_names_all_by_subject_and_fits(
    columns: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = load()
    listed = catalogue(saved, int(columns))
    assert max(map(len, listed.splitlines())) <= most
    heads = re.findall(r"^(?:(\S.*)|  (\w+) .*)$", listed, re.M)
    wanted = []
    for subject, title in SUBJECTS.items():
        wanted += [(title, "")]
        wanted += [("", name) for name, query in saved.items() if query.subject == subject]
    assert heads == wanted


def test_money_is_read_at_a_glance() -> None:
    usd = Column("usd", "double", "usd")
    shown = [cell(value, usd) for value in (0.0, 7.8e-06, 0.0192, 1.5, 12345.678)]
    assert shown == ["0.0000", "<0.0001", "0.0192", "1.50", "12,345.68"]


def test_explain_refuses_a_parameter_that_would_be_refused() -> None:
    assert call("query", "top_talkers", "--explain", "-p", "top=x").code == 2


def test_json_is_of_the_shape_that_the_help_tells(home: Path) -> None:
    ran = call("query", "traffic_by_action", "--since", "1d", "--output", "json", "--home", home)
    told = call("query", "--help").out
    for key in json.loads(ran.out):
        assert key in told
    assert "the last 1h" in told


def test_the_demos_home_is_read_where_the_home_is_empty(home: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    home.rename(empty / "demo")
    for words in (["query", "--sql", "select 1 from vpc_flow"], ["audit"]):
        ran = call(*words, "--home", empty)
        assert ran.code == 0
        assert ran.err.startswith(
            f"note: the home is empty; this is the demo's data, in {empty / 'demo'}\n"
        )
    assert "(the home is empty; this is the demo's data)\n" in call("doctor", "--home", empty).out


def test_the_window_of_a_hint_is_a_day_of_the_data(home: Path, tmp_path: Path) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    at = int(yesterday.timestamp())
    call("ingest", "vpc-flow", written(tmp_path / "b", flow(1, at)), "--home", home)
    ran = call("query", "top_talkers", "--home", home)
    assert f"  try: --from {yesterday:%Y-%m-%d} --to {datetime.now(UTC):%Y-%m-%d}\n" in ran.err


def test_lists_and_lengths_of_time_are_told_in_every_form(home: Path) -> None:
    sql = "select array_agg(dstaddr) as a, interval '1' day as d from vpc_flow"

    def told(form: str) -> str:
        ran = call("query", "--sql", sql, "--output", form, "--home", home)
        assert ran.code == 0
        return ran.out

    assert told("table").splitlines()[2] == "[172.31.16.21]  1 day"
    assert told("csv").splitlines()[1] == "['172.31.16.21'],1 day"
    assert json.loads(told("json"))["rows"] == [[["172.31.16.21"], "1 day"]]
    assert json.loads(told("jsonl")) == {"a": ["172.31.16.21"], "d": "1 day"}


NESTED = """
    select array_agg(interval '1' day) as a, map(array['x'], array[interval '2' hour]) as m,
        array_agg(map(array['y'], array[event_time])) as n from vpc_flow
"""


def test_a_length_of_time_has_a_type_that_can_be_read(home: Path) -> None:
    found = json.loads(call("query", "--sql", NESTED, "--output", "json", "--home", home).out)
    types = [column["type"] for column in found["columns"]]
    assert types[:2] == ["array(interval)", "map(varchar, interval)"]


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_what_lists_and_maps_hold_is_told_as_it_is_outside_of_them(home: Path, form: str) -> None:
    ran = call("query", "--sql", NESTED, "--output", form, "--home", home)
    found = json.loads(ran.out)
    values = found["rows"][0] if form == "json" else [found[name] for name in "amn"]
    assert values == [["1 day"], {"x": "7200 s"}, [{"y": "2014-12-14T04:07:50Z"}]]


def test_what_lists_and_maps_hold_is_told_to_people_too(home: Path) -> None:
    shown = call("query", "--sql", NESTED, "--home", home).out.splitlines()[2]
    assert shown.split("  ") == ["[1 day]", "x=7200 s", "[y=2014-12-14T04:07:50Z]"]
    cells = call("query", "--sql", NESTED, "--output", "csv", "--home", home).out.splitlines()[1]
    assert cells == "['1 day'],{'x': '7200 s'},[{'y': '2014-12-14T04:07:50Z'}]"


@pytest.mark.parametrize("form", ["table", "csv", "json", "jsonl"])
@pytest.mark.parametrize(
    "at", ["from_unixtime(1764081600000)", "array[from_unixtime(253402300800)]"]
)
def test_a_time_after_the_year_9999_is_refused_where_it_would_be_text(
    home: Path, form: str, at: str
) -> None:
    sql = f"select 1 as a, {at} as t from vpc_flow"  # noqa: S608 - own text
    ran = call("query", "--sql", sql, "--output", form, "--home", home)
    assert (ran.code, ran.out) == (4, "")
    assert ran.err.startswith("error: a time of the answer is not of the years 1 to 9999\n")


def test_bytes_are_pairs_of_hex_digits_in_every_form(home: Path) -> None:
    sql = "select to_utf8('=1') as b, array[to_utf8('é')] as l from vpc_flow"

    def told(form: str) -> str:
        ran = call("query", "--sql", sql, "--output", form, "--home", home)
        assert ran.code == 0
        return ran.out

    assert told("table").splitlines()[2] == "3d 31  [c3 a9]"
    assert told("csv").splitlines()[1] == "3d 31,['c3 a9']"
    assert json.loads(told("jsonl")) == {"b": "3d 31", "l": ["c3 a9"]}
    found = json.loads(told("json"))
    assert found["rows"] == [["3d 31", ["c3 a9"]]]
    types = [column["type"] for column in found["columns"]]
    assert types == ["varbinary", "array(varbinary)"]


def test_an_object_with_two_columns_of_one_name_is_refused(home: Path) -> None:
    sql = "select 1 as a, 2 as b, 3 as a from vpc_flow"
    ran = call("query", "--sql", sql, "--output", "jsonl", "--home", home)
    assert (ran.code, ran.out) == (4, "")
    assert ran.err.startswith("error: two columns of the answer are called a\n")
    assert "AS" in ran.err.splitlines()[2]
    rows = call("query", "--sql", sql, "--output", "csv", "--home", home).out
    assert rows == "a,b,a\n1,2,3\n"


def test_a_head_is_guarded_like_a_cell(home: Path) -> None:
    sql = """select 'x' as "=1+1", '=2' as "fine" from vpc_flow"""
    ran = call("query", "--sql", sql, "--output", "csv", "--home", home)
    assert ran.out == "'=1+1,fine\nx,'=2\n"


def test_the_file_of_a_saved_query_never_drives_the_terminal() -> None:
    evil = "\x1b[31m\u202e"
    query = load()["top_talkers"]
    shown = replace(
        query,
        description=f"it {evil}",
        sql=f"SELECT '{evil}'\n\tFROM vpc_flow",
        params=(replace(query.params[0], default=f"5{evil}", doc=evil),),
        columns=(Column("srcaddr", "varchar", doc=evil),),
    )
    for text in (page(shown), catalogue({"top_talkers": shown}, 200)):
        assert [each for each in "\x1b\u202e" if each in text] == []
        assert "it \\x1b[31m\\u202e" in text
    assert "SELECT '\\x1b[31m\\u202e'\n\tFROM vpc_flow" in page(shown)


def test_explain_never_drives_the_terminal() -> None:
    sql = "select 'a\x1b[31m\u202e',\n\t:first_day from vpc_flow where event_time >= :from_time"
    ran = call("query", "--sql", sql, "--since", "1h", "--explain")
    assert ran.code == 0
    assert [each for each in "\x1b\u202e" if each in ran.out] == []
    assert "select 'a\\x1b[31m\\u202e',\n\t? from" in ran.out
    assert "  'a\\x1b[31m\\u202e' AS" in ran.out


def test_parquet_that_cannot_hold_an_answer_says_so_and_writes_nothing(home: Path) -> None:
    sql = "select interval '1' day as d"
    ran = call("query", "--sql", sql, "--output", "parquet", "--home", home)
    assert (ran.code, ran.out) == (4, "")
    assert ran.err.startswith("error: Parquet cannot hold a column of this answer\n")


def test_a_long_text_is_cut_in_a_table_alone(home: Path) -> None:
    sql = "select rpad(interface_id, 300, 'x') as long from vpc_flow"
    table = call("query", "--sql", sql, "--home", home).out.splitlines()[2]
    exact = call("query", "--sql", sql, "--output", "csv", "--home", home).out.splitlines()[1]
    assert (len(table), table[-1]) == (200, "…")
    assert len(exact) > 200


def test_a_file_that_is_missing_from_the_lake_is_named(tmp_path: Path) -> None:
    home = tmp_path / "home"
    call("ingest", "vpc-flow", written(tmp_path / "a", flow(1)), "--home", home)
    (path,) = lake_files(home)
    path.unlink()
    ran = call("query", "--sql", "select count(*) from vpc_flow", "--home", home)
    assert ran.code == 4
    assert ran.err.startswith(f"error: a file of the lake is missing\n  at {path}\n")
    assert "tailrace audit\n" in ran.err
