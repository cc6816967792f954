"""What an event source mapping does when its function fails: the template counts on all of it."""

import base64

import pytest

from tests.e2e.cloud import Cloud, until
from tests.e2e.mapping import Trials

ATTEMPTS = 2


@pytest.mark.needs("esm.partial")
def test_what_a_partial_answer_names_comes_again_with_all_behind_it(
    target: Cloud, trials: Trials
) -> None:
    words = ["a", "once-partial", "c"]
    with trials.mapped("partial", words, ATTEMPTS, halves=False):
        assert trials.at_least("partial", 2) == [words, words[1:]]


@pytest.mark.needs("esm.retries")
def test_a_batch_is_given_up_after_its_attempts_and_the_next_one_comes(
    target: Cloud, trials: Trials
) -> None:
    with trials.mapped("retries", ["raise"], ATTEMPTS, halves=False):
        trials.at_least("retries", 1 + ATTEMPTS)
        trials.put("retries", ["next"])
        assert trials.at_least("retries", 2 + ATTEMPTS) == [["raise"]] * (1 + ATTEMPTS) + [["next"]]


@pytest.mark.needs("esm.destination")
def test_a_batch_that_is_given_up_is_kept_whole(target: Cloud, trials: Trials) -> None:
    with trials.mapped("destination", ["a", "raise"], 0, halves=False) as mapping:
        told = until(lambda: trials.given_up(mapping), "what was given up", 60)
    records = told["payload"]["Records"]
    assert [base64.b64decode(each["kinesis"]["data"]) for each in records] == [b"a", b"raise"]
    assert told["requestContext"]["condition"] == "RetryAttemptsExhausted"


@pytest.mark.needs("esm.bisect")
def test_a_batch_that_fails_comes_again_in_halves(target: Cloud, trials: Trials) -> None:
    with trials.mapped("bisect", ["a", "b", "c", "raise"], ATTEMPTS, halves=True):
        assert ["a", "b"] in trials.at_least("bisect", 3)


@pytest.mark.probe("esm.partial")
def test_a_partial_answer_is_taken_for_a_whole_one(target: Cloud, trials: Trials) -> None:
    words = ["a", "once-lost", "c"]
    with trials.mapped("lost", words, ATTEMPTS, halves=False):
        trials.at_least("lost", 1)
        # Behind them in the same shard: when it has come, they do not come any more.
        trials.put("lost", ["behind"])
        assert trials.at_least("lost", 2) == [words, ["behind"]]


@pytest.mark.probe("esm.retries", "esm.destination")
def test_a_batch_that_fails_is_never_given_up(target: Cloud, trials: Trials) -> None:
    with trials.mapped("for-ever", ["raise"], 0, halves=False) as mapping:
        assert trials.at_least("for-ever", 3)[:3] == [["raise"]] * 3
        assert trials.given_up(mapping) is None


@pytest.mark.probe("esm.bisect")
def test_a_batch_that_fails_comes_again_whole(target: Cloud, trials: Trials) -> None:
    words = ["a", "b", "c", "raise"]
    with trials.mapped("whole", words, ATTEMPTS, halves=True):
        assert trials.at_least("whole", 3)[:3] == [words] * 3
