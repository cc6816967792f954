"""Replay, twice, at any time: what was refused or failed may become rows, nothing else changes."""

import os
import signal
import subprocess
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from pipeline.batch.context import context_of
from pipeline.home import readable, replay_objects, writing
from pipeline.ledger.replay import AT_ONCE, Wanted
from pipeline.reading.parsed import Formats
from pipeline.settings import Limits, load
from pipeline.sources.vpc_flow import DEFAULT_FORMAT
from pipeline.stream.log import Incoming
from tests.consume.test_worker import POISON, failed, fragile, send
from tests.homes import COMMAND, Ran, ask, call, edit, files_under, flow, flows, numbers, written
from tests.processed import context
from tests.sim.poison import ADDRESS, lookups

FIVE = "${bytes} ${srcaddr} ${dstaddr} ${start} ${end}"
FIVE_LINES = b"".join(b"%d 10.0.0.1 10.0.0.2 1418530010 1418530070\n" % n for n in (11, 12))
DAY = ("--from", "2020-01-01", "--to", "2100-01-01")


def replay(home: Path, *words: str | Path) -> Ran:
    return call("replay", "--home", home, *words)


def just_now() -> int:
    """An arrival that the log still keeps: what was consumed goes after a day."""
    return int(time.time() * 1000)


def counted(ran: Ran) -> list[str]:
    """The words of the first line of figures."""
    assert ran.code == 0, ran.err
    return ran.out.splitlines()[2].split()


def state(home: Path) -> dict[str, str]:
    """Digest of every file of a home but the log."""
    kept = (path for path in files_under(home) if "log.db" not in path)
    return {path: sha256((home / path).read_bytes()).hexdigest() for path in kept}


def balanced(home: Path) -> None:
    ran = call("audit", "--home", home)
    assert ran.code == 0, ran.err


@pytest.fixture
def refused(tmp_path: Path) -> Path:
    """A home with a log group whose format was not declared when it came."""
    home = tmp_path / "home"
    lines = written(tmp_path / "lines.log", flow(1), FIVE_LINES, b"nothing\n", flow(2))
    assert call("ingest", "vpc-flow", lines, "--log-group", "g", "--home", home).code == 0
    return home


def declared(folder: Path) -> Path:
    """Settings in which the format is declared."""
    return written(folder / "mended.toml", f"[formats]\ng = ['{FIVE}']\n".encode())


@pytest.mark.fault("F27")
def test_what_was_refused_becomes_rows_once_when_its_format_is_declared(refused: Path) -> None:
    mended = ("--config", declared(refused.parent))
    assert counted(replay(refused, "--quarantine"))[:3] == ["vpc-flow", "1", "0"]
    assert counted(replay(refused, "--quarantine", *mended)) == [
        *("vpc-flow", "1", "2", "1", "field_count")
    ]
    assert numbers(refused) == [1, 2, 11, 12]
    balanced(refused)
    after = state(refused)
    assert counted(replay(refused, "--quarantine", *mended)) == [
        *("vpc-flow", "1", "0", "1", "field_count")
    ]
    assert state(refused) == after
    ((resolved,),) = ask(refused, "select count(*) from reject", "reject")
    assert resolved == 1
    balanced(refused)


@pytest.mark.fault("F27")
def test_each_replay_counts_as_an_attempt(refused: Path) -> None:
    for _ in range(3):
        replay(refused, "--quarantine")
    with writing(refused, context()) as opened:
        ((attempts,),) = opened.store.rows("select attempts from quarantine_object")
    assert attempts == 4


def test_a_dry_run_says_what_would_come_and_writes_nothing(refused: Path) -> None:
    before = state(refused), ask(refused, "select count(*) from vpc_flow")
    ran = replay(refused, "--quarantine", "--dry-run", "--config", declared(refused.parent))
    assert counted(ran)[:3] == ["vpc-flow", "1", "2"]
    assert "would become rows" in ran.out
    ran = replay(refused, *DAY, "--dry-run")
    assert ran.out == "1 record of the log would be processed again\n"
    assert (state(refused), ask(refused, "select count(*) from vpc_flow")) == before


