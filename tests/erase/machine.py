"""infra/erase.asl.yaml, state by state: what Step Functions does, and in which order."""

from datetime import timedelta
from typing import Any

from pipeline.errors import TailraceError
from tests.erase.account import Versioned

EXECUTION = "arn:aws:states:eu-west-1:123456789012:execution:erase:one"
DAY = timedelta(days=1)


def erase(account: Versioned, erasure: str, execution: str = EXECUTION) -> dict[str, Any]:
    """Run an execution to its end; what it says. Raises what a step does that nothing catches."""
    eraser = account.eraser()

    def take(step: str, **more: Any) -> dict[str, Any]:
        return eraser.take({"step": step, "id": erasure, **more}, lambda: 900.0)

    try:
        said = take("begin", execution=execution)
        if said["busy"]:
            return {"busy": said["by"]}
        try:
            for phase in said["phases"]:
                for lane in take("prepare", phase=phase)["lanes"]:
                    while take("work", phase=phase, lane=lane)["left"]:
                        pass
        except TailraceError:
            take("settle")
            raise
        then = take("settle")["then"]
    except TailraceError as error:
        take("end", execution=execution)
        return {"failed": str(error)}
    take("end", execution=execution)
    if then == "wait":
        account.now += DAY
    if then != "nothing":
        while take("remove")["left"]:
            pass
    return {"failed": ""}
