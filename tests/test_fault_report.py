"""The fault matrix ends a run of all tests by itself, and a row without a test fails it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fault_report import HOMES, ROWS
from tests.homes import clean_environ

ROOT = Path(__file__).parents[1]
CONFTEST = (ROOT / "tests" / "conftest.py").read_text("utf-8")
SETTINGS = "[pytest]\ntestpaths = all\nmarkers =\n  fault: breaks something\n"
NAMES = list(ROWS)
EXCUSES = sum(bool(row.excused(home)) for row in ROWS.values() for home in HOMES)


def project(folder: Path, *rows: str) -> Path:
    """A project of its own with our report and one fault test for some rows."""
    (folder / "all").mkdir()
    (folder / "all" / "conftest.py").write_text(CONFTEST, "utf-8")
    (folder / "pytest.ini").write_text(SETTINGS, "utf-8")
    marked = f"import pytest\n\n@pytest.mark.fault({', '.join(map(repr, rows))})\n"
    test = marked + "def test_fault():\n    pass\n\ndef test_other():\n    pass\n"
    (folder / "all" / "test_all.py").write_text(test, "utf-8")
    return folder


def pytest_in(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        cwd=folder,
        env=clean_environ() | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("words", [(), ("-n", "2"), ("-m", "fault")])
@pytest.mark.slow
def test_a_row_without_a_test_fails_a_run_of_all(tmp_path: Path, words: tuple[str, ...]) -> None:
    ran = pytest_in(project(tmp_path, *NAMES[1:]), *words)
    assert ran.returncode == 1
    assert "without a test: F1 (aws)\n" in ran.stdout
    lines = [line for line in ran.stdout.splitlines() if line.split(" ")[0] in ROWS]
    assert len(lines) == len(ROWS)
    assert sum(line.count("passed: 1 test") for line in lines) == 2 * len(ROWS) - 2
    assert [line.split()[0] for line in lines if "NO TEST" in line] == ["F1"]


def test_a_run_of_all_passes_when_each_row_has_its_test(tmp_path: Path) -> None:
    ran = pytest_in(project(tmp_path, *NAMES), "--fault-report=rows.json")
    assert ran.returncode == 0
    rows = json.loads((tmp_path / "rows.json").read_text("utf-8"))
    assert list(rows) == NAMES
    assert sum(len(row["excused"]) for row in rows.values()) == EXCUSES


def test_a_test_of_one_home_shows_nothing_of_the_other(tmp_path: Path) -> None:
    folder = project(tmp_path, *NAMES[1:])
    (folder / "tests" / "cli").mkdir(parents=True)
    (folder / "pytest.ini").write_text(SETTINGS.replace("= all", "= all tests"), "utf-8")
    (folder / "all" / "test_all.py").rename(folder / "tests" / "cli" / "test_all.py")
    ran = pytest_in(folder)
    assert ran.returncode == 1
    assert f"{'F2':<4} {ROWS['F2'].fault:<62} {'passed: 1 test':<20} NO TEST" in ran.stdout
    assert f"{'F4':<4} {ROWS['F4'].fault:<62} {'passed: 1 test':<20} NO TEST" in ran.stdout
    assert f"{'F20':<4} {ROWS['F20'].fault:<62} {'passed: 1 test':<20} -" in ran.stdout


@pytest.mark.parametrize("words", [("-k", "other"), ("all/test_all.py",), ("--collect-only",)])
def test_a_run_of_some_ends_without_the_matrix(tmp_path: Path, words: tuple[str, ...]) -> None:
    ran = pytest_in(project(tmp_path, *NAMES[1:]), *words)
    assert ran.returncode == 0
    assert "fault matrix" not in ran.stdout


def test_a_run_of_some_ends_with_the_matrix_when_it_is_asked_for(tmp_path: Path) -> None:
    ran = pytest_in(project(tmp_path, *NAMES), "-k", "other", "--fault-report")
    assert ran.returncode == 1
    assert "without a test: F1 (aws), F2 (embedded), F2 (aws), F3" in ran.stdout


def test_a_fault_test_that_names_no_row_fails_a_run_of_all(tmp_path: Path) -> None:
    folder = project(tmp_path, *NAMES)
    bare = "import pytest\n\n@pytest.mark.fault\ndef test_bare():\n    pass\n"
    (folder / "all" / "test_bare.py").write_text(bare, "utf-8")
    ran = pytest_in(folder)
    assert ran.returncode == 1
    assert "names no row: all/test_bare.py::test_bare" in ran.stdout
