"""tailrace audit, tables and doctor: what they print, for people and for programs."""

import json
from pathlib import Path

import pytest

from pipeline.home import writing
from pipeline.lake.tables import all_views, columns
from pipeline.settings import Limits, described
from tests.homes import call, flow, lake_files, written
from tests.processed import context


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    call("ingest", "vpc-flow", written(tmp_path / "a", flow(1), b"bad\n\n"), "--home", home)
    return home


def test_the_audit_has_exactly_these_keys(home: Path) -> None:
    found = json.loads(call("audit", "--json", "--home", home).out)
    assert list(found) == ["balanced", "hours", "findings"]
    (hour,) = found["hours"]
    assert sorted(hour) == [
        "balanced",
        "dropped",
        "duplicates",
        "events_in",
        "hour",
        "rejected",
        "rows",
        "source",
    ]
    assert hour["hour"].endswith(":00:00Z")
    numbers = ("events_in", "rows", "rejected", "dropped", "duplicates")
    assert [hour[name] for name in numbers] == [3, 1, 1, 1, 0]


def test_the_audit_prints_each_hour_and_the_sum(home: Path) -> None:
    lines = call("audit", "--home", home).out.splitlines()
    assert lines[0].split() == [
        *("source", "arrived", "events", "in", "rows"),
        *("rejected", "dropped", "repeats", "unaccounted"),
    ]
    assert lines[2].split()[0] == "vpc-flow"
    assert lines[2].split()[2:] == ["3", "1", "1", "1", "0", "0", "✓"]
    assert lines[3].split() == ["all", "3", "1", "1", "1", "0", "0", "✓"]
    assert lines[-1] == "✓ balanced"


def test_an_audit_since_a_time_leaves_out_what_came_before(home: Path) -> None:
    found = json.loads(call("audit", "--json", "--since", "1h", "--home", home).out)
    assert sum(hour["rows"] for hour in found["hours"]) == 1


def test_tables_lists_every_table_and_column() -> None:
    out = call("tables").out
    for table in all_views().values():
        assert f"{table.name}: {table.doc}\n" in out
        shown = out.partition(f"{table.name}: ")[2]
        for field in columns(table):
            assert f"\n{field.name} " in shown


def test_one_table_may_be_asked_for_by_either_form() -> None:
    assert call("tables", "vpc-flow").out == call("tables", "vpc_flow").out
    assert call("tables", "vpc-flow").out.startswith("vpc_flow: ")


def test_tables_as_json_say_all_that_is_declared() -> None:
    found = json.loads(call("tables", "--json").out)
    assert [table["name"] for table in found] == list(all_views())
    assert list(found[0]) == ["name", "doc", "columns"]
    by_name = {column["name"]: column for column in found[0]["columns"]}
    assert by_name["srcport"] == {
        "name": "srcport",
        "type": "integer",
        "unit": "",
        "doc": all_views()["vpc_flow"]["srcport"].doc,
        "log_name": "srcport",
    }
    assert by_name["dt"]["type"] == "varchar"


def test_doctor_prints_every_setting_and_where_it_comes_from(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAILRACE_LIMITS_LINE_BYTES", "77")
    config = written(tmp_path / "t.toml", b"[limits]\nbatch_records = 5\n[prices]\nnat = 0.5\n")
    ran = call("doctor", "--home", home, "--config", config)
    assert ran.code == 0
    settings = [line.split() for line in ran.out.partition("setting ")[2].splitlines()[2:]]
    assert [words[0] for words in settings] == [name for name, _, _ in described()]
    assert ["limits.line_bytes", "77", "TAILRACE_LIMITS_LINE_BYTES"] in settings
    assert ["limits.batch_records", "5", str(config)] in settings
    assert ["prices.nat", "0.5", str(config)] in settings
    assert ["prices.cross_az", "0.01", "default"] in settings
    assert ["limits.batch_bytes", str(Limits().batch_bytes), "default"] in settings


def test_doctor_says_who_writes(home: Path) -> None:
    assert "✓ writer    nobody writes now\n" in call("doctor", "--home", home).out
    with writing(home, context()):
        assert "✓ writer    process " in call("doctor", "--home", home).out


def test_doctor_is_content_with_a_home_that_is_not_there_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = call("doctor", "--home", "home")
    assert (ran.code, (tmp_path / "home").exists()) == (0, False)
    assert f"✓ home      none yet at {tmp_path / 'home'}\n" in ran.out


@pytest.mark.fault("F33")
def test_doctor_names_a_file_that_the_lake_has_lost(home: Path) -> None:
    lost = lake_files(home)[0]
    lost.unlink()
    ran = call("doctor", "--home", home)
    assert ran.code == 1
    assert "✗ lake      1 file of the lake missing, the first landing/" in ran.out
    assert lost.name in ran.out


def test_doctor_ends_with_one_and_says_what_to_mend(home: Path, tmp_path: Path) -> None:
    config = written(tmp_path / "t.toml", b'[networks]\nfile = "gone.csv"\n')
    ran = call("doctor", "--home", home, "--config", config)
    assert ran.code == 1
    assert "✗ networks  " in ran.out
    (home / "log.db").write_bytes(b"no database" * 100)
    ran = call("doctor", "--home", home)
    assert ran.code == 1
    assert "✗ home      " in ran.out
