"""Where output goes: closed pipes, locales without marks, terminals of some width."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import termios
from pathlib import Path

import pytest

from tests.homes import COMMAND, Ran, call, clean_environ, flow, flows, run, written

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    call("ingest", "vpc-flow", written(tmp_path / "a", flows(*range(5_000))), "--home", home)
    return home


def closed(*words: str | Path) -> tuple[int, bytes]:
    """Run with a reader that takes one byte and goes; the code and stderr."""
    with subprocess.Popen(
        [COMMAND, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environ(),
        bufsize=0,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        return process.wait(60), process.stderr.read()


# What a spinner leaves of itself where the machine is slow: the cursor moved, a line erased.
SPINNER = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_a_terminal(columns: int, *words: str | Path, **given: str) -> Ran:
    """Run with standard output and error on a terminal of some width."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environ = {name: text for name, text in clean_environ().items() if name != "COLUMNS"}
    environ |= given
    with subprocess.Popen([COMMAND, *words], stdout=theirs, stderr=theirs, env=environ) as process:
        os.close(theirs)
        told = b""
        try:
            while piece := os.read(ours, 1 << 16):
                told += piece
        except OSError:
            pass  # how Linux says that the other end is closed
        os.close(ours)
        return Ran(process.wait(60), told.decode().replace("\r\n", "\n"), "")


