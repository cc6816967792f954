"""infra/compact.asl.yaml, state by state: what Step Functions does, and in which order."""

from typing import Any

import duckdb

from pipeline.curate import Curator
from pipeline.curate.statements import filled
from pipeline.errors import TailraceError
from tests.curate.account import Account

EXECUTION = "arn:aws:states:eu-west-1:123456789012:execution:compact:one"
FAILURES = (TailraceError, duckdb.Error)


def compact(account: Account, curator: Curator, execution: str = EXECUTION) -> dict[str, Any]:
    """Run an execution; what it says in the end. Raises what a step does that nothing catches."""
    said = curator.take({"step": "begin", "execution": execution})
    if said["busy"]:
        return said
    name = account.table.name
    failed = [] if _table(account, curator, {"execution": execution, "table": name}) else [name]
    curator.take({"step": "sweep", "execution": execution})
    curator.take({"step": "end", "execution": execution})
    return {"busy": False, "failed": failed}


def _table(account: Account, curator: Curator, table: dict[str, str]) -> bool:
    """Whether all went well."""
    try:
        plan = curator.take({"step": "plan", **table})
        # The machine keeps them all, whatever there is to do.
        assert plan.keys() == {"todo", "plan", "count", "token"}
        if not plan["todo"]:
            return True
        known = {**table, "plan": plan["plan"]}
        query = account.run(plan["count"]) if plan["count"] else ""
        cut = curator.take({"step": "cut", **known, "query": query})
        well = [_day(account, curator, {**known, "day": day}) for day in cut["days"]]
        curator.take({"step": "publish", **known})
    except FAILURES:
        return False
    return all(well)


def _day(account: Account, curator: Curator, known: dict[str, str]) -> bool:
    try:
        fold = curator.take({"step": "fold", **known})
        queries = []
        for part in fold["parts"]:
            account.run(filled(fold["write"], part))
            queries.append(account.run(filled(fold["prove"], part)))
        version = {"base": fold["base"], "version": fold["version"]}
        curator.take({"step": "swap", **known, **version, "queries": queries})
    except FAILURES:
        return False
    return True


class Crash(BaseException):
    """The step ends here, whatever it was about to do; nothing catches it."""
