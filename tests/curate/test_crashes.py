"""A compaction that ends at any call or statement changes no answer, and the next one goes on."""

from datetime import timedelta

import pytest

from pipeline.curate import Curator
from pipeline.curate.steps import Step, Told
from pipeline.errors import TailraceError
from tests.curate.account import Account
from tests.curate.machine import EXECUTION, RETRY, Crash, compact
from tests.curate.test_compaction import ALL, HOUR, MORNING, account, event, landed

__all__ = ["account"]
MORE = timedelta(days=2)
TRIED = 1 + RETRY[-1]["MaxAttempts"]


def test_a_step_that_fails_once_is_tried_again_and_nothing_fails() -> None:
    account = prepared()
    left = 3

    def fail(name: str) -> None:
        nonlocal left
        left -= name == "UpdatePartition"
        if left == 2 and name == "UpdatePartition":
            raise TailraceError("once")

    account.before = fail
    assert compact(account, account.curator()) == {"busy": False, "failed": []}


def calls_of(account: Account) -> int:
    """How many calls and statements a compaction makes."""
    count = 0

    def note(name: str) -> None:
        nonlocal count
        count += 1

    account.before = note
    compact(account, account.curator())
    account.before = lambda name: None
    return count


def broken_at(account: Account, number: int, error: type[BaseException], times: int) -> str:
    """Run a compaction that breaks at a call; the call's name, "" for one that has fewer.

    times  how many calls fail, one behind the other
    """
    left, at = number, ""

    def fail(name: str) -> None:
        nonlocal left, at
        left -= 1
        if -times < left <= 0:
            at = at or name
            raise error("here")

    account.before = fail
    try:
        compact(account, account.curator())
    except error:
        pass
    finally:
        account.before = lambda name: None
    return at


def prepared() -> Account:
    """A stage where one compaction is done, and a file has come late since."""
    made = Account()
    landed(made, "a", MORNING, event(1), event(2), event(2), event(3, MORNING - 24 * HOUR))
    compact(made, made.curator())
    landed(made, "b", MORNING + 5 * HOUR, event(2), event(4), event(7), event(7, decoder=2))
    made.now += 6 * HOUR
    landed(made, "c", made.now, event(5, made.now), event(4))
    return made


@pytest.mark.fault("F22")
@pytest.mark.parametrize(
    ("error", "times"),
    # What fails once is tried again; what fails longer than that is caught.
    [(Crash, 1), (TailraceError, 1), (TailraceError, TRIED)],
)
def test_what_breaks_changes_no_answer_and_the_next_one_goes_on(
    error: type[BaseException], times: int
) -> None:
    calls = calls_of(prepared())
    assert calls > 40
    for number in range(1, calls + 1):
        _broken(number, error, times)


def _broken(number: int, error: type[BaseException], times: int) -> None:
    account = prepared()
    before = account.ask(ALL)
    assert broken_at(account, number, error, times)
    assert account.ask(ALL) == before
    compact(account, account.curator(), "the next one")
    assert account.ask(ALL) == before
    assert account.curator().objects.plan("app_log") is None
    assert account.ask("select record_id from app_log_landing order by 1") == [(4,), (5,)]
    for name in ("that folds the rest", "that deletes what it replaced"):
        account.now += MORE
        compact(account, account.curator(), name)
    shown = {each["StorageDescriptor"]["Location"] for each in account.partitions.values()}
    lies = {key.partition("hours=")[0] for key in account.objects if "/curated/" in key}
    assert {f"s3://lake/{folder}" for folder in lies} == shown
    assert account.ask(ALL) == before


class Again(Curator):
    """Each step is taken twice, as where Lambda's answer does not arrive."""

    def take(self, step: Step) -> Told:
        super().take(step)
        return super().take(step)


@pytest.mark.fault("F22")
def test_a_step_whose_answer_is_lost_can_come_again() -> None:
    account = prepared()
    before = account.ask(ALL)
    said = compact(account, Again(**vars(account.curator())))
    assert said == {"busy": False, "failed": []}
    assert account.ask(ALL) == before
    assert account.ask("select record_id from app_log_landing order by 1") == [(4,), (5,)]
    assert account.curator().objects.plan("app_log") is None


def test_what_another_plan_is_about_is_not_published() -> None:
    account = prepared()
    curator = account.curator()
    known = {"execution": EXECUTION, "table": "app_log"}
    curator.take({"step": "begin", **known})
    curator.take({"step": "plan", **known})
    with pytest.raises(TailraceError, match="is not the one that stands"):
        curator.take({"step": "publish", **known, "plan": "an older one"})
