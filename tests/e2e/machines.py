"""A state machine broken on purpose: its definition, with one state that does something else.

Source: Amazon States Language, "States", and AWS Step Functions Developer Guide, "Error handling".
"""

from collections.abc import Iterator
from typing import Any

Definition = dict[str, Any]
FAIL = {"Type": "Fail", "Error": "Injected", "Cause": "as asked"}
HELD_S = 3600
AGAIN = "Again"


def places(states: Definition) -> Iterator[tuple[str, Definition]]:
    """Each state's name with the states that it is one of, those inside of Maps too."""
    for name, state in states.items():
        yield name, states
        yield from places(state.get("ItemProcessor", {}).get("States", {}))


def names(definition: Definition, kind: str = "") -> list[str]:
    """Names of the states of a type, or of all, as the definition has them."""
    found = places(definition["States"])
    return [name for name, states in found if kind in ("", states[name]["Type"])]


def end_at(definition: Definition, name: str) -> None:
    """End there, as an execution does that nothing catches; only a Map around it may."""
    _beside(definition, name)[name] = FAIL


def fail_at(definition: Definition, name: str, when: str = "true") -> None:
    """Let a task fail; its Retry, without the waiting, and its Catch decide what becomes of it.

    when  JSONata, by which one of Athena's fails for some values alone
    """
    task = _beside(definition, name)[name]
    if "QueryString" in (asked := task["Arguments"]):
        sql = asked["QueryString"].removeprefix("{%").removesuffix("%}").strip()
        asked["QueryString"] = f"{{% {when} ? 'no SQL' : {sql} %}}"
    else:
        task["Resource"] += "-that-is-not-there"
    for each in task.get("Retry", ()):
        each["IntervalSeconds"] = 0


def pass_at(definition: Definition, name: str) -> None:
    """Leave a task out that is the last of its branch."""
    _beside(definition, name)[name] = {"Type": "Pass", "Output": {"failed": ""}, "End": True}


def hold_at(definition: Definition, name: str) -> None:
    """Come no further than this state, for as long as any test takes."""
    _beside(definition, name)[name] = {"Type": "Wait", "Seconds": HELD_S, "End": True}


def repeat_calls(definition: Definition) -> None:
    """Call the function twice at each of its steps, as where an answer is lost."""
    for name, states in list(places(definition["States"])):
        task = states[name]
        if task["Type"] == "Task" and "step" in task["Arguments"]:
            states[f"{name}{AGAIN}"] = task
            kept = {each: task[each] for each in ("Type", "Resource", "Arguments")}
            whole = {"Output": "{% $states.input %}", "Next": f"{name}{AGAIN}"}
            states[name] = {**kept, **whole}


def _beside(definition: Definition, name: str) -> Definition:
    return dict(places(definition["States"]))[name]
