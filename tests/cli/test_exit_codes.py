"""How a command ends: 0 ok, 1 failed, 2 usage, 3 not configured; one message, no traceback."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.home import writing
from pipeline.queries.catalogue import folder
from tests.homes import call, flow, run, written
from tests.processed import context


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    call("ingest", "vpc-flow", written(tmp_path / "a", flow(1)), "--home", home)
    return home


@pytest.mark.parametrize("words", [["audit"], ["audit", "--since", "1h"], ["doctor"], ["tables"]])
def test_a_command_that_does_its_work_ends_with_zero(
    home: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAILRACE_HOME", str(home))
    assert call(*words).code == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["audit", "--since", "1x"], "error: not a length of time: '1x'\n"),
        (["audit", "--config", "gone.toml"], "error: the settings file cannot be read: "),
        (["query", "top_talkers", "--output", "xml"], "error: there is no form 'xml'\n"),
        (
            ["query", "top_talkers", "--sql", "select 1"],
            "error: a name and --sql were both given\n",
        ),
        (["parse", "vpc-flow", "gone.log"], "error: there is no such file\n"),
        (["demo", "--target", "zzz"], "error: there is no target 'zzz'\n"),
        (["demo", "--for", "x"], "error: invalid value for '--for': "),
        (["nothing"], "error: no such command 'nothing'\n"),
        (["query", "--nothing"], "error: no such option: --nothing\n"),
        (["tables", "zzz"], "error: there is no table called zzz\n"),
    ],
)
def test_a_wrong_call_ends_with_two(
    home: Path, words: list[str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAILRACE_HOME", str(home))
    ran = call(*words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(says)


@pytest.mark.parametrize(
    "words",
    [
        ["audit", "--since", "1x"],
        ["audit", "--since", "1x", "--stage", "staging"],
        ["query", "--since", "1x"],
        ["query", "top_talkers", "--since", "1x", "--stage", "staging"],
        ["query", "top_talkers", "--from", "zz", "--engine", "athena"],
        ["query", "--to", "2026-11-25"],
        ["query", "-p", "top"],
        ["query", "-p", "top=5"],
        ["query", "--since", "1h"],
        ["query", "--output", "json"],
        ["query", "top_talkers", "-p", "top=x"],
        ["query", "top_talkers", "-p", "top=x", "--engine", "athena"],
        ["query", "top_talkers", "-p", "nothing=1", "--stage", "staging"],
        ["query", "--sql", "select 1", "-p", "top=5", "--engine", "athena"],
        ["query", "nothing", "--engine", "athena"],
        ["query", "top_talkers", "--engine", "presto"],
        ["query", "top_talkers", "--engine", "athena", "--stage", "../x"],
        ["query", "top_talkers", "--engine", "duckdb", "--stage", "staging"],
        ["query", "top_talkers", "--sql", "select 1", "--engine", "athena"],
        ["ingest", "vpc-flow", "s3://b/k", "gone.log"],
        ["parse", "vpc-flow", "s3://b/k", "gone.log"],
        ["doctor", "--rebuild", "--stage", "staging"],
        ["replay", "--quarantine", "--prefix", "s3://logs/", "--stage", "staging"],
        ["replay", "--failed", "--source", "vpc-flow", "--stage", "staging"],
        ["replay", "--prefix", "logs/", "--stage", "staging"],
        ["replay", "--stage", "staging"],
    ],
)
def test_a_wrong_value_ends_with_two_whatever_else_is_missing(
    tmp_path: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAILRACE_HOME", str(tmp_path / "empty"))
    ran = call(*words)
    assert (ran.code, ran.out) == (2, "")
    assert not (tmp_path / "empty").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["query", "top_talkers", "--engine", "athena"], "error: it is not said which stack"),
        (["ingest", "vpc-flow", "s3://b/k"], "error: s3://b/k needs the AWS part"),
        (["parse", "vpc-flow", "s3://b/k"], "error: s3://b/k needs the AWS part"),
        (["audit", "--home", "no home"], "error: nothing to read in no home\n"),
    ],
)
def test_what_is_not_there_yet_ends_with_three_and_one_message(words: list[str], says: str) -> None:
    ran = call(*words)
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith(says)
    assert ran.err.count("error:") == 1
    assert not Path("no home").exists()


@pytest.mark.parametrize(
    ("variable", "says"),
    [("TAILRACE_HOEM", "did you mean TAILRACE_HOME?"), ("TAILRACE_LIMITS_X", "unknown setting")],
)
def test_an_unknown_setting_ends_with_two(variable: str, says: str) -> None:
    ran = run("audit", **{variable: "1"})
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err


def test_the_home_comes_from_the_flag_before_the_environment(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAILRACE_HOME", str(tmp_path / "empty"))
    assert call("audit").code == 3
    assert call("audit", "--home", home).code == 0


@pytest.mark.fault("F33")
def test_a_home_that_cannot_be_used_ends_with_one(tmp_path: Path) -> None:
    path = written(tmp_path / "a", flow(1))
    ran = call("ingest", "vpc-flow", path, "--home", path)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error: the home cannot be made: ")
    written(tmp_path / "home" / "log.db", b"no database" * 100)
    for command in (["audit"], ["ingest", "vpc-flow", str(path)]):
        ran = call(*command, "--home", tmp_path / "home")
        assert ran.code == 1
        assert ran.err.startswith("error: the home cannot be opened: file is not a database\n")


def test_a_second_writer_ends_with_one_and_names_the_pid(home: Path, tmp_path: Path) -> None:
    path = written(tmp_path / "b", flow(2))
    with writing(home, context()):
        ran = call("ingest", "vpc-flow", path, "--home", home)
        assert (ran.code, ran.out) == (1, "")
        assert ran.err.startswith(
            f"error: another process writes to this home: pid {os.getpid()}\n"
        )
        assert call("audit", "--home", home).code == 0
    assert call("ingest", "vpc-flow", path, "--home", home).code == 0


def test_debug_shows_the_traceback_of_a_failure(tmp_path: Path) -> None:
    ran = run("--debug", "audit", "--home", tmp_path / "home")
    assert "Traceback" in ran.err
    assert "NotConfigured" in ran.err


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["parse", "app-log", "x" * 300], 2, "there is no such file: File name too long"),
        (["ingest", "app-log", "x/" * 3_000], 2, "there is no such file: File name too long"),
        (["parse", "app-log", "/proc/self/mem"], 1, "the file cannot be read: "),
        (["ingest", "app-log", "/proc/self/mem"], 1, "the file cannot be read: "),
        (["audit", "--config", "x" * 300], 2, "the settings file cannot be read: "),
        (["audit", "--home", "x" * 300], 1, "the home cannot be read: File name too long"),
        (["doctor", "--rebuild", "--home", "x" * 300], 1, "the home cannot be read: "),
        (["ingest", "app-log", "a", "--home", "x" * 300], 1, "the home cannot be made: "),
        (["parse", "app-log", "a", "--rejects", "x" * 300], 2, "the rejects cannot be written: "),
        (["demo", "--for", "1e400"], 2, "not a number of seconds: inf"),
        (["demo", "--for", "nan"], 2, "not a number of seconds: nan"),
        (["serve", "--host", "a\udcff"], 2, "this is no UTF-8"),
        (["serve", "--host", "192.0.2.1"], 2, "192.0.2.1 is no address of this machine"),
        (["serve", "--host", "x" * 300], 2, "no such address: "),
    ],
)
def test_what_cannot_be_is_told_and_is_no_defect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "a", b"up\n")
    ran = call(*words)
    assert (ran.code, ran.err.startswith(f"error: {says}")) == (code, True), ran.err


@pytest.mark.parametrize("file", ["a\\u0000b", "pipe", "x" * 300])
def test_a_networks_file_that_cannot_be_is_told(tmp_path: Path, file: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    config = written(tmp_path / "t.toml", f'[networks]\nfile = "{file}"\n'.encode())
    ran = call("parse", "app-log", written(tmp_path / "a", b"up\n"), "--config", config)
    assert ran.code == 2
    assert ran.err.startswith("error: the networks file cannot be read: ")


def test_a_saved_query_that_is_broken_is_told_and_hides_no_other_error(tmp_path: Path) -> None:
    for name in ("pipeline", "sql"):
        shutil.copytree(folder().parent / name, tmp_path / name)
    bad = tmp_path / "sql" / "bad.sql"
    bad.write_text("SELECT 1\n")

    def ended(*words: str) -> tuple[int, list[str]]:
        script = "from pipeline.cli import main; main()"
        environment = os.environ | {"PYTHONPATH": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", script, *words],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment,
        )
        return done.returncode, done.stderr.splitlines()

    code, said = ended("query")
    assert (code, said[1]) == (1, f"  at {bad}:1")
    assert said[0].startswith("error: a saved query is not as it must be: the front matter does")
    code, said = ended("query", "top_talkers", "--top", "5")
    assert (code, said[-1]) == (2, "  a parameter of a query is given so: -p top=5")


@pytest.mark.parametrize(
    "words", [("audit",), ("doctor",), ("replay", "--failed"), ("query", "top_talkers")]
)
@pytest.mark.parametrize("stage", ["", " "])
def test_a_stage_without_a_name_is_not_the_home(words: tuple[str, ...], stage: str) -> None:
    ran = call(*words, "--stage", stage)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        "error: the stage has no name\n  --stage\n  name one, like staging, or leave --stage out\n"
    )


def test_a_stage_is_explained_alike_by_every_command() -> None:
    for command in ("audit", "doctor", "replay", "query"):
        text = " ".join(call(command, "--help").out.split())
        assert "--stage S A deployed stack: staging, production." in text, command
