"""Replaced files stay while a query may hold them, and go when none can."""

import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.errors import HomeError
from pipeline.home import LAKE, writing
from pipeline.lake import compact, readers
from pipeline.queries import run
from tests.homes import call, files_under, numbers
from tests.lake.days import bring, compacted, curated_files
from tests.processed import context

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def replaced(home: Path) -> None:
    bring(home, len(files_under(home / "lake")) * 2 + 100)
    compacted(home)


def test_a_replaced_file_stays_until_its_reader_has_ended(tmp_path: Path) -> None:
    bring(tmp_path, 2)
    with readers.holding(tmp_path):
        compacted(tmp_path)
        assert len(files_under(tmp_path / "lake/landing/vpc_flow")) == 1
    with writing(tmp_path, context()) as opened:
        assert compact.remove_retired(opened.store, tmp_path, tmp_path / LAKE) == 2
    assert files_under(tmp_path / "lake/landing") == []
    assert numbers(tmp_path) == [2]


def test_files_go_even_when_queries_never_pause(tmp_path: Path) -> None:
    bring(tmp_path, 2)
    before = readers.holding(tmp_path)
    before.__enter__()
    for _ in range(4):
        replaced(tmp_path)
        after = readers.holding(tmp_path)
        after.__enter__()
        before.__exit__(None, None, None)
        before = after
    assert len(curated_files(tmp_path)) == 2
    before.__exit__(None, None, None)
    replaced(tmp_path)
    assert len(curated_files(tmp_path)) == 1
    assert len(list((tmp_path / "readers").iterdir())) == 1


@pytest.mark.fault("F22")
def test_a_reader_that_is_killed_holds_nothing(tmp_path: Path) -> None:
    bring(tmp_path, 2)
    code = (
        "import sys; from pathlib import Path; from pipeline.lake.readers import holding\n"
        "with holding(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as reader:
        assert reader.stdout is not None
        reader.stdout.readline()
        replaced(tmp_path)
        assert len(files_under(tmp_path / "lake/landing/vpc_flow")) == 2
        reader.kill()
        reader.wait()
    replaced(tmp_path)
    assert files_under(tmp_path / "lake/landing/vpc_flow") == []
    assert len(curated_files(tmp_path)) == 1


def test_a_clock_that_goes_back_deletes_nothing_that_is_held(tmp_path: Path) -> None:
    bring(tmp_path, 2)
    compacted(tmp_path, 5_000_000_000_000)
    with readers.holding(tmp_path):
        bring(tmp_path, 4)
        compacted(tmp_path, 1)
        assert len(curated_files(tmp_path)) == 2


def test_a_reader_writes_nothing(tmp_path: Path) -> None:
    bring(tmp_path, 2)
    before = files_under(tmp_path)
    with readers.holding(tmp_path):
        assert files_under(tmp_path) == before


def test_strays_among_the_epochs_are_left_alone(tmp_path: Path) -> None:
    bring(tmp_path, 2)
    folder = tmp_path / "readers"
    newest = readers.newest(tmp_path)
    strays = ["9" * 200, "9" * 16, "007", "\u0669", "-5", "a"]
    for name in strays:
        (folder / name).touch()
    (folder / str(newest + 1)).mkdir()
    os.mkfifo(folder / "99")
    (folder / "98").symlink_to("/dev/zero")
    assert readers.newest(tmp_path) == newest
    replaced(tmp_path)
    assert readers.newest(tmp_path) > newest + 1
    assert call("query", "--sql", "select 1 from vpc_flow", "--home", tmp_path).code == 0
    assert {*strays, "98", "99"} <= {path.name for path in folder.iterdir()}


def test_the_last_epoch_of_all_is_told(tmp_path: Path) -> None:
    bring(tmp_path, 2)
    (tmp_path / "readers" / str(readers.LAST)).touch()
    with pytest.raises(HomeError, match="no epoch can follow 999999999999999"):
        readers.begin(tmp_path, 0)


@pytest.mark.parametrize("command", [("audit",), ("query", "top_talkers"), ("compact",)])
def test_a_file_in_the_place_of_the_readers_is_told(tmp_path: Path, command: list[str]) -> None:
    bring(tmp_path, 2)
    shutil.rmtree(tmp_path / "readers")
    (tmp_path / "readers").touch()
    ran = call(*command, "--home", tmp_path)
    assert ran.code == 1
    assert ran.err.startswith("error: the home cannot be read: Not a directory\n")


def test_a_home_without_epochs_is_read_all_the_same(tmp_path: Path) -> None:
    with readers.holding(tmp_path):
        assert readers.newest(tmp_path) == 0


@pytest.mark.fault("F22")
@pytest.mark.slow
def test_f22_reads_beside_compactions_all_count_the_same(tmp_path: Path) -> None:
    """F22: compaction during 50 running reads: each the same count, no missing file."""
    wanted = list(range(40))
    for number in wanted:
        bring(tmp_path, number)
    read_on = threading.Event()

    def compact_on() -> None:
        for rounds in range(1_000_000):
            for number in wanted[rounds % 40 : rounds % 40 + 2]:
                bring(tmp_path, number)
            compacted(tmp_path)
            # How often each side gets its turn is the machine's choice: both have to get enough.
            if rounds >= 3 and read_on.is_set():
                return

    def read(_: int) -> list[list[object]]:
        sql = "SELECT count(*), sum(bytes) FROM vpc_flow"
        return run(sql=sql, home=tmp_path, now=NOW).rows()

    with ThreadPoolExecutor(5) as pool:
        compacting = pool.submit(compact_on)
        try:
            counts = list(pool.map(read, range(50)))
        finally:
            read_on.set()
        while not compacting.done():
            counts += pool.map(read, range(5))
        compacting.result()
    assert counts == [[[40, sum(wanted)]]] * len(counts)
    compacted(tmp_path)
    assert len(curated_files(tmp_path)) == 2
