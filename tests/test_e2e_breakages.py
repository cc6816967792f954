"""Breakages and the proxy of the end-to-end tests, as far as they can be looked at without any."""

import json
from collections.abc import Mapping

import pytest

from infra.deploy.stack import ROOT
from tests.e2e.breakages import BREAKAGES, Breakage
from tests.e2e.proxy import Answer, Fault, cut, lost, nothing_taken, partial, refused, unreadable

TAKEN = {"RecordId": "r"}


@pytest.mark.parametrize("breakage", BREAKAGES, ids=[each.name for each in BREAKAGES])
def test_what_a_breakage_changes_is_there_once(breakage: Breakage) -> None:
    assert (ROOT / breakage.file).read_text("utf-8").count(breakage.old) == 1
    assert breakage.old != breakage.new


class Firehose:
    """Takes everything; `taken`: what it was given."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    def ask(self, content: bytes) -> Answer:
        records = [each["Data"] for each in json.loads(content)["Records"]]
        self.taken += records
        told: Mapping[str, object] = {
            "FailedPutCount": 0,
            "RequestResponses": [TAKEN] * len(records),
        }
        return Answer(200, json.dumps(told).encode())


@pytest.mark.parametrize(
    ("fault", "taken"),
    [
        (partial(0), "bc"),
        (partial(-1), "ab"),
        (partial(0, 1), "c"),
        (partial(), "abc"),
        (nothing_taken, ""),
        (lost, "abc"),
        (unreadable, "abc"),
        (cut, "abc"),
        (refused(503, "ServiceUnavailableException"), ""),
    ],
)
def test_a_fault_lets_through_what_it_says(fault: Fault, taken: str) -> None:
    firehose = Firehose()
    content = json.dumps({"Records": [{"Data": each} for each in "abc"]}).encode()
    fault(content, firehose.ask)
    assert "".join(firehose.taken) == taken


def test_a_part_that_fails_is_told_by_its_place() -> None:
    content = json.dumps({"Records": [{"Data": each} for each in "abc"]}).encode()
    told = json.loads(partial(1)(content, Firehose().ask).body)
    assert told["FailedPutCount"] == 1
    assert [each.get("ErrorCode") for each in told["RequestResponses"]] == [
        None,
        "ServiceUnavailableException",
        None,
    ]
