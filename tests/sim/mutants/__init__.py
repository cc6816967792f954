"""Planted bugs: one line of the real code each, that the simulation must find."""

from tests.sim.mutants import batches, compaction, counters, delivery, intake, lakes
from tests.sim.mutants.mutant import Mutant

__all__ = ["MUTANTS", "Mutant"]

MUTANTS = tuple(
    mutant
    for room in (intake, batches, delivery, lakes, compaction, counters)
    for mutant in room.MUTANTS
)
