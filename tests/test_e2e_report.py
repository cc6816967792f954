"""The table of capabilities: what a target has is shown by a test, a pretence by a probe."""

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from infra.deploy.stack import ROOT
from pipeline.targets import LOCALSTACK, MINISTACK
from tests.e2e.capabilities import CAPABILITIES, State
from tests.e2e.report import (
    SEEN,
    Seen,
    is_whole,
    pytest_collection_modifyitems,
    pytest_sessionfinish,
)


def report(nodeid: str, outcome: str = "passed") -> pytest.TestReport:
    return pytest.TestReport(nodeid, ("", 0, ""), {}, outcome, None, "call")  # type: ignore[arg-type]


def test_what_a_target_has_is_missing_until_a_test_has_passed() -> None:
    seen = Seen([LOCALSTACK])
    assert "logs.to_kinesis (localstack)" in seen.missing()
    seen.note(LOCALSTACK, ["logs.to_kinesis"], report("test_chain.py::test_a[localstack]"))
    assert "logs.to_kinesis (localstack)" not in seen.missing()
    assert seen.cell("logs.to_kinesis", LOCALSTACK) == "passed: 1 test"


def test_a_pretence_without_a_probe_is_missing() -> None:
    seen = Seen([MINISTACK])
    assert "logs.to_kinesis (ministack)" in seen.missing()
    assert seen.cell("logs.to_kinesis", MINISTACK) == "NO TEST of what it pretends"


def test_what_a_target_lacks_is_said_and_never_missing() -> None:
    seen = Seen([LOCALSTACK])
    assert "athena.saved (localstack)" not in seen.missing()
    assert seen.cell("athena.saved", LOCALSTACK).startswith("not run: Glue and Athena")


def test_a_failure_stands_over_what_passed() -> None:
    seen = Seen([LOCALSTACK])
    seen.note(LOCALSTACK, ["function.rows"], report("a::b[x]"))
    seen.note(LOCALSTACK, ["function.rows"], report("a::c[x]", "failed"))
    assert seen.cell("function.rows", LOCALSTACK) == "FAILED: 1 test"


def test_of_all_tests_only_those_without_a_target_of_theirs_are_left_out() -> None:
    """In a run of everything this hook sees the tests of all rooms."""

    def item(**params: Any) -> Any:
        spec = SimpleNamespace(params=params)
        return SimpleNamespace(callspec=spec, iter_markers=lambda name: (), user_properties=[])

    plain, other = SimpleNamespace(), item(change=1)
    ours, none = item(target=LOCALSTACK), item(target=object())
    items: list[Any] = [plain, other, none, ours]
    pytest_collection_modifyitems(items)
    assert items == [plain, other, ours]


def test_what_this_machine_lacks_is_said_and_fails_no_run() -> None:
    seen = Seen([MINISTACK])
    skipped = report("test_trino.py::test_a[ministack]", "skipped")
    skipped.longrepr = ("test_trino.py", 1, "Skipped: there is no Java")
    seen.note(MINISTACK, ["trino.parquet"], skipped)
    assert seen.cell("trino.parquet", MINISTACK) == "NOT RUN: there is no Java"
    assert "trino.parquet (ministack)" not in seen.missing()


def test_what_was_not_run_stands_beside_what_passed() -> None:
    seen = Seen([MINISTACK])
    seen.note(MINISTACK, ["function.rows"], report("a::b[x]"))
    skipped = report("a::c[x]", "skipped")
    skipped.longrepr = ("a", 1, "Skipped: by hand")
    seen.note(MINISTACK, ["function.rows"], skipped)
    assert seen.cell("function.rows", MINISTACK) == "passed: 1 test; NOT RUN: by hand"


@pytest.mark.parametrize(
    ("args", "options", "whole"),
    [
        (["tests/e2e"], {}, True),
        (["."], {"maxfail": 1}, True),
        (["tests/e2e/test_chain.py"], {}, False),
        (["tests/e2e/test_chain.py::test_firehose_makes_parquet"], {}, False),
        (["tests/e2e"], {"keyword": "chain"}, False),
    ],
)
def test_a_run_of_tests_chosen_by_hand_has_not_to_show_everything(
    args: list[str], options: dict[str, Any], whole: bool
) -> None:
    config: Any = SimpleNamespace(
        args=args,
        invocation_params=SimpleNamespace(dir=ROOT),
        getoption=lambda name, default: options.get(name, default),
    )
    assert is_whole(config) is whole


def test_aws_is_refused_before_anything_is_started() -> None:
    command = [sys.executable, "-m", "pytest", "-p", "no:xdist", "-p", "no:cacheprovider"]
    ran = subprocess.run(
        [*command, "tests/e2e", "--e2e-target", "aws"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == pytest.ExitCode.USAGE_ERROR
    assert "these tests do not run on AWS yet: make deploy STAGE=staging" in ran.stderr


@pytest.mark.parametrize("name", CAPABILITIES)
def test_what_is_not_had_has_a_reason(name: str) -> None:
    states: list[State] = [CAPABILITIES[name].ministack, CAPABILITIES[name].localstack]
    assert all(state.reason for state in states if state.kind != "has")


@pytest.mark.parametrize(("strict", "code"), [(True, 1), (False, 0)])
def test_what_this_machine_lacks_fails_a_strict_run(strict: bool, code: int) -> None:
    seen = Seen([MINISTACK], without={("trino.parquet", MINISTACK): "there is no Java"})
    options = {"e2e_target": [MINISTACK], "--e2e-strict": strict, "keyword": "chosen"}
    config = SimpleNamespace(
        getoption=lambda name, default=None: options.get(name, default), stash={SEEN: seen}
    )
    session: Any = SimpleNamespace(config=config, exitstatus=0)
    pytest_sessionfinish(session)
    assert session.exitstatus == code
