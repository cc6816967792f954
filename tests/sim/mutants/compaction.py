"""Planted bugs where a stack compacts."""

from tests.sim.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "compaction: the watermark moves while days are left",
        "curate/steps.py",
        "        if plan.days is None or left:\n",
        "        if plan.days is None:\n",
    ),
    Mutant(
        "compaction: what comes while it is at work is taken for folded",
        "curate/plan.py",
        "    watermark = state.watermark if late else until\n",
        "    watermark = until\n",
    ),
    Mutant(
        "compaction: the version before is not read",
        "curate/steps.py",
        "        fold = Fold(table, day, base, version, plan.arrivals)\n",
        "        fold = Fold(table, day, NOTHING, version, plan.arrivals)\n",
    ),
    Mutant(
        "compaction: what is shown is deleted",
        "curate/steps.py",
        "            if self.catalog.shown(table, each.day).version != each.version:\n",
        "            if self.catalog.shown(table, each.day).version == each.version:\n",
    ),
    Mutant(
        "compaction: the swap marks the new version and not the one before",
        "curate/steps.py",
        '            self.objects.mark(table.name, day, step["base"])\n',
        '            self.objects.mark(table.name, day, step["version"])\n',
    ),
    Mutant(
        "compaction: events are folded as often as they came",
        "curate/statements.py",
        "WHERE {_COPY} = 1\nORDER BY",
        "WHERE {_COPY} > 0\nORDER BY",
    ),
    Mutant(
        "compaction: nobody looks whether it was taken over",
        "curate/objects.py",
        "        if (held := self.lock()).execution != execution:\n            raise LockLost(",
        "        if (held := self.lock()).execution is None:\n            raise LockLost(",
    ),
)
