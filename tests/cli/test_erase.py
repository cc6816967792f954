"""tailrace erase: what it prints, when it asks, and what it refuses."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from pipeline.home import writing
from pipeline.lake import readers
from tests.erase.homes import ADDRESS, bad, holders, line, send
from tests.homes import COMMAND, call, files_under, numbers, run
from tests.processed import context


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    send(home, line(1) + line(2, ADDRESS) + bad(ADDRESS) + bad())
    return home


def test_a_dry_run_says_what_would_go_and_changes_nothing(home: Path) -> None:
    before = files_under(home)
    ran = call("erase", "--ip", ADDRESS, "--dry-run", "--home", home)
    assert (ran.code, ran.err) == (0, "")
    head, _, _, flows, _, kept, *_ = ran.out.splitlines()
    assert head == f"address {ADDRESS}: 2 rows would be removed, 2 files would be rewritten"
    assert flows.split() == ["vpc_flow", "2014-12-14", "1"]
    assert kept == (
        "quarantine: 1 line would be removed; 1 object would be rewritten,"
        " 0 objects would be deleted"
    )
    assert (numbers(home), files_under(home)) == ([1, 2], before)


def test_a_dry_run_works_beside_a_writer(home: Path) -> None:
    with writing(home, context()):
        assert call("erase", "--ip", ADDRESS, "--dry-run", "--home", home).code == 0
        ran = call("erase", "--ip", ADDRESS, "--yes", "--home", home)
    assert ran.code == 1
    assert "another process writes to this home: pid" in ran.err


def test_the_rows_go_and_the_receipt_is_kept(home: Path) -> None:
    ran = call("erase", "--ip", f"::ffff:{ADDRESS}", "--yes", "--home", home)
    assert ran.code == 0, ran.err
    assert ran.out.startswith(f"address {ADDRESS}: 2 rows removed, 2 files rewritten\n")
    assert "it may still be in log.db, among 1 record " in ran.out
    (path,) = (home / "erasures").iterdir()
    assert path.stem in ran.err
    assert numbers(home) == [1]
    audit = call("audit", "--home", home)
    assert audit.code == 0, audit.err
    assert audit.out.splitlines()[0].split()[-3:] == ["dropped", "erased", "repeats"]
    again = call("erase", "--ip", ADDRESS, "--yes", "--home", home)
    assert again.code == 0
    told, *held = again.out.splitlines()
    assert told == f"address {ADDRESS}: nothing of it is in the lake or the quarantine"
    # For the log has it still.
    assert [line.partition(";")[0] for line in held] == [
        "it may still be in log.db, among 1 record as they arrived, which no query reads",
        "it may still be in copies of the home, and the files and senders it came from",
    ]


def test_the_receipt_as_json_is_the_one_that_is_kept(home: Path) -> None:
    ran = call("erase", "--ip", ADDRESS, "--yes", "--json", "--home", home)
    said = json.loads(ran.out)
    assert ADDRESS not in ran.out
    assert json.loads((home / "erasures" / f"{said['id']}.json").read_bytes()) == said
    assert (said["state"], said["quarantine"]["lines"]) == ("done", 1)
    assert said["rows"][0] == {"table": "vpc_flow", "day": "2014-12-14", "rows": 1}


def test_nobody_is_asked_where_there_is_no_terminal(home: Path) -> None:
    ran = run("erase", "--ip", ADDRESS, "--home", home)
    assert ran.code == 2
    assert "give --yes" in ran.err
    assert numbers(home) == [1, 2]


@pytest.mark.parametrize(("answer", "code", "left"), [(b"n\n", 1, [1, 2]), (b"y\n", 0, [1])])
def test_on_a_terminal_it_asks_first(home: Path, answer: bytes, code: int, left: list[int]) -> None:
    ours, theirs = os.openpty()
    os.write(ours, answer)
    words = [COMMAND, "erase", "--ip", ADDRESS, "--home", home]
    done = subprocess.run(words, stdin=theirs, capture_output=True, check=False, timeout=60)
    said = done.stderr.decode()
    assert f"address {ADDRESS}: 2 rows and 1 refused line would go for good" in said
    assert ("nothing was erased" in said) == bool(code)
    assert (done.returncode, numbers(home)) == (code, left)


def test_whoever_breaks_the_waiting_off_is_told_what_is_left(home: Path) -> None:
    words = [COMMAND, "erase", "--ip", ADDRESS, "--yes", "--home", home]
    with (
        readers.holding(home),
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process,
    ):
        assert process.stderr is not None
        assert b"waiting for running queries, which hold 2" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    (path,) = (home / "erasures").iterdir()
    said = json.loads(path.read_bytes())
    assert (said["state"], said["waiting"]) == ("unfinished", 2)
    assert call("erase", "--ip", ADDRESS, "--yes", "--home", home).code == 0
    assert holders(home, f"{ADDRESS}'") == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "erase whom?"),
        (("--ip", ADDRESS, "--visitor", "abcdefgh1234"), "erase whom?"),
        (("--ip", "203.0.113.0/24"), "is a network"),
        (("--ip", "nobody"), "is no address"),
        (("--visitor", "x' or true --"), "no visitor is called"),
    ],
)
def test_what_is_no_subject_is_a_wrong_call(home: Path, words: tuple[str, ...], said: str) -> None:
    ran = call("erase", *words, "--yes", "--home", home)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert numbers(home) == [1, 2]


def test_a_home_that_was_never_written_to_is_not_made(tmp_path: Path) -> None:
    ran = call("erase", "--ip", ADDRESS, "--yes", "--home", tmp_path / "none")
    assert ran.code == 3
    assert not (tmp_path / "none").exists()


def test_what_cannot_be_searched_is_named_and_ends_with_1(home: Path) -> None:
    (kept,) = (home / "quarantine").rglob("*.json.gz")
    kept.write_bytes(b"x")
    said = f"not searched, or left as it is: {kept.relative_to(home)}: see tailrace audit\n"
    for word, left in (("--dry-run", [1, 2]), ("--yes", [1])):
        ran = call("erase", "--ip", ADDRESS, word, "--home", home)
        assert (ran.code, numbers(home)) == (1, left)
        assert said in ran.err
