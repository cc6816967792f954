"""A step that is taken again, and versions that go while an erasure is at work."""

from datetime import timedelta

import pytest

from pipeline.erase.stack.landing import renamed
from pipeline.erase.stack.work import FILES_AT_ONCE, request_key
from pipeline.errors import TailraceError
from tests.curate.machine import compact
from tests.erase.account import PAGE, Versioned
from tests.erase.machine import erase
from tests.erase.test_stack import ALL, HER, SUBJECT, filled, others, receipt

HOLDS = "203.0.113.9:"


@pytest.fixture
def account() -> Versioned:
    made = filled()
    # As a version behind the newest, and as one that is kept of what was deleted.
    (again,) = [key for key in made.files() if key.endswith("/a.parquet")]
    made.store(again, made.objects[again][0])
    (deleted,) = [key for key in made.files() if key.endswith("/d.parquet")]
    made.store(deleted, None)
    return made


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize("folded", [False, True])
def test_a_part_of_which_something_has_gone_is_done_when_it_is_taken_again(
    account: Versioned, number: int, folded: bool
) -> None:
    if folded:
        compact(account, account.curator())
    first, left = others(account), number

    def fail(name: str) -> None:
        nonlocal left
        if name == "half of a deletion" and any("/gone/" in key for key in account.objects):
            left -= 1
            if left == 0:
                raise TailraceError("here")

    account.before = fail
    erasure = account.ask_for(SUBJECT)
    assert erase(account, erasure) == {"failed": ""}
    assert left <= 0 or number > 4
    assert account.ask(ALL) == first
    assert account.holders(HOLDS) == []
    assert receipt(account, erasure).row_count == 2


@pytest.mark.parametrize(
    "which", [[0], [1], [0, 1]], ids=["the one before", "the one that is read", "both"]
)
def test_versions_that_go_before_they_are_searched_are_no_failure(
    account: Versioned, which: list[int]
) -> None:
    (key,) = [key for key in account.files() if key.endswith("/a.parquet")]
    going = [account.kept[key][each].id for each in which]

    def go(name: str) -> None:
        if name == "GetObject" and any("/landing/" in each for each in _open(account)):
            account.before = lambda name: None
            for version in going:
                account.delete(key, version)

    account.before = go
    erasure = account.ask_for(SUBJECT)
    assert erase(account, erasure) == {"failed": ""}
    assert account.holders(HOLDS) == []
    assert [row for row in account.ask(ALL) if row[3] == HER] == []
    # The version behind it takes the place of the one that was read, with its other rows.
    assert (renamed(key, erasure) in account.files()) == (len(which) == 1)


def test_whom_it_is_about_is_written_again_before_it_expires(account: Versioned) -> None:
    erasure, ages = account.ask_for(SUBJECT), []

    def look(name: str) -> None:
        account.now += timedelta(minutes=12)
        if stored := account.objects.get(request_key(erasure)):
            ages.append(account.now - stored[1])

    account.before = look
    begun = account.now
    assert erase(account, erasure) == {"failed": ""}
    assert account.now - begun > timedelta(hours=24)
    assert timedelta(hours=6) < max(ages) < timedelta(hours=18)
    assert account.holders('"203.0.113.9"') == []


def test_what_is_not_about_to_expire_is_not_written_again(account: Versioned) -> None:
    erasure = account.ask_for(SUBJECT)
    written: list[int] = []
    account.before = lambda name: written.append(len(account.kept.get(request_key(erasure), [])))
    assert erase(account, erasure) == {"failed": ""}
    assert max(written) == 1


def _open(account: Versioned) -> list[str]:
    return [key for key in account.objects if key.startswith("erasing/")]


def test_parts_are_written_while_the_lake_is_listed(account: Versioned) -> None:
    folder = "lake/landing/app_log/arrival_dt=2026-11-27/arrival_hour=11"
    for number in range(2 * FILES_AT_ONCE):
        account.store(f"{folder}/{number:04d}.parquet", b"short")
    erasure, seen = account.ask_for(SUBJECT), []

    def look(name: str) -> None:
        if name == "ListObjectVersions":
            seen.append(any(f"{erasure}/landing/" in key for key in account.objects))

    eraser = account.eraser()
    said = {"id": erasure, "execution": "one"}
    eraser.take({"step": "begin", **said}, lambda: 900.0)
    account.before = look
    eraser.take({"step": "prepare", "phase": "landing", **said}, lambda: 900.0)
    assert seen.count(True) > FILES_AT_ONCE / PAGE - 5
