"""The steps of a compaction that are not Athena's: infra/compact.asl.yaml says in which order.

Every step can be the last one that is run, and can come again: what it has to know is in the bucket
and in Glue, and answers are the same before and after each. The order is curated, swap, view:
a version is written where nobody looks, proved, shown instead of the one before, and only when all
days of a plan are shown do the views stop reading the landing that was folded.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pipeline.curate.answers import Answers
from pipeline.curate.catalog import Catalog, Shown
from pipeline.curate.objects import Objects
from pipeline.curate.plan import CLOSED_AFTER, Plan, State, done, hours_of, planned, slices
from pipeline.curate.statements import NOTHING, Fold, counts
from pipeline.errors import TailraceError
from pipeline.lake import glue
from pipeline.lake.tables import all_tables
from pipeline.schema import Table

# No query that began with a version runs as long: Athena ends one after 30 minutes by default.
KEPT_FOR = timedelta(hours=24)
# Days of a plan that one execution folds; the next one goes on.
DAYS_AT_ONCE = 40
BEGIN, END = "begin", "end"
WENT_IN, CAME_OUT = "went_in", "came_out"

Step = Mapping[str, Any]
Told = dict[str, Any]


class NotEqual(TailraceError):
    """A version does not hold what went into it; it is never shown."""


@dataclass(frozen=True)
class Curator:
    """Compaction of one stage.

    clock  the time, aware
    fresh  a name that was never given before
    runs   whether an execution of the state machine still runs; None where nobody knows it
    """

    objects: Objects
    catalog: Catalog
    answers: Answers
    clock: Callable[[], datetime]
    fresh: Callable[[], str]
    runs: Callable[[str], bool | None]

    def take(self, step: Step) -> Told:
        """Do a step: `step` is its name, what else it has to know stands beside it.

        execution  which one it is a step of

        Raises TailraceError where a service does not do its part, LockLost where another execution
        is at work, NotEqual where a version does not hold what went in, ValueError for a step that
        is none.
        """
        steps: dict[str, Callable[[Step], Told]] = {
            BEGIN: self._begin,
            "plan": self._plan,
            "cut": self._cut,
            "fold": self._fold,
            "swap": self._swap,
            "publish": self._publish,
            "sweep": self._sweep,
            END: self._end,
        }
        name = str(step.get("step"))
        if name not in steps:
            raise ValueError(f"there is no step {name!r}")
        if name not in (BEGIN, END):
            self.objects.check(step["execution"])
        return steps[name](step)

    def _begin(self, step: Step) -> Told:
        """Be the only one at work; otherwise the other one goes on."""
        mine, other = self.objects.enter(step["execution"], self.runs, self.clock())
        return {"busy": not mine, "by": other, "tables": list(all_tables()) if mine else []}

    def _plan(self, step: Step) -> Told:
        """The plan that is not done yet, or a new one; with what has to be counted for it."""
        table = _table(step)
        plan = self.objects.plan(table.name) or self._new_plan(table, step)
        if plan is None:
            return {"todo": False, "plan": "", "count": "", "token": ""}
        count = "" if plan.days is not None else counts(table, plan.arrivals)
        token = f"{table.name}-{plan.id}-{self._name()}"
        return {"todo": True, "plan": plan.id, "count": count, "token": token}

    def _new_plan(self, table: Table, step: Step) -> Plan | None:
        now, state = self.clock(), self._state(table)
        hours = hours_of(self.objects.landing(table.name, state, now))
        plan = planned(state, hours, now, self.fresh())
        if plan is not None:
            self.objects.check(step["execution"])
            self.objects.set_plan(table.name, plan)
        return plan

    def _cut(self, step: Step) -> Told:
        """The days of a plan that are to be folded, at most as many as one execution does."""
        table, plan = _table(step), self._of_plan(step)
        if plan.days is None:
            plan = Plan(plan.id, plan.until, plan.hours, self._counted(step["query"]))
            # To read the answer may have taken long: a plan that is done must not come back.
            self.objects.check(step["execution"])
            self.objects.set_plan(table.name, plan)
        left = [day for day in sorted(plan.days or {}) if not self._is_shown(table, day, plan)]
        return {"days": left[:DAYS_AT_ONCE], "left": max(len(left) - DAYS_AT_ONCE, 0)}

    def _counted(self, query: str) -> dict[str, dict[int, int]]:
        days: dict[str, dict[int, int]] = {}
        for row in self.answers.rows(query):
            days.setdefault(row["dt"], {})[int(row["hour"])] = int(row["landed"])
        return days

    def _fold(self, step: Step) -> Told:
        """What Athena is told to write and to prove for a new version of a day."""
        table, plan, day = _table(step), self._of_plan(step), step["day"]
        base = self.catalog.shown(table, day).version
        version = self._name()
        fold = Fold(table, day, base, version, plan.arrivals)
        before = glue.location_of(table, self.objects.lake, day, base)
        size = self.objects.size(before) if base != NOTHING else 0
        # Before the first file is there, so that none is forgotten.
        self.objects.mark(table.name, day, fold.version)
        parts = slices((plan.days or {}).get(day, {}), plan.row_bytes, size)
        return {
            "base": base,
            "version": fold.version,
            "write": fold.unload(self.objects.lake),
            "prove": fold.proof(),
            "parts": [
                # Athena begins no second query for the same token.
                {"token": f"{table.name}-{day}-{version}-{part.name}", **fold.fills(part)}
                for part in parts
            ],
        }

    def _name(self) -> str:
        return f"v{self.clock():%Y%m%dT%H%M%S}-{self.fresh()}"

    def _swap(self, step: Step) -> Told:
        """Show a version that is proved instead of the one it was made from."""
        table, plan, day = _table(step), self._of_plan(step), step["day"]
        rows = self._proved(f"dt={day} of {table.name}", step["queries"])
        shown, version = self.catalog.shown(table, day), step["version"]
        if shown.version not in (step["base"], version):
            what = f"dt={day} of {table.name} was swapped by somebody else"
            raise NotEqual(what, shown.version, "the next compaction folds it again")
        if step["base"] != NOTHING:
            self.objects.mark(table.name, day, step["base"])
        self.objects.check(step["execution"])
        self.catalog.show(table, day, Shown(version, plan.id), self.objects.lake)
        self.objects.unmark(table.name, day, version)
        return {"rows": rows}

    def _proved(self, what: str, queries: list[str]) -> int:
        """Rows of a version of which each hour of the day is proved once; else raises NotEqual."""
        fix, hours, rows = "the next compaction folds it again", [], 0
        for query in queries:
            proof = {row["what"]: {**row, "what": ""} for row in self.answers.rows(query)}
            if set(proof) != {WENT_IN, CAME_OUT} or proof[WENT_IN] != proof[CAME_OUT]:
                raise NotEqual(f"{what}: other rows came out than went in", str(proof), fix)
            hours.append(proof[CAME_OUT]["hours"].split("-"))
            rows += int(proof[CAME_OUT]["found"])
        hours.sort()
        if [*(first for first, _ in hours), "24"] != ["00", *(end for _, end in hours)]:
            raise NotEqual(f"{what}: not each of its hours is proved once", str(hours), fix)
        return rows

    def _publish(self, step: Step) -> Told:
        """When all days of a plan are shown: move the watermark, and forget the plan."""
        table = _table(step)
        if self.objects.plan(table.name) is None:
            # By a call whose answer was lost: it is asked for again.
            return {"published": True, "left": 0}
        plan = self._of_plan(step)
        left = [day for day in plan.days or {} if not self._is_shown(table, day, plan)]
        if plan.days is None or left:
            return {"published": False, "left": len(left)}
        now, before = self.clock(), self._state(table)
        hours = hours_of(self.objects.landing(table.name, before, now))
        state = done(before, plan, hours, now)
        # To list landing may have taken long.
        self.objects.check(step["execution"])
        if state.watermark is not None:
            self.catalog.set_watermark(table, state.watermark)
        self.objects.set_state(table.name, state)
        self.objects.set_plan(table.name, None)
        return {"published": state.watermark == plan.until, "left": 0}

    def _sweep(self, step: Step) -> Told:
        """Delete versions that have not been shown for a day."""
        removed = 0
        for table in all_tables().values():
            for each in self.objects.marked(table.name):
                if self.clock() - each.at < KEPT_FOR:
                    continue
                if self.catalog.shown(table, each.day).version != each.version:
                    folder = glue.location_of(table, self.objects.lake, each.day, each.version)
                    self.objects.check(step["execution"])
                    removed += self.objects.remove(folder)
                self.objects.unmark(table.name, each.day, each.version)
        return {"removed": removed}

    def _end(self, step: Step) -> Told:
        """Leave the place to the next one."""
        self.objects.release(step["execution"])
        return {}

    def _of_plan(self, step: Step) -> Plan:
        plan = self.objects.plan(step["table"])
        if plan is None or plan.id != step["plan"]:
            raise TailraceError(
                f"plan {step['plan']} of {step['table']} is not the one that stands",
                plan.id if plan else "there is none",
                "another execution has done it: nothing is left to do",
            )
        self._check_past(plan.until, f"the plan of {step['table']}")
        return plan

    def _state(self, table: Table) -> State:
        state = self.objects.state(table.name)
        if state.watermark is not None:
            self._check_past(state.watermark, f"what is noted of {table.name}")
        return state

    def _check_past(self, watermark: datetime, what: str) -> None:
        """Views read no landing from before a watermark: none may lie where rows still come."""
        if watermark > self.clock() - CLOSED_AFTER:
            fix = "delete it: what landed is folded once more"
            raise TailraceError(f"{what} has a watermark that is not past", f"{watermark}", fix)

    def _is_shown(self, table: Table, day: str, plan: Plan) -> bool:
        return self.catalog.shown(table, day).plan == plan.id


def _table(step: Step) -> Table:
    tables, name = all_tables(), str(step["table"])
    if name not in tables:
        raise ValueError(f"there is no table {name!r}")
    return tables[name]
