"""infra/compact.asl.yaml, state by state: what Step Functions does, and in which order."""

from typing import Any

import duckdb

from pipeline.curate import Curator
from pipeline.curate.statements import filled
from pipeline.curate.steps import Step, Told
from pipeline.derive.machines import definition
from pipeline.errors import TailraceError
from tests.curate.account import Account

EXECUTION = "arn:aws:states:eu-west-1:123456789012:execution:compact:one"
FAILURES = (TailraceError, duckdb.Error)
# All steps have that of the first.
RETRY = definition("compact")["States"]["Begin"]["Retry"]


def compact(account: Account, curator: Curator, execution: str = EXECUTION) -> dict[str, Any]:
    """Run an execution; what it says in the end. Raises what a step does that nothing catches."""
    said = _take(curator, {"step": "begin", "execution": execution})
    if said["busy"]:
        return said
    name = account.table.name
    failed = [] if _table(account, curator, {"execution": execution, "table": name}) else [name]
    try:
        _take(curator, {"step": "sweep", "execution": execution})
    except FAILURES:
        failed = failed or ["sweep"]
    _take(curator, {"step": "end", "execution": execution})
    return {"busy": False, "failed": failed}


def _take(curator: Curator, step: Step) -> Told:
    """Do a step, and again where it fails, as often as the machine does."""
    tried = 0
    while True:
        try:
            return curator.take(step)
        except TailraceError as error:
            tried += 1
            if tried > _attempts(error):
                raise


def _attempts(error: TailraceError) -> int:
    """How often a step is tried again that failed so: by the first rule that is about it."""
    names = {type(error).__name__, "States.ALL"}
    return next(int(rule["MaxAttempts"]) for rule in RETRY if names & set(rule["ErrorEquals"]))


def _table(account: Account, curator: Curator, table: dict[str, str]) -> bool:
    """Whether all went well."""
    try:
        plan = _take(curator, {"step": "plan", **table})
        # The machine keeps them all, whatever there is to do.
        assert plan.keys() == {"todo", "plan", "count", "token"}
        if not plan["todo"]:
            return True
        known = {**table, "plan": plan["plan"]}
        query = account.run(plan["count"]) if plan["count"] else ""
        cut = _take(curator, {"step": "cut", **known, "query": query})
        well = [_day(account, curator, {**known, "day": day}) for day in cut["days"]]
        _take(curator, {"step": "publish", **known})
    except FAILURES:
        return False
    return all(well)


def _day(account: Account, curator: Curator, known: dict[str, str]) -> bool:
    try:
        fold = _take(curator, {"step": "fold", **known})
        queries = []
        for part in fold["parts"]:
            account.run(filled(fold["write"], part))
            queries.append(account.run(filled(fold["prove"], part)))
        version = {"base": fold["base"], "version": fold["version"]}
        _take(curator, {"step": "swap", **known, **version, "queries": queries})
    except FAILURES:
        return False
    return True


class Crash(BaseException):
    """The step ends here, whatever it was about to do; nothing catches it."""
