"""Erasure in a real home: rows and lines are gone, the audit balances, nothing brings them back."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest

from pipeline.deliver.lake_file import digest_of_file
from pipeline.erase import embedded, kept
from pipeline.erase.receipt import DONE, decoded
from pipeline.erase.subject import of_address, of_visitor
from pipeline.errors import HomeError
from pipeline.home import MACHINE, WritingHome, erasure_at, readable, writing
from pipeline.lake import catalogue, footer, readers
from pipeline.stream.log import Incoming
from tests.carriers import envelope, log_events
from tests.erase.homes import (
    ADDRESS,
    DAY_1,
    OTHER,
    SALT,
    bad,
    erased,
    holders,
    hours,
    line,
    send,
    sums,
)
from tests.homes import ask, call, edit, files_under, lake_files, numbers
from tests.lake.days import compacted, curated_files
from tests.processed import context


def test_rows_of_landing_go_and_their_neighbours_stay(tmp_path: Path) -> None:
    send(tmp_path, line(1) + line(2, ADDRESS) + line(3), line(4))
    before = {path.name: digest_of_file(path) for path in lake_files(tmp_path)}
    done = erased(tmp_path)
    assert numbers(tmp_path) == [1, 3, 4]
    assert [(each.table, each.day, each.rows) for each in done.rows] == [
        ("vpc_flow", "2014-12-14", 1)
    ]
    (path,) = lake_files(tmp_path)
    assert (path.name, path.name in before) == ("03-000000000001-e1.parquet", False)
    assert sums(tmp_path) == (4, 3, 0, 1)
    assert holders(tmp_path, ADDRESS + "'") == []


def test_a_curated_day_gets_a_new_version_and_other_days_keep_theirs(tmp_path: Path) -> None:
    send(tmp_path, line(1, ADDRESS, DAY_1) + line(2, end=DAY_1), line(3) + line(4))
    compacted(tmp_path)
    erased(tmp_path)
    assert [path.parent.name + "/" + path.name for path in curated_files(tmp_path)] == [
        "dt=2014-12-13/v2-00.parquet",
        "dt=2014-12-14/v1-00.parquet",
    ]
    assert footer.read(curated_files(tmp_path)[0]).erased == 1
    assert numbers(tmp_path) == [2, 3, 4]
    assert sums(tmp_path) == (4, 3, 0, 1)
    send(tmp_path, line(5, end=DAY_1), line(6, ADDRESS, DAY_1))
    compacted(tmp_path)
    assert numbers(tmp_path) == [2, 3, 4, 5, 6]
    assert sums(tmp_path) == (6, 5, 0, 1)


def test_a_version_that_never_came_into_force_keeps_nobody(tmp_path: Path) -> None:
    home, folded = tmp_path / "home", tmp_path / "folded"
    send(home, line(1, ADDRESS) + line(2))
    # As where the process died before the version was noted.
    copytree(home, folded)
    compacted(folded)
    copytree(folded / "lake" / "curated", home / "lake" / "curated")
    assert len(curated_files(home)) == 1
    done = erased(home)
    assert (done.unsearched, done.row_count) == ((), 1)
    assert holders(home, ADDRESS + "'") == []
    assert sums(home) == (2, 1, 0, 1)


@pytest.mark.parametrize("folded", [False, True])
def test_a_day_of_which_nothing_is_left_still_balances(tmp_path: Path, folded: bool) -> None:
    send(tmp_path, line(1, ADDRESS), line(2, ADDRESS))
    if folded:
        compacted(tmp_path)
    erased(tmp_path)
    assert numbers(tmp_path) == []
    assert sums(tmp_path) == (2, 0, 0, 2)
    assert call("doctor", "--rebuild", "--home", tmp_path).code == 0
    assert sums(tmp_path) == (2, 0, 0, 2)
    send(tmp_path, line(3))
    compacted(tmp_path)
    assert numbers(tmp_path) == [3]
    assert sums(tmp_path) == (3, 1, 0, 2)


def test_copies_of_an_event_all_go(tmp_path: Path) -> None:
    twice = line(1, ADDRESS) + line(2)
    send(tmp_path, twice, identity="request/1")
    compacted(tmp_path)
    send(tmp_path, twice, identity="request/1")
    erased(tmp_path)
    assert numbers(tmp_path) == [2]
    assert sums(tmp_path) == (4, 2, 0, 2)
    assert holders(tmp_path, ADDRESS + "'") == []


def test_lines_of_the_quarantine_go_and_their_neighbours_stay(tmp_path: Path) -> None:
    send(tmp_path, line(1) + bad(ADDRESS) + bad() + bad(ADDRESS), bad(ADDRESS), line(2))
    done = erased(tmp_path)
    assert (done.quarantine.lines, done.quarantine.rewritten, done.quarantine.removed) == (3, 1, 1)
    assert holders(tmp_path, f"{ADDRESS} ") == []
    assert sums(tmp_path) == (6, 2, 1, 3)
    assert ask(tmp_path, "select line from reject", "reject") == [(2,)]
    assert len(files_under(tmp_path / "quarantine")) == 1


def test_an_object_that_is_kept_whole_keeps_its_other_lines(tmp_path: Path) -> None:
    lines = [bad(each).decode().strip() for each in (OTHER, ADDRESS, OTHER)]
    send(tmp_path, bad() + bad(ADDRESS) + b"\n" + bad(), envelope(log_events(lines)))
    assert sums(tmp_path) == (7, 0, 6, 0)
    assert erased(tmp_path).quarantine.rewritten == 2
    assert holders(tmp_path, f"{ADDRESS} ") == []
    assert sums(tmp_path) == (7, 0, 4, 2)
    ran = call("replay", "--quarantine", "--home", tmp_path)
    assert ran.code == 0, ran.err
    assert "4 field_count" in ran.out
    assert sums(tmp_path) == (7, 0, 4, 2)


@pytest.mark.parametrize("before", [False, True])
def test_what_became_a_row_later_goes_from_the_lake_and_the_quarantine(
    tmp_path: Path, before: bool
) -> None:
    home = tmp_path / "home"
    five = b"".join(b"%d %s 10.0.0.2 1418530010 1418530070\n" % (n, a.encode()) for n, a in
                    ((11, ADDRESS), (12, OTHER), (13, OTHER)))  # fmt: skip
    now_ms = int(time.time() * 1000)
    with writing(home, context()) as opened:
        opened.log.append([Incoming("vpc-flow", "a", line(1) + five, now_ms, log_group="g")])
        opened.worker.drain()
    declared = tmp_path / "mended.toml"
    declared.write_text(
        "[formats]\ng = ['${bytes} ${srcaddr} ${dstaddr} ${start} ${end}']\n", "utf-8"
    )
    words = ("replay", "--quarantine", "--home", home, "--config", declared)
    if before:
        erased(home)
        assert sums(home) == (4, 1, 2, 1)
    assert call(*words).code == 0
    erased(home)
    assert numbers(home) == [1, 12, 13]
    assert sums(home) == (4, 3, 0, 1)
    assert holders(home, f"{ADDRESS}'") == []
    assert holders(home, f"{ADDRESS} ") == []
    compacted(home)
    assert call(*words).code == 0
    assert numbers(home) == [1, 12, 13]
    assert sums(home) == (4, 3, 0, 1)


@pytest.mark.parametrize("folded", [False, True])
def test_no_replay_retry_rebuild_or_compaction_brings_it_back(tmp_path: Path, folded: bool) -> None:
    send(tmp_path, line(1) + line(2, ADDRESS) + bad(ADDRESS) + bad())
    if folded:
        compacted(tmp_path)
    erased(tmp_path)
    for words in (
        ("replay", "--since", "1d"),
        ("replay", "--quarantine", "--failed"),
        ("doctor", "--rebuild"),
        ("compact",),
        ("replay", "--since", "1d"),
        ("doctor", "--rebuild"),
    ):
        ran = call(*words, "--home", tmp_path)
        assert ran.code == 0, ran.err
        assert numbers(tmp_path) == [1]
        assert sums(tmp_path) == (4, 1, 1, 2)
        assert holders(tmp_path, f"{ADDRESS} ") == holders(tmp_path, f"{ADDRESS}'") == []


def test_the_same_event_sent_again_stays_away_and_a_new_one_comes_in(tmp_path: Path) -> None:
    event = envelope(log_events([line(1, ADDRESS).decode().strip()]))
    send(tmp_path, event)
    erased(tmp_path)
    send(tmp_path, event, line(2, ADDRESS))
    assert numbers(tmp_path) == [2]
    assert sums(tmp_path) == (3, 1, 0, 2)


def test_identities_are_let_go_when_the_log_has_forgotten_them(tmp_path: Path) -> None:
    send(tmp_path, line(1, ADDRESS))
    erased(tmp_path)
    kept_of = "select count(*) from tombstone"
    with readable(tmp_path) as opened:
        assert opened.store.rows(kept_of)[0][0] == 1
    edit(tmp_path, "update record set arrival_ms = 0", "update tombstone set until_ms = 0")
    with writing(tmp_path, context()) as opened:
        assert opened.store.rows(kept_of)[0][0] == 0


def test_nothing_in_the_home_names_the_subject_when_the_log_is_empty(tmp_path: Path) -> None:
    subject = of_visitor("5f2b8c01d3a94e67")
    message = b"2026-11-20T10:00:00Z visitor=5f2b8c01d3a94e67 looked\n2026-11-20T10:00:01Z other\n"
    send(tmp_path, message, source="app-log")
    done = erased(tmp_path, subject)
    assert ask(tmp_path, "select message from app_log", "app_log") == [
        ("2026-11-20T10:00:01Z other",)
    ]
    assert done.state == DONE
    edit(tmp_path, "delete from record")
    with readable(tmp_path) as opened:
        tables = [
            row[0]
            for row in opened.store.rows("select name from sqlite_master where type = 'table'")
        ]
        for table in tables:
            for row in opened.store.rows(f"select * from {table}"):  # noqa: S608 - own names
                assert subject.value not in repr(tuple(row))
    assert holders(tmp_path, subject.value) == []


def test_the_receipt_is_kept_and_says_what_still_holds_it(tmp_path: Path) -> None:
    send(tmp_path, line(1, ADDRESS))
    done = erased(tmp_path)
    content = (tmp_path / "erasures" / f"{done.id}.json").read_bytes()
    assert decoded(content).state == DONE
    assert ADDRESS.encode() not in content
    assert [each.what.split()[0] for each in done.held_by] == ["log.db,", "copies"]


def test_files_that_a_query_holds_are_waited_for(tmp_path: Path) -> None:
    send(tmp_path, line(1, ADDRESS) + line(2))
    holding = readers.holding(tmp_path)
    holding.__enter__()
    finished = threading.Event()
    work = threading.Thread(target=lambda: (erased(tmp_path), finished.set()))
    work.start()
    try:
        deadline = time.monotonic() + 30
        while not any("-e1" in path.name for path in lake_files(tmp_path)):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert not finished.wait(0.5)
        assert numbers(tmp_path) == [2]
        assert len(lake_files(tmp_path)) == 2
        hours(tmp_path)
    finally:
        holding.__exit__(None, None, None)
        work.join(30)
    assert finished.is_set()
    assert len(lake_files(tmp_path)) == 1


def test_files_that_a_compaction_has_replaced_are_waited_for_as_well(tmp_path: Path) -> None:
    send(tmp_path, line(1, ADDRESS) + line(2))
    with readers.holding(tmp_path):
        compacted(tmp_path)
    assert len(lake_files(tmp_path)) == 1
    erased(tmp_path)
    assert lake_files(tmp_path) == []


def test_what_an_attempt_left_that_died_is_searched_as_well(tmp_path: Path) -> None:
    send(tmp_path, line(1, ADDRESS) + line(2) + bad(ADDRESS))
    (file,) = lake_files(tmp_path)
    stray = file.with_name("03-000000000009.parquet")
    stray.write_bytes(file.read_bytes())
    (thing,) = (tmp_path / "quarantine").rglob("*.json.gz")
    left = thing.with_name("left.json.gz")
    left.write_bytes(thing.read_bytes())
    broken = stray.with_name("03-000000000011.parquet")
    broken.write_bytes(b"PAR1")
    done = erased(tmp_path)
    assert (stray.exists(), left.exists()) == (True, False)
    assert [Path(path).name for path in done.unsearched] == [broken.name]
    broken.unlink()
    assert holders(tmp_path, f"{ADDRESS}'") == holders(tmp_path, f"{ADDRESS} ") == []


def test_files_whose_names_are_no_utf_8_are_named_with_their_bytes_written_out(
    tmp_path: Path,
) -> None:
    send(tmp_path, line(1, ADDRESS) + line(2))
    (file,) = lake_files(tmp_path)
    file.with_name(os.fsdecode(b"x\xff.parquet")).write_bytes(file.read_bytes())
    (tmp_path / "quarantine").mkdir()
    (tmp_path / "quarantine" / os.fsdecode(b"y\xff.json.gz")).write_bytes(b"junk")
    done = erased(tmp_path)
    assert [each.rpartition("/")[2] for each in done.unsearched] == [
        "x\\xff.parquet",
        "y\\xff.json.gz",
    ]
    assert decoded((tmp_path / "erasures" / f"{done.id}.json").read_bytes()) == done
    ran = call("audit", "--json", "--home", tmp_path)
    assert (ran.code, "x\\\\xff.parquet" in ran.out) == (0, True), ran.err


def test_files_that_links_of_the_home_point_to_are_named_for_they_stay(tmp_path: Path) -> None:
    home, away = tmp_path / "home", tmp_path / "away"
    send(home, line(1, ADDRESS) + line(2) + bad(ADDRESS), line(3))
    away.mkdir()
    (file,) = lake_files(home)
    (thing,) = (home / "quarantine").rglob("*.json.gz")
    stray = file.with_name("03-000000000009.parquet")
    stray.write_bytes(file.read_bytes())
    for number, path in enumerate((file, thing, stray)):
        path.symlink_to(path.rename(away / str(number)))
    done = erased(home)
    named = [each.what.split(",")[0] for each in done.held_by if each.until == "you erase it there"]
    assert named == [*(str(away / str(number)) for number in range(3)), "copies of the home"]
    assert numbers(home) == [2, 3]
    assert holders(home, f"{ADDRESS}'") == holders(home, f"{ADDRESS} ") == []


def test_a_damaged_file_stops_it_before_anything_changes(tmp_path: Path) -> None:
    send(tmp_path, line(1, ADDRESS) + line(2))
    (file,) = lake_files(tmp_path)
    content = file.read_bytes()
    file.write_bytes(content[:200])
    with pytest.raises(HomeError, match="vpc_flow cannot be searched"):
        erased(tmp_path)
    file.write_bytes(content)
    erased(tmp_path)
    assert numbers(tmp_path) == [2]


@pytest.mark.parametrize("put", [os.mkfifo, Path.mkdir])
def test_what_is_no_file_is_told_and_nobody_waits_for_it(
    tmp_path: Path, put: Callable[[Path], None]
) -> None:
    send(tmp_path, line(1, ADDRESS) + line(2) + bad(ADDRESS))
    (file,) = lake_files(tmp_path)
    (thing,) = (tmp_path / "quarantine").rglob("*.json.gz")
    content = file.read_bytes()
    for path in (file, thing):
        path.unlink()
        put(path)
    with pytest.raises(HomeError, match="vpc_flow cannot be searched: it is no regular file") as no:
        erased(tmp_path)
    assert no.value.where == f"at {file}"
    file.unlink() if file.is_fifo() else file.rmdir()
    file.write_bytes(content)
    assert erased(tmp_path).unsearched == (thing.relative_to(tmp_path).as_posix(),)
    assert numbers(tmp_path) == [2]


def test_a_file_that_is_not_what_was_written_is_not_laundered(tmp_path: Path) -> None:
    send(tmp_path, line(1, ADDRESS) + line(2))
    (file,) = lake_files(tmp_path)
    edit(tmp_path, "update lake_file set digest = 'x' where tbl = 'vpc_flow'")
    with pytest.raises(HomeError, match="not what was written"):
        erased(tmp_path)
    assert lake_files(tmp_path) == [file]


def test_a_plan_changes_nothing(tmp_path: Path) -> None:
    send(tmp_path, line(1, ADDRESS) + line(2) + bad(ADDRESS))
    before = files_under(tmp_path)
    with readable(tmp_path) as opened:
        scope = erasure_at(opened, context(), MACHINE)
        planned = embedded.plan(scope, of_address(ADDRESS))
    assert (planned.files, planned.kept.lines) == (2, 1)
    assert numbers(tmp_path) == [1, 2]
    assert files_under(tmp_path) == before


def test_an_object_is_the_old_one_or_the_new_one_wherever_it_breaks_off(tmp_path: Path) -> None:
    send(tmp_path, line(1) + bad(ADDRESS) + bad())
    with writing(tmp_path, context()) as opened:
        scope = erasure_at(opened, context(), MACHINE)
        touched = embedded.plan(scope, of_address(ADDRESS)).objects
        kept._announce(opened.store, touched)
    # It died before the file was written: the old one stands.
    assert sums(tmp_path) == (3, 1, 2, 0)
    with writing(tmp_path, context()) as opened:
        assert opened.store.rows("select count(*) from erasing")[0][0] == 0
        kept._announce(opened.store, touched)
        kept._write(scope.place, touched[0])
    # And now behind it: the audit takes the new one, and whoever writes next notes it.
    hours(tmp_path)
    send(tmp_path, line(2))
    erased(tmp_path)
    assert sums(tmp_path) == (4, 2, 1, 1)


def written_and_not_noted(opened: WritingHome) -> tuple[embedded.Scope, kept.Touched]:
    """An object that was written without the subject by who died before it could be noted."""
    scope = erasure_at(opened, context(), MACHINE)
    (touched,) = embedded.plan(scope, of_address(ADDRESS)).objects
    kept._announce(opened.store, [touched])
    kept._write(scope.place, touched)
    return scope, touched


def test_what_one_erasure_could_not_note_the_next_one_of_its_process_does(tmp_path: Path) -> None:
    send(tmp_path, line(1) + bad(ADDRESS) + bad())
    with writing(tmp_path, context()) as opened:
        scope = written_and_not_noted(opened)[0]
        planned = embedded.plan(scope, of_address(ADDRESS))
        assert not planned.objects
        embedded.erase(scope, planned, SALT, time.sleep)
    assert sums(tmp_path) == (3, 1, 1, 1)


@pytest.mark.parametrize("put", [os.mkfifo, Path.mkdir])
def test_an_object_that_cannot_be_read_is_looked_at_again_when_it_can(
    tmp_path: Path, put: Callable[[Path], None]
) -> None:
    send(tmp_path, line(1) + bad(ADDRESS) + bad())
    with writing(tmp_path, context()) as opened:
        _, touched = written_and_not_noted(opened)
    path = tmp_path / "quarantine" / touched.key
    new = path.rename(tmp_path / "new")
    put(path)
    with writing(tmp_path, context()) as opened:
        assert opened.store.rows("select count(*) from erasing")[0][0] == 1
    path.unlink() if path.is_fifo() else path.rmdir()
    new.rename(path)
    with writing(tmp_path, context()) as opened:
        assert opened.store.rows("select count(*) from erasing")[0][0] == 0
    assert sums(tmp_path) == (3, 1, 1, 1)


@pytest.mark.fault("F7")
@pytest.mark.slow
def test_a_run_that_is_killed_anywhere_is_finished_by_the_next(tmp_path: Path) -> None:
    chance = random.Random(9)
    code = (
        "import sys; from pathlib import Path; from tests.erase.homes import erased\n"
        "print('begun', flush=True); erased(Path(sys.argv[1]))"
    )
    wanted: list[int] = []
    events = rejected = gone = 0
    for number in range(8):
        fresh = [10 * number + 1, 10 * number + 2]
        send(tmp_path, *(line(n) + line(n + 5, ADDRESS) + bad(ADDRESS) + bad() for n in fresh))
        wanted, events = [*wanted, *fresh], events + 8
        rejected, gone = rejected + 2, gone + 4
        if number % 2:
            compacted(tmp_path)
        with subprocess.Popen(
            [sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            try:
                process.wait(chance.random() * 0.8)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
        hours(tmp_path)
        left = {n for n in numbers(tmp_path) if n % 10 in (6, 7)}
        assert left <= {n + 5 for n in wanted}
        assert [n for n in numbers(tmp_path) if n not in left] == sorted(wanted)
    erased(tmp_path)
    assert numbers(tmp_path) == sorted(wanted)
    assert sums(tmp_path) == (events, len(wanted), rejected, gone)
    assert holders(tmp_path, f"{ADDRESS} ") == holders(tmp_path, f"{ADDRESS}'") == []
    with readable(tmp_path) as opened:
        assert not [f for f in catalogue.all_files(opened.store) if f.retired_ms is not None]
