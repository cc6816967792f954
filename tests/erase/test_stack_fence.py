"""An erasure that was taken over changes nothing any more, however far a step of it had come."""

from typing import Any

import pytest

from pipeline.curate import LockLost
from pipeline.erase.receipt import UNFINISHED, WAITING, Receipt, pseudonym
from pipeline.erase.stack.steps import receipt_key
from pipeline.erase.stack.work import request_key
from pipeline.errors import TailraceError
from tests.curate.machine import compact
from tests.erase.account import SALT, Versioned
from tests.erase.machine import erase
from tests.erase.test_stack import SUBJECT, filled

ONE, OTHER = "the one", "another"


@pytest.fixture
def account() -> Versioned:
    made = filled()
    compact(made, made.curator())
    return made


def take(account: Versioned, erasure: str, step: str, **more: Any) -> dict[str, Any]:
    said = {"step": step, "id": erasure, "execution": ONE, **more}
    return account.eraser().take(said, lambda: 900.0)


def take_over(account: Versioned) -> None:
    """A compaction begins, for the execution before was stopped."""
    assert not account.curator().take({"step": "begin", "execution": OTHER})["busy"]


def there(account: Versioned) -> dict[str, list[str]]:
    return {key: [each.id for each in kept] for key, kept in account.kept.items()}


@pytest.mark.parametrize(
    ("step", "more"),
    [
        ("prepare", {"phase": "curated"}),
        ("work", {"phase": "landing", "lane": 0}),
        ("settle", {}),
        ("break_off", {}),
    ],
)
def test_no_step_of_it_is_done_any_more(
    account: Versioned, step: str, more: dict[str, Any]
) -> None:
    erasure = account.ask_for(SUBJECT)
    take(account, erasure, "begin")
    take(account, erasure, "prepare", phase="landing")
    take_over(account)
    before = there(account)
    with pytest.raises(LockLost, match="not the one at work"):
        take(account, erasure, step, **more)
    assert there(account) == before


def test_nor_where_the_lock_was_given_back_and_it_is_redriven(account: Versioned) -> None:
    erasure = account.ask_for(SUBJECT)
    take(account, erasure, "begin")
    (lane, *_) = take(account, erasure, "prepare", phase="landing")["lanes"]
    account.curator().objects.release(ONE)
    with pytest.raises(LockLost, match="not the one at work"):
        take(account, erasure, "work", phase="landing", lane=lane)


def test_a_file_stays_where_it_is_taken_over_before_that_goes(account: Versioned) -> None:
    erasure = account.ask_for(SUBJECT)
    before = account.files()

    def look(name: str) -> None:
        if name == "PutObject" and f"erasing/{erasure}/gone/" in " ".join(account.objects):
            account.before = lambda name: None
            take_over(account)

    account.before = look
    assert "not the one at work" in erase(account, erasure, ONE)["failed"]
    assert set(before) <= set(account.files())


def test_a_day_is_not_shown_where_it_is_taken_over_before_that(account: Versioned) -> None:
    erasure = account.ask_for(SUBJECT)
    shown = dict(account.partitions)

    def look(name: str) -> None:
        swaps = [key for key in account.objects if key.startswith(f"erasing/{erasure}/swaps/")]
        pieces = [key for key in account.objects if key.startswith(f"erasing/{erasure}/pieces/")]
        if name == "GetPartition" and swaps and not pieces:
            account.before = lambda name: None
            take_over(account)

    account.before = look
    assert "not the one at work" in erase(account, erasure, ONE)["failed"]
    assert account.partitions == shown
    assert account.eraser().bucket.read(request_key(erasure), dict[str, Any]) is None


def test_what_is_left_is_not_removed_where_it_was_begun_again(account: Versioned) -> None:
    erasure = account.ask_for(SUBJECT)
    take(account, erasure, "begin")
    before = there(account)
    with pytest.raises(TailraceError, match="it was begun again"):
        take(account, erasure, "remove")
    assert there(account) == before


def test_what_a_step_wrote_that_came_too_late_is_not_believed(account: Versioned) -> None:
    erasure = account.ask_for(SUBJECT)
    late = Receipt(erasure, WAITING, "then", pseudonym(SUBJECT, SALT))
    account.eraser().bucket.write(receipt_key(erasure), late)
    take(account, erasure, "begin")
    found = account.eraser().bucket.read(receipt_key(erasure), Receipt)
    assert found is not None
    assert found.state == UNFINISHED
