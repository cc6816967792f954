"""Answers that are shared: only with who takes an old one, and made once for all who wait."""

import asyncio
import time

import pytest

from pipeline.web.kept import MOST, Kept, Shelf, max_age_of
from tests.homes import flow
from tests.web.serving import Served

QUERY = "/v1/queries/traffic_by_action?since=5m"


def kept(told: bytes, made: float = 0.0) -> Kept:
    return Kept(told, "application/json", told, made)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("max-age=25", 25),
        ("no-transform, Max-Age = 5", 5),
        ("", None),
        ("no-cache", None),
        ("no-cache, max-age=25", None),
        ("max-age=-1", None),
        ("max-age=1e9", None),
        ("s-max-age=9", None),
    ],
)
def test_only_who_says_so_takes_an_old_answer(header: str, seconds: float | None) -> None:
    assert max_age_of(header) == seconds


def test_an_answer_is_made_once_for_all_who_wait_for_it() -> None:
    made = []

    async def ask() -> list[Kept]:
        shelf, door = Shelf(), asyncio.Event()

        async def make() -> Kept:
            made.append(1)
            await door.wait()
            return kept(b"told")

        waiting = [asyncio.ensure_future(shelf.get("q", 0, make, True)) for _ in range(10)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        door.set()
        return [await each for each in waiting[1:]]

    assert [each.told for each in asyncio.run(ask())] == [b"told"] * 9
    assert len(made) == 1


def test_an_error_is_told_to_all_and_kept_for_nobody() -> None:
    async def ask() -> Kept:
        shelf = Shelf()

        async def fail() -> Kept:
            raise ValueError("no")

        async def make() -> Kept:
            return kept(b"yes")

        told = await asyncio.gather(
            *(shelf.get("q", 0, fail, True) for _ in range(2)), return_exceptions=True
        )
        assert [str(each) for each in told] == ["no", "no"]
        return await shelf.get("q", 0, make, True)

    assert asyncio.run(ask()).told == b"yes"


def test_an_old_answer_is_given_to_nobody_who_wants_a_newer_one_and_there_is_room_for_few() -> None:
    async def ask() -> None:
        shelf = Shelf()

        async def made(told: bytes, at: float) -> Kept:
            return kept(told, at)

        await shelf.get("q", 0, lambda: made(b"old", 10), True)
        assert (await shelf.get("q", 10, lambda: made(b"new", 20), True)).told == b"old"
        assert (await shelf.get("q", 11, lambda: made(b"new", 20), True)).told == b"new"
        assert (await shelf.get("q", 11, lambda: made(b"mine", 30), False)).told == b"mine"
        for number in range(2 * MOST):
            await shelf.get(str(number), 0, lambda: made(b"x", 0), True)
        assert (await shelf.get("q", 0, lambda: made(b"again", 40), True)).told == b"again"

    asyncio.run(ask())


def test_a_server_shares_answers_and_says_how_old_they_are(served: Served) -> None:
    old = {"cache-control": "max-age=600"}
    first = served.get(QUERY, **old)
    served.post(flow(1234, int(time.time()) - 5))
    served.landed()
    shared, fresh = served.get(QUERY, **old), served.get(QUERY)
    assert shared.content == first.content
    assert int(shared.headers["age"]) >= int(first.headers["age"])
    assert fresh.content != first.content
    again = served.get(QUERY, **old, **{"if-none-match": fresh.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""