def shell(script: str, *words: str) -> Ran:
    """Run a script of the shell, which can close what a command writes to."""
    done = subprocess.run(
        ["/bin/sh", "-c", script, "sh", *words],
        capture_output=True,
        env=clean_environ(),
        timeout=60,
        check=False,
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.mark.parametrize(
    "command", [("--help",), ("tables",), ("parse",), ("query",), ("audit",), ("doctor",)]
)
@pytest.mark.parametrize("to", ["full", "closed"])
def test_an_output_that_takes_nothing_ends_with_one_and_is_told(
    home: Path, tmp_path: Path, command: list[str], to: str
) -> None:
    words = [*command]
    if command == ("parse",):
        words += ["vpc-flow", str(tmp_path / "a")]
    if command == ("query",):
        words += ["--sql", "select * from vpc_flow"]
    if command[0] in ("query", "audit", "doctor"):
        words += ["--home", str(home)]
    ran = shell(f'exec {COMMAND} "$@" {">/dev/full" if to == "full" else ">&-"}', *words)
    why = "No space left on device" if to == "full" else "Bad file descriptor"
    assert ran.code == 1
    assert f"error: the output cannot be written: {why}\n" in ran.err
    assert ("defect" in ran.err, "Traceback" in ran.err, "Exception" in ran.err) == (False,) * 3


def test_what_is_said_may_go_nowhere(home: Path, tmp_path: Path) -> None:
    ran = shell(f"exec {COMMAND} tables vpc-flow 2>&-")
    assert (ran.code, ran.out.startswith("vpc_flow: ")) == (0, True)
    more = written(tmp_path / "b", flow(9_999))
    assert shell(f"exec {COMMAND} ingest vpc-flow {more} --home {home} 2>&-").code == 0
    assert shell(f"exec {COMMAND} ingest vpc-flow gone --home {home} 2>&-").code == 2
    assert shell(f"exec {COMMAND} audit --home {home} >&- 2>&-").code == 1
    assert shell(f"exec {COMMAND} audit --home {home} <&-").code == 0
    bad = written(tmp_path / "c", b"bad\n")
    assert shell(f"exec {COMMAND} parse vpc-flow {bad} 2>/dev/full").code == 1


@pytest.mark.parametrize("words", [("ingest", "app-log", "-"), ("parse", "app-log")])
def test_standard_input_that_cannot_be_read_is_told(tmp_path: Path, words: list[str]) -> None:
    ran = shell(f"cd {tmp_path}; exec {COMMAND} {' '.join(words)} <&-")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error: standard input cannot be read: ")


@pytest.mark.parametrize("form", ["table", "csv", "json", "jsonl", "parquet"])
def test_a_reader_that_has_had_enough_of_an_answer_is_no_error(home: Path, form: str) -> None:
    sql = "select * from vpc_flow"
    code, err = closed("query", "--sql", sql, "--output", form, "--home", home)
    assert code == 0
    assert b"Traceback" not in err
    assert b"BrokenPipe" not in err


def test_a_reader_that_has_had_enough_of_lines_is_no_error(tmp_path: Path) -> None:
    path = written(tmp_path / "a", flow(1) * 20_000)
    assert closed("parse", "vpc-flow", path) == (0, b"")


@pytest.mark.parametrize("words", [["audit"], ["doctor"], ["query"], ["tables"], ["--help"]])
def test_a_locale_without_marks_ends_no_command(home: Path, words: list[str]) -> None:
    ran = run(*words, TAILRACE_HOME=str(home), **ASCII)
    assert ran.code == 0
    assert ran.out.isascii()
    if words == ["audit"]:
        assert ran.out.endswith("\nok balanced\n")


def test_data_is_utf_8_whatever_the_locale() -> None:
    ran = run("parse", "app-log", stdin="hällo\n".encode(), **ASCII)
    assert json.loads(ran.out)["message"] == "hällo"
    ran = run("parse", "vpc-flow", stdin="hällo\n".encode(), **ASCII)
    assert json.loads(ran.err.splitlines()[0])["raw"] == "hällo"


@pytest.mark.parametrize("columns", [80, 100])
@pytest.mark.parametrize(
    "words",
    [
        ["query"],
        ["audit"],
        ["tables"],
        ["doctor"],
        ["query", "top_pairs", "--from", "2014-12-14", "--to", "2014-12-15"],
        ["query", "flow_health", "--from", "2014-12-14", "--to", "2014-12-15"],
    ],
)
def test_nothing_is_wider_than_the_terminal(
    columns: int, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    call("ingest", "vpc-flow", written(tmp_path / "a", flows(1, 2)))
    ran = on_a_terminal(columns, *words)
    assert ran.code == 0
    drawn = SPINNER.sub("", ran.out)
    assert [line for line in drawn.splitlines() if len(line) > columns] == []


def test_a_row_with_too_many_columns_is_told_value_by_value(home: Path) -> None:
    ran = on_a_terminal(80, "query", "--sql", "select * from vpc_flow limit 1", "--home", home)
    assert "srcaddr:         172.31.16.139\n" in ran.out
    assert "columns without any value left out)\n" in ran.out


def test_parquet_is_not_written_to_a_terminal(home: Path) -> None:
    ran = on_a_terminal(80, "query", "top_talkers", "--output", "parquet", "--home", home)
    assert (ran.code, ran.out.splitlines()[:2]) == (
        2,
        ["error: Parquet is no text", "  standard output is a terminal"],
    )


@pytest.mark.slow
def test_where_it_draws_no_frame_the_demo_draws_no_line_wider_than_the_terminal(
    tmp_path: Path,
) -> None:
    words = ("demo", "--for", "2", "--rate", "20", "--home", tmp_path)
    ran = on_a_terminal(40, *words, TERM="dumb")
    drawn = [line for line in ran.out.split("\r\x1b[2K") if line.startswith(("sending", "live"))]
    assert ran.code == 0
    assert drawn
    assert [line for line in drawn[:-1] if len(line) >= 40] == []


def test_log_text_never_drives_the_terminal_through_an_error(tmp_path: Path) -> None:
    home = tmp_path / "home"
    written(tmp_path / "a.log", b"\x1b]0;owned\x07\x1b[31mRED\n")
    run("ingest", "app-log", tmp_path / "a.log", "--home", home)
    ran = run("query", "--sql", "select cast(message as bigint) from app_log", "--home", home)
    assert (ran.code, "\x1b" in ran.err) == (4, False)
    assert "\\x1b" in ran.err
    ran = run("ingest", "app-log", tmp_path / "\x1b[31m.log", "--home", home)
    assert (ran.code, "\x1b" in ran.err) == (2, False)


DRIVING = "\x1b[31m\u202e\u009b\u061c\u2028"


@pytest.mark.parametrize("form", ["table", "csv", "json", "jsonl"])
def test_an_answer_never_drives_the_terminal_and_is_exact_elsewhere(
    tmp_path: Path, form: str
) -> None:
    home = tmp_path / "home"
    written(tmp_path / "a.log", f"a{DRIVING}z\n".encode())
    run("ingest", "app-log", tmp_path / "a.log", "--home", home)
    sql = "select message from app_log"
    words = ("query", "--sql", sql, "--output", form, "--home", home)
    shown = on_a_terminal(200, *words).out
    # A spinner of our own may be among it, where the machine is slow.
    assert [each for each in ("\x1b[31m", *DRIVING[5:]) if each in shown] == []
    if form == "jsonl":
        line = shown[shown.index("{") : shown.index("}") + 1]
        assert json.loads(line) == json.loads(run(*words).out)
    if form == "csv":
        assert f"a{DRIVING}z" in run(*words).out


def test_parsed_lines_and_rejects_never_drive_the_terminal(tmp_path: Path) -> None:
    for source in ("app-log", "vpc-flow"):
        path = written(tmp_path / source, f"a{DRIVING}z\n".encode())
        shown = on_a_terminal(200, "parse", source, path).out
        assert [each for each in DRIVING if each in shown and not each.isprintable()] == []
        assert "\\u202e" in shown


def test_a_traceback_never_drives_the_terminal(tmp_path: Path) -> None:
    ran = run("--debug", "ingest", "app-log", tmp_path / "\x1b[31m.log")
    assert (ran.code, "\x1b" in ran.err, "Traceback" in ran.err) == (2, False, True)


def test_a_file_that_is_known_has_no_bar(home: Path, tmp_path: Path) -> None:
    known, new = tmp_path / "a", written(tmp_path / "b", flows(*range(5_000, 6_000)))
    ran = on_a_terminal(100, "ingest", "vpc-flow", known, new, "--home", home)
    assert ran.code == 0
    assert "a was ingested before: nothing new\n" in ran.out
    assert "1/2 " not in ran.out
    assert "2/2 " in ran.out


def test_an_audit_fits_eighty_columns_when_something_was_erased(home: Path) -> None:
    request = {"requestTimeEpoch": 1_764_000_000_000, "ip": "203.0.113.9", "status": 200}
    path = written(home.with_name("api"), json.dumps(request).encode() + b"\n")
    declared = json.dumps({name: f"$context.{name}" for name in ("requestTimeEpoch", "status")})
    call("ingest", "api-gateway", path, "--format", declared, "--home", home)
    erased = call("erase", "--ip", "172.31.16.139", "--yes", "--home", home)
    assert erased.code == 0, erased.err
    ran = on_a_terminal(80, "audit", "--home", home)
    assert ran.code == 0
    head, rule, *hours = ran.out.partition("\n\n")[0].splitlines()
    assert head.split()[-2:] == ["erased", "repeats"]
    assert len(rule) <= 80
    assert [line.split()[0] for line in hours] == ["api-gateway", "vpc-flow", "all"]
    assert {line.split()[-1] for line in hours} == {"✓"}
