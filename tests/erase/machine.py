"""infra/erase.asl.yaml, state by state: what Step Functions does, and in which order."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from functools import cache
from typing import Any

from pipeline.derive.machines import definition
from pipeline.errors import TailraceError
from tests.erase.account import Versioned

EXECUTION = "arn:aws:states:eu-west-1:123456789012:execution:erase:one"
DAY = timedelta(days=1)


def erase(account: Versioned, erasure: str, execution: str = EXECUTION) -> dict[str, Any]:
    """Run an execution to its end; what it says. Raises what a step does that nothing catches."""
    eraser = account.eraser()

    def take(step: str, **more: Any) -> dict[str, Any]:
        said = {"step": step, "id": erasure, "execution": execution, **more}
        tried = 0
        while True:
            try:
                return eraser.take(said, lambda: 900.0)
            except TailraceError as error:
                if tried == retries(step, type(error).__name__):
                    raise
                tried += 1

    try:
        said = take("begin")
        if said["busy"]:
            return {"busy": said["by"]}
        try:
            for phase in said["phases"]:
                for lane in take("prepare", phase=phase)["lanes"]:
                    while take("work", phase=phase, lane=lane)["left"]:
                        pass
        except TailraceError:
            with suppress(TailraceError):
                take("break_off")
            raise
        then = take("settle")["then"]
    except TailraceError as error:
        take("end")
        return {"failed": str(error)}
    take("end")
    if then == "wait":
        account.now += DAY
    if then != "nothing":
        while take("remove")["left"]:
            pass
    return {"failed": ""}


@cache
def retries(step: str, error: str) -> int:
    """How often Step Functions takes a step again that ends with an error."""
    (retriers,) = {
        str(each["Retry"]): each["Retry"]
        for _, each in states()
        if each["Type"] == "Task" and each["Arguments"]["step"] == step
    }.values()
    for each in retriers:
        if {error, "States.ALL"} & set(each["ErrorEquals"]):
            return int(each["MaxAttempts"])
    return 0


def states(some: dict[str, Any] | None = None) -> Iterator[tuple[str, Any]]:
    """All states of the machine, also those within others."""
    for name, each in (definition("erase")["States"] if some is None else some).items():
        yield name, each
        yield from states(each.get("ItemProcessor", {}).get("States", {}))
