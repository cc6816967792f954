"""A server compacts by itself, and neither what it answers nor its end suffers from that."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import pytest

from pipeline.home import Machine, audit_of, readable, writing
from pipeline.lake.compact import Compacted, Halt, compact
from pipeline.settings import Limits
from pipeline.store import Store
from pipeline.web.compaction import Compaction
from pipeline.web.health import health
from pipeline.web.server import running
from tests.homes import files_under, flow, lake_files, numbers
from tests.lake.days import bring, curated_files
from tests.processed import context
from tests.web.serving import PATIENCE_S, Served, serving, until

EVERY_S = 300.0
NOW_S = 1_795_615_200.0
# More than is digested within anybody's patience with an end.
ENOUGH_MIB = 8 << 10
OFTEN = {"TAILRACE_LIMITS_COMPACT_SECONDS": "1"}


def compaction_of(running: Served) -> dict[str, str | None]:
    found: dict[str, str | None] = running.get("/v1/health").json()["compaction"]
    return found


def test_what_has_landed_is_folded_in_while_more_comes(tmp_path: Path) -> None:
    home, sent = tmp_path / "home", []
    with serving(home, **OFTEN) as running:
        before = compaction_of(running)
        while len(curated_files(home)) == 0 or len(sent) < 20:
            sent.append(len(sent))
            assert running.post(flow(sent[-1])).status_code == 202
            assert running.get("/v1/queries/top_talkers?since=30d").status_code == 200
            until(lambda: running.get("/v1/health").status_code == 200)
        running.landed()
        until(lambda: not lake_files(home))
        until(lambda: compaction_of(running)["last_ended"] is not None)
        after = compaction_of(running)
        assert running.end() == 0
        (_, last) = running.said().splitlines()
        assert last == f"ended: {len(sent):,} rows, 0 refused"
    assert before == {"last_ended": None, "problem": ""}
    assert after["problem"] == ""
    assert numbers(home) == sent
    with readable(home) as opened:
        assert audit_of(opened).findings == []


def test_what_goes_wrong_is_told_once_and_the_server_goes_on(tmp_path: Path) -> None:
    home = tmp_path / "home"
    bring(home, 1)
    (landed,) = [path for path in lake_files(home) if "vpc_flow" in path.as_posix()]
    whole = landed.read_bytes()
    landed.write_bytes(whole + b"x")
    with serving(home, **OFTEN) as running:
        until(lambda: "damaged" in str(compaction_of(running)["problem"]))
        assert running.get("/v1/health").status_code == 200
        assert running.post(flow(2)).status_code == 202
        running.landed()
        landed.write_bytes(whole)
        until(lambda: compaction_of(running)["problem"] == "")
        assert running.end() == 0
        (line,) = [line for line in running.said().splitlines() if "error" in line]
    assert line.startswith("error: compaction: 1 damaged files are left out")
    assert numbers(home) == [1, 2]


@pytest.mark.fault("F22")
def test_a_compaction_that_is_broken_off_has_changed_nothing(tmp_path: Path) -> None:
    bring(tmp_path, 1, 2)
    before, halt = files_under(tmp_path / "lake"), Halt()
    halt.tell()
    store = Store(tmp_path, writer=True)
    try:
        assert compact(store, tmp_path, tmp_path / "lake", 1, halt=halt) == []
        assert files_under(tmp_path / "lake") == before
        assert compact(store, tmp_path, tmp_path / "lake", 1) != []
    finally:
        store.close()
    assert numbers(tmp_path) == [1, 2]


def test_a_server_ends_in_time_and_in_silence_while_it_compacts(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for number in range(12):
        bring(home, number)
    with serving(home, **OFTEN) as running:
        until(lambda: (home / "spill").exists() or curated_files(home) != [])
        assert running.end() == 0
        assert "error" not in running.said()
    assert numbers(home) == list(range(12))


@dataclass
class Week:
    """Time that passes while somebody rests, and when a run looks at the clock."""

    random: Random = field(default_factory=lambda: Random(0))
    now: float = 0.0
    worked: float = 0.0
    shares: list[float] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def clock(self) -> float:
        """What a run asks for; it takes from a tenth of a second to a quarter of an hour."""
        took = 10 ** self.random.uniform(-1, 3)
        self.now, self.worked = self.now + took, self.worked + took
        return self.now

    def rest(self, seconds: float) -> bool:
        """Let time pass; whether the week is over."""
        self.now += seconds
        self.pauses.append(seconds)
        self.shares.append(self.worked / self.now)
        return self.now > 7 * 86_400


@pytest.mark.parametrize("works", [True, False], ids=["works", "fails"])
def test_a_server_compacts_for_a_tenth_of_the_time_at_most_however_long_a_run_takes(
    tmp_path: Path, works: bool
) -> None:
    bring(tmp_path / "home", 1)
    if not works:
        (tmp_path / "home" / "log.db").write_bytes(b"no database")
    week = Week()
    compaction = Compaction(tmp_path / "home", EVERY_S, week.clock, lambda: week.now)
    compaction.run(week.rest)
    assert (compaction.state.problem == "", len(week.pauses) > 20) == (works, True)
    assert max(week.shares) <= 0.1
    # Nor does it rest longer than it must: some of these runs are short.
    assert (week.pauses[0], min(week.pauses)) == (EVERY_S, EVERY_S)
    assert week.pauses.count(EVERY_S) > 5


class Endless:
    """A pipe in the place of a landing file, as good as without an end.

    begun, left  set when somebody reads it, and when that one has gone before its end
    """

    def __init__(self, path: Path) -> None:
        path.unlink()
        os.mkfifo(path)
        self.path = path
        self.left = threading.Event()
        self.begun = threading.Event()
        self._thread = threading.Thread(target=self._feed, daemon=True)
        self._thread.start()

    def _feed(self) -> None:
        try:
            with self.path.open("wb", buffering=0) as file:
                for _ in range(ENOUGH_MIB):
                    file.write(bytes(1 << 20))
                    self.begun.set()
        except BrokenPipeError:
            self.left.set()


def landing_file(home: Path) -> Path:
    (landed,) = [path for path in lake_files(home) if "vpc_flow" in path.as_posix()]
    return landed


@pytest.mark.fault("F29")
def test_a_compaction_that_digests_a_large_file_ends_when_it_is_told(tmp_path: Path) -> None:
    bring(tmp_path, 1)
    landed, halt = landing_file(tmp_path), Halt()
    whole = landed.read_bytes()
    endless = Endless(landed)

    def begin() -> list[Compacted]:
        with closing(Store(tmp_path, writer=True)) as store:
            return compact(store, tmp_path, tmp_path / "lake", 1, halt=halt)

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(begin)
        assert endless.begun.wait(PATIENCE_S)
        halt.tell()
        assert endless.left.wait(PATIENCE_S)
        assert done.result() == []
    landed.unlink()
    landed.write_bytes(whole)
    assert numbers(tmp_path) == [1]
    with readable(tmp_path) as opened:
        assert audit_of(opened).findings == []


@pytest.mark.fault("F29")
def test_a_server_that_digests_a_large_file_ends_in_order(tmp_path: Path) -> None:
    home = tmp_path / "home"
    bring(home, 1)
    endless = Endless(landing_file(home))
    with serving(home, **OFTEN) as running:
        assert endless.begun.wait(PATIENCE_S)
        assert running.end() == 0
        assert "error" not in running.said()


@dataclass
class Fails:
    """A clock that a compaction can read once."""

    now: float = NOW_S
    reads: int = 0

    def read(self) -> float:
        """The time, until then."""
        if threading.current_thread().name == "compaction":
            self.reads += 1
            if self.reads > 1:
                raise ZeroDivisionError
        return self.now


@pytest.mark.fault("F7")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_compaction_that_ends_by_a_defect_is_told_and_ends_the_server(tmp_path: Path) -> None:
    given = replace(context(), limits=Limits(compact_seconds=1))
    with (
        writing(tmp_path, given),
        running(tmp_path, given, Machine(clock=Fails().read)) as state,
    ):
        assert state.dead() == ""
        until(lambda: state.dead() != "")
        assert state.dead() == "compaction"
        status, told = health(state)
    assert (status, told["status"]) == (503, "stopped")
    assert told["problem"] == told["compaction"]["problem"] == "the compaction has ended"
