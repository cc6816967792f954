"""infra/backfill.asl.yaml, state by state: what Step Functions does, and in which order."""

from typing import Any

import msgspec

from pipeline.backfill import Backfill, Request
from pipeline.errors import TailraceError

RETRIES = 2
LONG = 900.0


def run(
    backfill: Backfill, request: Request, begun_ms: int, left: Any = lambda: LONG, tries: int = 1
) -> dict[str, Any]:
    """Run executions until nothing is behind the last; what the last sum says."""
    asked = {"request": msgspec.to_builtins(request), "begun_ms": begun_ms}
    behind = 0
    while True:
        if not behind:
            _plan(backfill, asked, left)
        found = backfill.take({**asked, "step": "round", "behind": behind}, left)
        behind = found["behind"]
        for batch in found["batches"]:
            for _ in range(tries):
                if _batch(backfill, {**asked, "step": "take", **batch}, left):
                    break
        said = backfill.take({**asked, "step": "sum", "behind": behind}, left)
        if not said["more"]:
            return said


def _plan(backfill: Backfill, asked: dict[str, Any], left: Any) -> None:
    said: dict[str, Any] = {"more": True, "after": ""}
    while said["more"]:
        said = backfill.take({**asked, "step": "plan", "after": said["after"]}, left)


def _batch(backfill: Backfill, step: dict[str, Any], left: Any) -> bool:
    try:
        while backfill.take(step, left)["more"]:
            pass
    except TailraceError:
        return False
    return True


class Crash(BaseException):
    """The step ends here, whatever it was about to do; nothing catches it."""
