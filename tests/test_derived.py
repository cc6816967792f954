"""Generated files: they are what the declarations say, and a change of these would show."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from pipeline.derive.__main__ import ROOT, generated
from pipeline.derive.dictionary import page
from pipeline.derive.machines import INFRA
from pipeline.lake.tables import all_views, columns
from pipeline.settings import Settings, described, load
from tests.homes import written


def test_the_generated_files_are_up_to_date() -> None:
    command = [sys.executable, "-m", "pipeline.derive", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# JSON has no comments.
@pytest.mark.parametrize("path", [path for path in generated() if path.suffix != ".json"])
def test_a_file_says_where_it_comes_from(path: Path) -> None:
    head = path.read_text("utf-8")[:400]
    assert "Made from the declarations by `python -m pipeline.derive`; do not edit" in head


@pytest.mark.fault("F17")
def test_a_file_that_has_drifted_fails_the_check(tmp_path: Path) -> None:
    read = (
        *(ROOT / "pipeline").rglob("*.py"),
        *(ROOT / "sql").glob("*.sql"),
        *INFRA.glob("*.asl.yaml"),
        *(INFRA / "views").glob("*.vtl"),
        ROOT / "pipeline" / "web" / "tailrace.js",
    )
    for path in read:
        written(tmp_path / path.relative_to(ROOT), path.read_bytes())
    for path, text in generated().items():
        written(tmp_path / path.relative_to(ROOT), text.encode())
    schema = tmp_path / "pipeline" / "schema.py"
    changed = schema.read_text("utf-8").replace("Sequence number in the stream", "Its number")
    schema.write_text(changed, "utf-8")
    command = [sys.executable, "-m", "pipeline.derive", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 1
    told = "out of date: sql/TABLES.md, infra/catalog.yaml; run python -m pipeline.derive\n"
    assert done.stderr == told
    subprocess.run(command[:-1], cwd=tmp_path, check=True)
    subprocess.run(command, cwd=tmp_path, check=True)
    assert "Its number" in (tmp_path / "sql" / "TABLES.md").read_text("utf-8")


def test_the_dictionary_describes_every_column() -> None:
    text = page()
    for table in all_views().values():
        part = text.partition(f"\n## {table.name}\n")[2].partition("\n## ")[0]
        for field in columns(table):
            assert f"| `{field.name}` | {field.type.sql} | {field.doc}" in part


def test_the_example_names_every_setting_and_changes_none(tmp_path: Path) -> None:
    path = ROOT / "tailrace.example.toml"
    assert replace_origins(load(path, environ={})) == Settings()
    lines = [line.removeprefix("# ") for line in path.read_text("utf-8").splitlines()]
    for name, _, _ in described():
        key = name.rpartition(".")[2]
        assert any(line.startswith((f"{key} = ", f"[{key}]")) for line in lines), name


def replace_origins(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, origins={})


def test_the_defaults_of_the_example_are_the_defaults(tmp_path: Path) -> None:
    text = (ROOT / "tailrace.example.toml").read_text("utf-8")
    taken = [
        line.removeprefix("# ") if " = " in line and not line.startswith('# "') else line
        for line in text.splitlines()
        if not line.startswith(("# Settings", "# Flags", "# Made", "# file"))
    ]
    path = written(tmp_path / "tailrace.toml", "\n".join(taken).encode())
    assert replace_origins(load(path, environ={})) == Settings()