def test_a_file_whose_format_was_said_keeps_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    lines = written(tmp_path / "lines.log", FIVE_LINES, flow(1))
    call("ingest", "vpc-flow", lines, "--format", FIVE, "--home", home)
    assert counted(replay(home, "--quarantine"))[:3] == ["vpc-flow", "1", "0"]
    assert numbers(home) == [11, 12]


@pytest.mark.parametrize(
    ("words", "objects"),
    [
        (("--quarantine",), 1),
        (("--failed",), 0),
        (("--quarantine", "--failed"), 1),
        (("--quarantine", "--source", "app-log"), 0),
        (("--quarantine", "--source", "vpc_flow"), 1),
        (("--quarantine", *DAY), 1),
        (("--quarantine", "--from", "2020-01-01", "--to", "2020-01-02"), 0),
    ],
)
def test_what_is_replayed_can_be_narrowed(
    refused: Path, words: tuple[str, ...], objects: int
) -> None:
    ran = replay(refused, *words)
    if objects:
        assert counted(ran)[1] == str(objects)
    else:
        assert (ran.code, ran.out) == (0, "nothing to replay\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "nothing was named to be replayed"),
        (("--source", "vpc-flow"), "nothing was named to be replayed"),
        (("--quarantine", "--source", "vcp-flow"), "did you mean vpc-flow?"),
        (("--from", "yesterday"), "not a time: 'yesterday'"),
        (("--to", "2026-01-01"), "--to was given without --from"),
    ],
)
def test_a_wrong_call_is_told(refused: Path, words: tuple[str, ...], said: str) -> None:
    ran = replay(refused, *words)
    assert ran.code == 2
    assert said in ran.err


def test_a_home_that_is_none_is_not_made(tmp_path: Path) -> None:
    assert replay(tmp_path / "none", "--quarantine").code == 3
    assert not (tmp_path / "none").exists()


@pytest.mark.fault("F27")
def test_a_record_that_failed_becomes_rows_when_the_fault_is_mended(tmp_path: Path) -> None:
    with fragile(tmp_path) as opened:
        send(opened, flow(1), flows(POISON, 2) + b"bad\n", flow(3))
        opened.worker.drain()
    assert numbers(tmp_path) == [1, 3]
    assert counted(replay(tmp_path, "--failed")) == ["vpc-flow", "1", "2", "1", "field_count"]
    assert numbers(tmp_path) == [1, 2, 3, POISON]
    balanced(tmp_path)
    assert len(failed(tmp_path)) == 1
    ((events, rows, rejected),) = ask(
        tmp_path, "select sum(events_in), sum(rows), sum(rejected) from batch", "batch"
    )
    assert (events, rows, rejected) == (5, 4, 1)
    assert counted(replay(tmp_path, "--failed"))[2] == "0"
    balanced(tmp_path)


@pytest.mark.fault("F27")
def test_a_record_whose_fault_is_still_there_stays_where_it_is(tmp_path: Path) -> None:
    """A fault that shows only when the rows are enriched: the others become rows all the same."""
    home = tmp_path / "home"
    faulty = replace(context(), lookups=lookups())
    line = b"2 1 eni-1 %b 10.0.0.9 1 443 6 20 7 1418530010 1418530070 ACCEPT OK\n"
    with writing(home, replace(faulty, limits=Limits(attempts=1))) as opened:
        send(opened, line % ADDRESS.encode())
        send(opened, FIVE_LINES)
        opened.worker.drain()
    formats = Formats({}, (FIVE, DEFAULT_FORMAT))
    with writing(home, replace(faulty, formats=formats)) as opened:
        tries = list(replay_objects(opened, Wanted(quarantine=True, failed=True), dry_run=False))
    assert [(each.rows, bool(each.fault)) for each in tries] == [(0, True), (2, False)]
    assert numbers(home) == [11, 12]
    balanced(home)


