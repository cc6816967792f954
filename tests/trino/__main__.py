"""`python -m tests.trino`: saved SQL and measured expressions, on Trino and on DuckDB.

Every saved query and the contents of every view are asked of both engines over the same files,
while all of them are landing and after a compaction with new landing beyond it; then every
expression of tests/queries/truth.jsonl. Ends with 1 for any difference.

Where Trino cannot be had, DuckDB's answers are compared with what was recorded of it.
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from pipeline.batch.context import context_of
from pipeline.home import writing
from pipeline.settings import Settings
from tests.queries import truth
from tests.trino import expressions
from tests.trino.checks import Check
from tests.trino.install import UnavailableError, say
from tests.trino.server import running

SEED = 20_261_125
SCHEMA = "lake"
BACK_DAYS = 3


def main(argv: Sequence[str] | None = None) -> int:
    """Compare; 1 for a difference, or where Trino is required and cannot be had."""
    options = _options(argv)
    # The server is no child of this process: what ends it has to pass by the end of `running`.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with tempfile.TemporaryDirectory(prefix="tailrace-trino-") as name:
        folder = Path(name)
        try:
            with running(folder, SCHEMA) as trino:
                check = Check(folder, trino, options.only, options.quick)
                say(f"lake: seed {options.seed}, from {options.day} on (--seed, --day)")
                check.lake(options.seed, options.day)
                check.expressions(record=options.record)
        except UnavailableError as error:
            return _without(folder, str(error), options)
    return check.told()


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.trino", description=__doc__)
    # Near to now: landing's partitions are counted from the first day until now.
    day = datetime.now(UTC).date() - timedelta(days=BACK_DAYS)
    parser.add_argument("--only", metavar="NAME", help="one query, view or expression")
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    parser.add_argument("--record", action="store_true", help="rewrite what was recorded of Trino")
    parser.add_argument("--required", action="store_true", help="no Trino is a failure")
    parser.add_argument("--seed", type=int, default=SEED, help="of the lake's rows")
    parser.add_argument("--day", type=date.fromisoformat, default=day, help="first of the lake's")
    return parser.parse_args(argv)


def _without(folder: Path, why: str, options: argparse.Namespace) -> int:
    """Say so loudly, and compare with what was recorded."""
    lines = ["NOTHING WAS ASKED OF A REAL TRINO", *why.splitlines()]
    width = max(map(len, lines))
    box = [f"| {line:<{width}} |" for line in lines]
    edge = f"+{'-' * (width + 2)}+"
    say("\n".join([edge, *box, edge]))
    if options.required or options.record:
        return 1
    home = folder / "empty"
    with writing(home, context_of(Settings())):
        pass
    asked = [each for each in truth.load() if options.only in (None, each["id"])]
    failed = 0
    for expression in asked:
        if said := expressions.here(expression, expression, home):
            failed += 1
            say(f"{expression['id']}: {expression['sql']}\n    {said}")
    counted = f"{len(asked)} expressions against what was recorded of Trino"
    say(f"{counted}: {f'{failed} DIFFER' if failed else 'all equal'}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
