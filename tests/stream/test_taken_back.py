"""A last line without an end is taken back once, and what it becomes comes in once."""

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path

import pytest

from pipeline.home import Machine, WritingHome, audit_of, writing
from pipeline.settings import Limits
from pipeline.sources import find
from pipeline.store import Edge
from pipeline.stream.carry import Origin
from pipeline.stream.files import feed
from pipeline.stream.growth import lengths_known
from pipeline.stream.scan import scan
from tests.carriers import ARRIVAL_MS, gzipped
from tests.homes import ask, edit, files_under, flow, numbers, written
from tests.processed import context

ORIGIN = Origin(find("vpc-flow"), (), "", ARRIVAL_MS)
TINY = Limits(slice_bytes=1)
LINE = flow(7)
STEPS = (
    flow(1) + LINE[:40],
    flow(1) + LINE[:-1],
    flow(1) + LINE + flow(8)[:50],
    flow(1) + LINE + flow(8),
    flow(1) + LINE + flow(8) + flow(9),
)


class Died(BaseException):
    """The process ends here."""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "a.log"


def take(opened: WritingHome, log: Path, content: bytes, limits: Limits = TINY) -> None:
    """Bring a file into the stream, as `tailrace ingest` does."""
    with written(log, content).open("rb") as file:
        found = scan(file, str(log), limits, lengths_known(opened.store, "vpc-flow"))
        for _ in feed(opened.store, file, found, ORIGIN, limits):
            pass


def grow(home: Path, log: Path, steps: Sequence[bytes], watch: Callable[[Edge], None]) -> None:
    """Bring a file in, content by content, each by a process of its own."""
    for content in steps:
        with writing(home, context(), machine=Machine(watch=watch)) as opened:
            take(opened, log, content)
            opened.worker.drain()


def refused(home: Path) -> list[tuple[str]]:
    return ask(home, "select raw_head from reject", "reject")


def attempts(home: Path) -> list[tuple[int, int]]:
    """How many rows of `batch` say so, for each number of attempts at a record."""
    sql = "select attempt, count(*) from batch_landing group by 1 order by 1"
    return ask(home, sql, "batch")


def balanced(home: Path) -> bool:
    with writing(home, context()) as opened:
        return audit_of(opened).balanced


def passing(edge: Edge) -> None:
    """Nothing happens."""


def test_each_step_takes_the_line_before_it_back_and_no_other(tmp_path: Path, log: Path) -> None:
    grow(tmp_path / "home", log, STEPS, passing)
    assert numbers(tmp_path / "home") == [1, 7, 8, 9]
    # Three lines had no end when they came.
    assert attempts(tmp_path / "home") == [(0, 7), (1, 3)]


@pytest.mark.fault("F18")
def test_a_line_that_was_taken_back_is_not_taken_back_again(tmp_path: Path, log: Path) -> None:
    home = tmp_path / "home"
    with writing(home, context()) as opened:
        for content in STEPS:
            take(opened, log, content)
        opened.worker.drain()
    before = files_under(home), attempts(home)
    for _ in range(2):
        edit(home, "update checkpoint set seq = 0")
        grow(home, log, STEPS[-1:], passing)
        assert (files_under(home), attempts(home)) == before
    assert (numbers(home), refused(home), balanced(home)) == ([1, 7, 8, 9], [], True)


def dying(number: int) -> Callable[[Edge], None]:
    """Ends the process before its transaction of this number is through."""
    transactions = count()

    def watch(edge: Edge) -> None:
        if edge is Edge.COMMIT and next(transactions) == number:
            raise Died

    return watch


def deaths(folder: Path, log: Path, skip: int) -> Iterator[Path]:
    """Homes in which a file grew though the process died, each time a transaction later.

    skip  how many contents of the file nobody saw before the next process came
    """
    for number in count():
        home, watch = folder / str(number), dying(number)
        for at, content in enumerate(STEPS):
            try:
                grow(home, log, [content], watch)
            except Died:
                left = STEPS[at + skip :] or STEPS[-1:]
                grow(home, log, left, passing)
                break
        else:
            return
        yield home


@pytest.mark.slow
@pytest.mark.fault("F7")
@pytest.mark.parametrize("skip", [0, 1])
def test_a_line_that_grows_comes_in_once_wherever_the_process_dies(
    tmp_path: Path, log: Path, skip: int
) -> None:
    died = 0
    for home in deaths(tmp_path, log, skip):
        assert (numbers(home), refused(home), balanced(home)) == ([1, 7, 8, 9], [], True)
        assert max(attempt for attempt, _ in attempts(home)) <= 1
        died += 1
    assert died > 20


def test_a_line_that_is_cut_for_its_length_is_taken_back_when_it_goes_on(
    tmp_path: Path, log: Path
) -> None:
    home, limits = tmp_path / "home", Limits(slice_bytes=1, record_bytes=50, line_bytes=150)
    # Three pieces of one line: the first is its record, the others are no records of their own.
    pieces = [gzipped(piece) for piece in (flow(1), b"x" * 160, b"y" * 60, b"z" * 60)]
    with writing(home, context(limits=limits)) as opened:
        for content in (b"".join(pieces), b"".join(pieces) + gzipped(b"end\n" + flow(2))):
            take(opened, log, content, limits)
            opened.worker.drain()
    assert (numbers(home), len(refused(home))) == ([1, 2], 1)
