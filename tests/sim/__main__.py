"""`python -m tests.sim --seeds N`: seeds on all cores; one that fails tells how to replay it."""

import argparse
import sys
from pathlib import Path

from tests.sim import runner


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="replay this one and tell what happens")
    parser.add_argument("--mutants", action="store_true", help="plant each bug and look for it")
    parser.add_argument("--only", default="", help="with --mutants: those whose name holds this")
    parser.add_argument("--stop", action="store_true", help="end at the first failing seed")
    parser.add_argument("--workers", type=int, default=0, help="processes; default: the cores")
    chosen = parser.parse_args()
    if chosen.mutants:
        from tests.sim import planted

        return planted.run_all(chosen.seeds, chosen.only, chosen.workers)
    if chosen.seed is not None:
        return runner.replay(chosen.seed)
    return runner.run_many(chosen.first, chosen.seeds, chosen.workers, chosen.stop)


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    sys.exit(main())
