"""infra/backfill.asl.yaml, state by state: what Step Functions does, and in which order."""

from typing import Any

import msgspec

from pipeline.backfill import Backfill, Request
from pipeline.errors import TailraceError

LONG = 900.0


def run(
    backfill: Backfill,
    request: Request,
    begun_ms: int,
    left: Any = lambda: LONG,
    batches: int = 400,
) -> dict[str, Any]:
    """Run executions until nothing is behind the last; what the last sum says."""
    asked = {"request": msgspec.to_builtins(request), "begun_ms": begun_ms}
    behind = 0
    while True:
        if not behind:
            _plan(backfill, asked, left)
        step = {"step": "round", "behind": behind, "most": batches}
        found = backfill.take({**asked, **step}, left)
        behind = found["behind"]
        for batch in found["batches"]:
            _batch(backfill, {**asked, "step": "take", **batch}, left)
        said = backfill.take({**asked, "step": "sum", "behind": behind}, left)
        if not said["more"]:
            return said


def _plan(backfill: Backfill, asked: dict[str, Any], left: Any) -> None:
    said: dict[str, Any] = {"more": True, "after": ""}
    while said["more"]:
        said = backfill.take({**asked, "step": "plan", "after": said["after"]}, left)


def _batch(backfill: Backfill, step: dict[str, Any], left: Any) -> None:
    try:
        while backfill.take(step, left)["more"]:
            pass
    except TailraceError:
        # It is noted, and the batches beside it go on.
        return


class Crash(BaseException):
    """The step ends here, whatever it was about to do; nothing catches it."""
