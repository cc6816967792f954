"""infra/compact.asl.yaml: what each of its states has to have, whatever it does.

Sources: AWS Step Functions Developer Guide, "Service quotas" (256 KiB of data); Amazon Athena API
Reference, "StartQueryExecution" (`ClientRequestToken`).
"""

from collections.abc import Iterator
from typing import Any

from pipeline.derive.machines import definition

State = dict[str, Any]
CUT = "$substring($string($states.errorOutput), 0, 500)"


def states(of: State) -> Iterator[tuple[str, State]]:
    """All states by name, those inside of Maps too."""
    for name, state in of["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from states(state["ItemProcessor"])


MACHINE = dict(states(definition("compact")))
QUERIES = {name for name, each in MACHINE.items() if "QueryString" in each.get("Arguments", ())}
STEPS = {name for name, each in MACHINE.items() if "step" in each.get("Arguments", ())}


def test_each_step_says_which_execution_it_is_one_of() -> None:
    assert {"Begin", "Plan", "Cut", "Fold", "Swap", "Publish", "Sweep", "End"} == STEPS
    for name in STEPS:
        said = MACHINE[name]["Arguments"]["execution"]
        assert said == "{% $states.context.Execution.Id %}", name


def test_what_was_taken_over_is_not_tried_again() -> None:
    for name in STEPS:
        first = MACHINE[name]["Retry"][0]
        assert "LockLost" in first["ErrorEquals"], name
        assert first["MaxAttempts"] == 0, name


def test_a_query_that_is_asked_again_is_the_same_one() -> None:
    assert {"Count", "Write", "Prove"} == QUERIES
    tokens = [MACHINE[name]["Arguments"]["ClientRequestToken"] for name in sorted(QUERIES)]
    assert tokens == [
        "{% $token & '-count' %}",
        "{% $states.input.part.token & '-prove' %}",
        "{% $states.input.part.token & '-write' %}",
    ]


def test_many_failures_are_no_more_than_a_state_may_hold() -> None:
    """Each is cut, and of a table five are told: 13 tables then tell less than 256 KiB."""
    for name, state in MACHINE.items():
        for caught in state.get("Catch", ()):
            assert CUT in str(caught["Output"]), name
            assert str(caught["Output"]).count("errorOutput") == 1, name
    assert "$days.failed[[0..4]]" in MACHINE["Publish"]["Output"]["failed"]
