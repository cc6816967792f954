"""Views that come together are one record, and each POST has its own answer."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future

import pytest

from pipeline.errors import BackPressure
from pipeline.stream.intake import Posted
from pipeline.stream.log import Place
from pipeline.web.gathering import MOST, Gathering

NOW_S = 1_795_608_000.0


class Disk:
    """Takes records, and says so when a test wants it to."""

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.identities: set[str | None] = set()
        self.writing: list[Future[Place]] = []

    def submit(self, posted: Posted) -> "Future[Place]":
        """Take a record."""
        self.records.append(posted.record.payload)
        self.identities.add(posted.record.identity)
        self.writing.append(Future())
        return self.writing[-1]

    def writes(self) -> None:
        """Have the last record written."""
        self.writing[-1].set_result(Place(0, len(self.records)))


def played(play: Callable[[Gathering, Disk], Awaitable[None]]) -> Disk:
    """What a disk has taken after a play."""

    async def run() -> Disk:
        disk = Disk()
        await play(Gathering(disk.submit, lambda: NOW_S, rest_s=0), disk)
        return disk

    return asyncio.run(run())


async def turns() -> None:
    """Let everybody do what there is to do."""
    for _ in range(10):
        await asyncio.sleep(0)


def posts(gathering: Gathering, *lines: bytes) -> "list[asyncio.Task[None]]":
    return [asyncio.ensure_future(gathering.take([line])) for line in lines]


def test_what_comes_while_a_record_is_written_becomes_the_next_one() -> None:
    async def play(gathering: Gathering, disk: Disk) -> None:
        first = posts(gathering, b"1", b"2")
        await turns()
        second = posts(gathering, b"3", b"4")
        await turns()
        assert disk.records == [b"1\n2"]
        assert not any(each.done() for each in first)
        disk.writes()
        await asyncio.gather(*first)
        assert not any(each.done() for each in second)
        await turns()
        disk.writes()
        await asyncio.gather(*second)

    disk = played(play)
    assert disk.records == [b"1\n2", b"3\n4"]
    assert len(disk.identities) == 2


def test_a_record_that_is_refused_is_so_for_all_whose_views_it_holds_and_no_other() -> None:
    async def play(gathering: Gathering, disk: Disk) -> None:
        first = posts(gathering, b"1", b"2")
        await turns()
        second = posts(gathering, b"3")
        disk.writing[-1].set_exception(BackPressure("the log is full"))
        for each in first:
            with pytest.raises(BackPressure, match="full"):
                await each
        await turns()
        disk.writes()
        await asyncio.gather(*second)

    assert played(play).records == [b"1\n2", b"3"]


def test_who_goes_takes_nobody_along() -> None:
    async def play(gathering: Gathering, disk: Disk) -> None:
        gone, *others = posts(gathering, b"1", b"2")
        await turns()
        gone.cancel()
        await turns()
        disk.writes()
        await asyncio.gather(*others)
        later = posts(gathering, b"3")
        await turns()
        disk.writes()
        await asyncio.gather(*later)

    assert played(play).records == [b"1\n2", b"3"]


def test_between_two_records_is_a_rest() -> None:
    async def run() -> list[float]:
        loop, disk = asyncio.get_running_loop(), Disk()
        gathering, begun = Gathering(disk.submit, lambda: NOW_S, rest_s=0.05), []
        for line in b"1", b"2":
            (waiting,) = posts(gathering, line)
            while len(disk.records) < int(line):
                await asyncio.sleep(0)
            begun.append(loop.time())
            disk.writes()
            await waiting
        return begun

    first, second = asyncio.run(run())
    assert second - first >= 0.05


def test_a_record_holds_no_more_than_so_many_posts() -> None:
    async def play(gathering: Gathering, disk: Disk) -> None:
        waiting = posts(gathering, *(b"%d" % number for number in range(MOST + 1)))
        for _ in range(2):
            await turns()
            disk.writes()
        await asyncio.gather(*waiting)

    sizes = [len(record.split(b"\n")) for record in played(play).records]
    assert sizes == [MOST, 1]
