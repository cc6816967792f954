"""What an import costs: an ETL function loads only what it needs, and importing does no work."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = (
    "awswrangler boto3 botocore duckdb fastapi pandas polars pydantic rich sqlglot typer uvicorn"
)

LOADED = """
import importlib, sys
for name in sys.argv[2:]:
    importlib.import_module(name)
from pipeline.sources import all_sources
all_sources()
print(*[name for name in sys.argv[1].split() if name in sys.modules])
"""

# Audit hooks see what a module does while it is imported, whoever wrote it. Reading is allowed:
# that is how modules come in. WRITING: os.O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND.
WATCHED = """
import importlib, os, pkgutil, sys, threading
WRITING = 0o1 | 0o2 | 0o100 | 0o1000 | 0o2000
WORK = ("sqlite3.connect", "socket.", "subprocess.", "os.mkdir", "os.remove", "os.rename",
        "os.rmdir", "os.exec", "os.fork", "os.spawn", "os.system", "signal.",
        "shutil.", "tempfile.", "urllib.")
done = []

def watch(event, arguments):
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING:
        done.append((event, arguments[0]))
    elif event.startswith(WORK) and event != "socket.__new__":
        done.append((event, arguments))

sys.addaudithook(watch)
names = ["pipeline"]
import pipeline
for found in pkgutil.walk_packages(pipeline.__path__, "pipeline."):
    if not found.name.endswith(".__main__"):
        names.append(found.name)
        before = len(done)
        importlib.import_module(found.name)
        done[before:] = [(found.name, *each) for each in done[before:]]
assert len(names) > 25, names
assert threading.active_count() == 1
for each in done:
    print(*each)
"""


def run(code: str, *arguments: str, folder: Path, environ: dict[str, str]) -> str:
    command = [sys.executable, "-B", "-c", code, *arguments]
    ran = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60
    )
    assert ran.stderr == ""
    assert ran.returncode == 0
    return ran.stdout.strip()


def test_an_etl_function_loads_nothing_of_the_query_side(tmp_path: Path) -> None:
    names = ["pipeline.batch", "pipeline.triggers", "pipeline.settings"]
    names += [f"pipeline.deliver.{each}" for each in ("firehose", "s3_sink", "s3_quarantine")]
    environ = {"PYTHONPATH": str(ROOT)}
    assert run(LOADED, HEAVY, *names, folder=tmp_path, environ=environ) == ""


@pytest.mark.parametrize("room", ["pipeline.curate", "pipeline.erase.stack"])
def test_a_function_that_looks_after_the_lake_loads_no_engine(tmp_path: Path, room: str) -> None:
    environ = {"PYTHONPATH": str(ROOT)}
    assert run(LOADED, HEAVY, room, folder=tmp_path, environ=environ) == ""


@pytest.mark.slow
def test_importing_any_module_in_a_bare_environment_does_no_work(tmp_path: Path) -> None:
    assert run(WATCHED, folder=tmp_path, environ={"PYTHONPATH": str(ROOT)}) == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", sorted((ROOT / "bench").glob("[a-z]*.py")), ids=lambda p: p.stem)
def test_a_benchmark_still_finds_what_it_measures(path: Path) -> None:
    """Nobody runs them for weeks, and they import from all over the product."""
    command = [sys.executable, "-c", f"import bench.{path.stem}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
