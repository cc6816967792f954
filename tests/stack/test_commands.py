"""The commands that look at a stack, as they are called: over an account of ours."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline import aws
from tests.homes import call, run
from tests.stack.account import Account
from tests.stack.test_audit import ERRORS, error_object
from tests.stack.test_health import well


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    made = well()
    made.answers |= answers()
    monkeypatch.setattr(aws, "session", made.session)
    return made


def answers() -> Mapping[str, Any]:
    """Athena that has no row for anything."""
    done = {"State": "SUCCEEDED"}
    cost = {"DataScannedInBytes": 0}
    return {
        "StartQueryExecution": {"QueryExecutionId": "q"},
        "GetQueryExecution": {"QueryExecution": {"Status": done, "Statistics": cost}},
        "GetQueryResults": {
            "ResultSet": {"Rows": [], "ResultSetMetadata": {"ColumnInfo": []}},
        },
    }


def test_an_audit_of_a_stack_ends_with_one_where_something_was_left(account: Account) -> None:
    account.put(ERRORS, error_object(("x", b"{}\n")), datetime.now(UTC))
    ran = call("audit", "--stage", "staging", "--json")
    assert ran.code == 1
    told = json.loads(ran.out)
    assert (told["balanced"], told["hours"]) == (False, [])
    assert [finding["where"] for finding in told["findings"]] == [ERRORS]
    assert "4 questions" in ran.err
    assert "error: not balanced: 1 finding" in ran.err


def test_an_audit_of_a_stack_asks_anew_and_by_days_of_arrival(account: Account) -> None:
    assert call("audit", "--stage", "staging").code == 0
    texts = [words for name, words in account.asked if name == "StartQueryExecution"]
    assert all("ResultReuseConfiguration" not in words for words in texts)
    assert "vpc_flow_landing_files WHERE arrival_dt >= '" in texts[1]["QueryString"]


def test_a_doctor_of_a_stack_tells_what_is_not_well(account: Account) -> None:
    account.answers["DescribeStacks"] = {"Stacks": [{"StackStatus": "ROLLBACK_COMPLETE"}]}
    ran = call("doctor", "--stage", "staging")
    assert ran.code == 1
    lines = ran.out.splitlines()
    assert lines[1:3] == [
        "✗ stack     tailrace-staging: ROLLBACK_COMPLETE",
        "            aws cloudformation describe-stack-events --stack-name tailrace-staging",
    ]


def test_a_replay_of_a_stack_tells_each_object(account: Account) -> None:
    account.put(ERRORS, error_object(("x", b"{}\n")), datetime.now(UTC))
    ran = call("replay", "--stage", "staging", "--failed", "--dry-run")
    assert (ran.code, ran.out) == (0, f"would be sent again: {ERRORS}: vpc_flow: 1 x x\n")
    account.objects.clear()
    ran = call("replay", "--stage", "staging", "--failed")
    assert (ran.code, ran.out) == (0, "nothing to replay\n")


@pytest.mark.fault("F33")
@pytest.mark.parametrize(
    "words", [("audit",), ("doctor",), ("replay", "--failed")], ids=lambda words: words[0]
)
def test_a_command_gets_as_far_as_aws_and_says_what_it_lacks(words: tuple[str, ...]) -> None:
    nobody = {
        "AWS_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/none",
        "AWS_SHARED_CREDENTIALS_FILE": "/none",
    }
    ran = run(*words, "--stage", "staging", **nobody)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error: AWS does not answer: NoCredentialsError\n")