def test_a_damaged_object_of_the_failure_store_is_told(tmp_path: Path) -> None:
    with fragile(tmp_path, Limits(attempts=1)) as opened:
        send(opened, flow(POISON))
        opened.worker.drain()
        (path,) = (each for each in files_under(tmp_path) if "failed/" in each)
        with opened.store.transaction() as connection:
            connection.execute("update quarantine_object set digest = 'x'")
        (tried,) = replay_objects(opened, Wanted(False, True), dry_run=True)
        assert tried.lost is not None
        assert "its content is not what was kept" in tried.lost.what
        assert (tmp_path / path).is_file()


@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_an_object_that_is_lost_does_not_stop_the_others(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    home = tmp_path / "home"
    for number in range(3):
        path = written(tmp_path / f"{number}.log", flow(number), FIVE_LINES)
        assert call("ingest", "vpc-flow", path, "--log-group", "g", "--home", home).code == 0
    kept = [each for each in files_under(home) if each.startswith("quarantine/")]
    (home / kept[0]).unlink()
    ran = replay(home, "--quarantine", "--config", declared(tmp_path), *words)
    assert ran.code == 1
    assert ran.out.splitlines()[2].split()[1:3] == ["3", "4"]
    assert "error: 1 quarantine object could not be read: " in ran.err
    assert kept[0] in ran.err
    assert numbers(home) == ([0, 1, 2] if words else [0, 1, 2, 11, 11, 12, 12])


@pytest.mark.fault("F28")
def test_a_record_that_would_get_other_times_today_is_left_alone(refused: Path) -> None:
    """Its counts would be the same, but each event would be there a second time."""
    for name, end in (("mended", "${start} ${end}"), ("other", "${end} ${start}")):
        format_of = "${bytes} ${srcaddr} ${dstaddr} " + end
        written(refused.parent / f"{name}.toml", f"[formats]\nh = ['{format_of}']\n".encode())
    home, config = refused.parent / "other", refused.parent / "mended.toml"
    lines = written(refused.parent / "five.log", FIVE_LINES)
    with writing(home, context_of(load(config))) as opened:
        record = Incoming("vpc-flow", "a", lines.read_bytes(), just_now(), log_group="h")
        opened.log.append([record])
        opened.worker.drain()
    before = ask(home, "select event_time, bytes from vpc_flow order by all"), state(home)
    ran = replay(home, *DAY, "--config", refused.parent / "other.toml")
    assert ran.err.startswith("0 records of the log processed again in ")
    assert "1 record left alone\n  vpc-flow 1: it would become something else today\n" in ran.err
    after = ask(home, "select event_time, bytes from vpc_flow order by all"), state(home)
    assert after == before
    assert replay(home, *DAY, "--config", config).code == 0
    assert len(files_under(home / "lake")) > len(before[1]) - 3
    assert ask(home, "select event_time, bytes from vpc_flow order by all") == before[0]
    balanced(home)


@pytest.mark.fault("F28")
def test_the_log_replayed_twice_changes_no_answer(refused: Path) -> None:
    question = "select * from vpc_flow order by bytes"
    before = (
        ask(refused, question),
        ask(refused, "select * from reject order by record_id", "reject"),
    )
    for _ in range(2):
        ran = replay(refused, *DAY)
        assert (ran.code, ran.out) == (0, "")
        assert ran.err.startswith("1 record of the log processed again")
        assert (
            ask(refused, question),
            ask(refused, "select * from reject order by record_id", "reject"),
        ) == before
        balanced(refused)


def test_a_record_whose_stored_bytes_are_damaged_is_left_alone(tmp_path: Path) -> None:
    with writing(tmp_path, context()) as opened:
        payloads = (flow(1), flows(*range(100, 200)), flow(3))
        opened.log.append([Incoming("vpc-flow", "a", each, just_now()) for each in payloads])
        opened.worker.drain()
    edit(tmp_path, "update record set payload = zeroblob(length(payload)) where seq = 2")
    before = numbers(tmp_path)
    ran = replay(tmp_path, *DAY)
    assert ran.code == 0
    assert ran.err.startswith("2 records of the log processed again in ")
    assert "1 record left alone\n  vpc-flow 1: it can no longer be processed\n" in ran.err
    assert numbers(tmp_path) == before
    balanced(tmp_path)


def test_the_log_is_replayed_since_a_while_ago(refused: Path) -> None:
    before = numbers(refused)
    assert "1 record of the log processed again" in replay(refused, "--since", "1h").err
    assert numbers(refused) == before
    assert replay(refused, "--since", "1h", "--to", "2026-11-25").code == 2


@pytest.mark.fault("F28")
def test_the_log_is_replayed_around_compaction_and_rebuild(refused: Path) -> None:
    before = numbers(refused)
    for words in (("compact",), ("doctor", "--rebuild"), ("compact",), ("doctor", "--rebuild")):
        assert replay(refused, *DAY).code == 0
        balanced(refused)
        assert call(*words, "--home", refused).code == 0
        balanced(refused)
        assert numbers(refused) == before


@pytest.mark.fault("F28")
def test_a_record_that_was_mended_since_is_left_alone(refused: Path) -> None:
    replay(refused, "--quarantine", "--config", declared(refused.parent))
    before = numbers(refused), state(refused)
    ran = replay(refused, *DAY)
    assert "  vpc-flow 1: what was refused of it was tried again since\n" in ran.err
    assert (numbers(refused), state(refused)) == before
    balanced(refused)


@pytest.mark.fault("F7", "F27")
def test_a_replay_that_is_killed_is_begun_again(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for number in range(40):
        path = written(tmp_path / f"{number}.log", flow(number), FIVE_LINES)
        call("ingest", "vpc-flow", path, "--log-group", "g", "--home", home)
    words = [COMMAND, "replay", "--quarantine", "--config", declared(tmp_path), "--home", home]
    for lines in (1, 3):
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
            while run.poll() is None and _resolved(home) < lines * 10:
                pass
            if run.poll() is None:
                os.kill(run.pid, signal.SIGKILL)
    assert replay(home, "--quarantine", "--config", declared(tmp_path)).code == 0
    assert numbers(home) == sorted([*range(40), *[11, 12] * 40])
    balanced(home)


def _resolved(home: Path) -> int:
    with readable(home) as opened:
        found = opened.store.rows("select count(*) from quarantine_object where resolved != x''")
    return int(found[0][0])


@pytest.mark.fault("F7", "F28")
def test_a_replay_of_the_log_that_is_killed_is_begun_again(tmp_path: Path) -> None:
    home, limits = tmp_path / "home", {"TAILRACE_LIMITS_BATCH_RECORDS": "1"}
    for number in range(12):
        path = written(tmp_path / f"{number}.log", flow(number) + b"bad %d\n" % number)
        call("ingest", "vpc-flow", path, "--home", home)
    before = ask(home, "select * from vpc_flow order by bytes")
    words = [COMMAND, "replay", *DAY, "--home", home]
    for files in (1, 5):
        known = _replayed(home)
        with subprocess.Popen(
            words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | limits
        ) as run:
            while run.poll() is None and _replayed(home) < known + files:
                pass
            if run.poll() is None:
                os.kill(run.pid, signal.SIGKILL)
        assert ask(home, "select * from vpc_flow order by bytes") == before
        balanced(home)
    assert replay(home, *DAY).code == 0
    assert ask(home, "select * from vpc_flow order by bytes") == before
    assert numbers(home) == list(range(12))
    balanced(home)


def _replayed(home: Path) -> int:
    """Files of the catalogue that a replay of the log has written."""
    with readable(home) as opened:
        found = opened.store.rows("select count(*) from lake_file where first_seq = 0")
    return int(found[0][0])


def test_a_replay_reads_more_objects_than_it_holds_at_once(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with writing(home, context()) as opened:
        send(opened, *(b"bad %d\n" % number for number in range(AT_ONCE * 2 + 1)))
        opened.worker.drain()
    assert counted(replay(home, "--quarantine"))[1] == str(AT_ONCE * 2 + 1)
