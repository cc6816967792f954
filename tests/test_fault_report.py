"""The fault matrix ends a run of all tests by itself, and a row without a test fails it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fault_report import ROWS
from tests.homes import clean_environ

ROOT = Path(__file__).parents[1]
CONFTEST = (ROOT / "tests" / "conftest.py").read_text("utf-8")
SETTINGS = "[pytest]\ntestpaths = all\nmarkers =\n  fault: breaks something\n"
OURS = [name for name, row in ROWS.items() if not row.elsewhere]


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
    ran = pytest_in(project(tmp_path, *OURS[1:]), *words)
    assert ran.returncode == 1
    assert f"without a test: {OURS[0]}\n" in ran.stdout
    lines = [line for line in ran.stdout.splitlines() if line.split(" ")[0] in ROWS]
    assert len(lines) == len(ROWS)
    assert sum(line.endswith("with the stack") for line in lines) == len(ROWS) - len(OURS)
    assert sum(line.endswith("passed: 1 test") for line in lines) == len(OURS) - 1


def test_a_run_of_all_passes_when_each_row_has_its_test(tmp_path: Path) -> None:
    ran = pytest_in(project(tmp_path, *OURS), "--fault-report=rows.json")
    assert ran.returncode == 0
    rows = json.loads((tmp_path / "rows.json").read_text("utf-8"))
    assert {name: row["elsewhere"] for name, row in rows.items()} == {
        name: row.elsewhere for name, row in ROWS.items()
    }


@pytest.mark.parametrize("words", [("-k", "other"), ("all/test_all.py",), ("--collect-only",)])
def test_a_run_of_some_ends_without_the_matrix(tmp_path: Path, words: tuple[str, ...]) -> None:
    ran = pytest_in(project(tmp_path, *OURS[1:]), *words)
    assert ran.returncode == 0
    assert "fault matrix" not in ran.stdout


def test_a_run_of_some_ends_with_the_matrix_when_it_is_asked_for(tmp_path: Path) -> None:
    ran = pytest_in(project(tmp_path, *OURS), "-k", "other", "--fault-report")
    assert ran.returncode == 1
    assert f"without a test: {', '.join(OURS)}\n" in ran.stdout


def test_a_fault_test_that_names_no_row_fails_a_run_of_all(tmp_path: Path) -> None:
    folder = project(tmp_path, *OURS)
    bare = "import pytest\n\n@pytest.mark.fault\ndef test_bare():\n    pass\n"
    (folder / "all" / "test_bare.py").write_text(bare, "utf-8")
    ran = pytest_in(folder)
    assert ran.returncode == 1
    assert "names no row: all/test_bare.py::test_bare" in ran.stdout
