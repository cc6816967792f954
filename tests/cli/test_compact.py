"""tailrace compact: what it prints, and when it refuses."""

import json
from pathlib import Path

import pytest

from pipeline.home import writing
from tests.homes import call, lake_files, numbers
from tests.lake.days import bring
from tests.processed import context


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    bring(home, 1, 2)
    bring(home, 2, 1, identity="request/(1, 2)")
    return home


def test_the_figures_of_each_table_as_json(home: Path) -> None:
    ran = call("compact", "--json", "--home", home)
    assert (ran.code, ran.err) == (0, "")
    flows, batches = json.loads(ran.out)["tables"]
    assert all(flows.pop(name) > 0 for name in ("bytes_before", "bytes_after", "seconds"))
    assert flows == {
        "table": "vpc_flow",
        "days": 2,
        "files_in": 2,
        "rows_in": 4,
        "rows_out": 4,
        "damaged": [],
    }
    assert (batches["table"], batches["rows_out"]) == ("batch", 2)


def test_the_figures_of_each_table_as_a_table(home: Path) -> None:
    ran = call("compact", "--home", home)
    assert (ran.code, ran.err) == (0, "")
    head, _, flows, batches = ran.out.splitlines()
    assert head.split() == [
        *("table", "days", "files", "in", "rows", "in", "rows", "out"),
        *("bytes", "before", "bytes", "after", "seconds"),
    ]
    assert flows.split()[:5] == ["vpc_flow", "2", "2", "4", "4"]
    assert batches.split()[0] == "batch"
    again = call("compact", "--home", home)
    assert (again.code, again.out) == (0, "nothing has landed since the last time\n")
    assert json.loads(call("compact", "--json", "--home", home).out) == {"tables": []}


def test_a_second_writer_is_refused(home: Path) -> None:
    with writing(home, context()):
        ran = call("compact", "--home", home)
    assert ran.code == 1
    assert "another process writes to this home: pid" in ran.err
    assert len(lake_files(home)) == 2


def test_nothing_is_made_for_a_home_that_is_none(tmp_path: Path) -> None:
    ran = call("compact", "--home", tmp_path / "none")
    assert ran.code == 3
    assert not (tmp_path / "none").exists()


@pytest.mark.fault("F20")
def test_a_damaged_file_is_named_and_the_rest_is_done(home: Path) -> None:
    path = lake_files(home)[0]
    content = path.read_bytes()
    path.write_bytes(content + b"x")
    ran = call("compact", "--home", home)
    assert ran.code == 1
    name = path.relative_to(home / "lake").as_posix()
    assert ran.err == f"error: left out: 1 damaged file\n  {name}: see tailrace audit\n"
    path.write_bytes(content)
    assert numbers(home) == [1, 1, 2, 2]
