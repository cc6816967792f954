"""CONTRIBUTING's source, made as it says, in a copy of the project: found, parsed, queried."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOORS = """2026-11-25T14:00:00Z "main gate" 1200
2026-11-25T14:00:05Z cellar 300
2026-11-25T14:00:09Z "main gate" 800
2026-11-25T14:00:10Z "main gate" long
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with that source and its question in it."""
    copy = tmp_path_factory.mktemp("project")
    for name in ("pipeline", "sql", "infra", "docs"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    for kind, place in (("python", "pipeline/sources/door_log.py"), ("sql", "sql/doors.sql")):
        (block,) = re.findall(rf"^```{kind}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
        (copy / place).write_text(block, "utf-8")
    registry = copy / "pipeline" / "sources" / "__init__.py"
    known = registry.read_text("utf-8")
    registry.write_text(known.replace('"resolver")', '"resolver", "door-log")'), "utf-8")
    assert registry.read_text("utf-8") != known
    return copy


def ran(project: Path, module: str, *words: str, stdin: str = "") -> str:
    script = f"from {module} import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, *words],
        input=stdin,
        capture_output=True,
        text=True,
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(project)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_the_source_of_the_guide_is_found_parsed_and_queried(project: Path) -> None:
    ran(project, "pipeline.derive.__main__")
    assert "\n## door_log\n" in (project / "sql" / "TABLES.md").read_text("utf-8")
    assert "tailrace-${Stage}-door_log" in (project / "infra" / "delivery.yaml").read_text("utf-8")
    assert "### doors\n" in (project / "sql" / "README.md").read_text("utf-8")
    cli = "pipeline.cli"
    parsed = ran(project, cli, "parse", "door-log", "-", stdin=DOORS).splitlines()
    assert parsed[4:] == ["accepted=3 rejected=1 skipped=0"]
    assert '"held_ms":1200' in parsed[0]
    assert '"reason":"type"' in parsed[3]
    ran(project, cli, "ingest", "door-log", "-", stdin=DOORS)
    window = ("--from", "2026-11-25", "--to", "2026-11-26", "--output", "csv")
    assert ran(project, cli, "query", "doors", *window).splitlines()[:3] == [
        "door,times,held_ms",
        "main gate,2,2000",
        "cellar,1,300",
    ]
