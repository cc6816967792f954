"""`python -m tests.e2e.breakages`: each adapter broken on purpose, and which test turns red.

Each breakage is a line of the real code or template, changed in a copy of the project, which is
then deployed to an emulator and asked what `make e2e` asks. Ends with 1 where nobody notices. It
takes some minutes, so it is run by hand, after `make e2e`, which installs what it needs.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from infra.deploy.stack import ROOT
from pipeline.targets import LOCALSTACK, MINISTACK

COPIED = ("pipeline", "functions", "infra", "sql", "tests", "requirements")
# Apart from the project's own: what is built here is broken.
SHARED = ROOT / "build" / "breakages"
CHAIN, ANSWERS, FAULTS = "test_chain.py", "test_answers.py", "test_delivery.py"
ROUTES, FOLDED = "test_routes.py", "test_compaction.py"
# By it make would install the copy in the place of the project.
INSTALLED_BY = ("pyproject.toml", "requirements/dev.txt", "requirements/embedded.txt")
QUIET = {"PYTHONDONTWRITEBYTECODE": "1"}


@dataclass(frozen=True)
class Breakage:
    """`old` stands once in `file` and becomes `new`; `tests`: what is asked then, and where."""

    name: str
    file: str
    old: str
    new: str
    tests: str = CHAIN
    target: str = MINISTACK


BREAKAGES = (
    Breakage(
        "no newline between rows",
        "pipeline/deliver/ndjson.py",
        '["{", *parts, "}\\n"]',
        '["{", *parts, "}"]',
        # Firehose of MiniStack takes objects apart without it; LocalStack's puts them as they are.
        target=LOCALSTACK,
    ),
    Breakage(
        "large numbers are int in Glue",
        "pipeline/schema.py",
        'INT64 = ("bigint", "bigint", pa.int64())',
        'INT64 = ("bigint", "int", pa.int64())',
    ),
    Breakage(
        "landing lies under another prefix",
        "pipeline/derive/delivery.py",
        'f"lake/{LANDING}/{name}/{HOUR}"',
        'f"lake/landed/{name}/{HOUR}"',
    ),
    Breakage(
        "the partition of Firehose's prefix has another name than the table's",
        "pipeline/derive/delivery.py",
        'HOUR = "arrival_dt=',
        'HOUR = "dt=',
    ),
    Breakage(
        "gzip is not opened",
        "pipeline/decode/inflate.py",
        "    if not payload.startswith(MAGIC):\n        return payload\n",
        "    if payload:\n        return payload\n",
    ),
    Breakage(
        "columns in capital letters",
        "pipeline/deliver/fragments.py",
        "msgspec.json.encode(name)",
        "msgspec.json.encode(name.upper())",
    ),
    Breakage(
        "milliseconds taken for microseconds",
        "pipeline/deliver/json_text.py",
        'column.cast(pa.string()), " "',
        'column.cast(pa.int64()).cast(pa.timestamp("us")).cast(pa.string()), " "',
    ),
    Breakage(
        "the quarantine's key has no date",
        "pipeline/batch/quarantine.py",
        'f"{source}/dt={day}/{place}-',
        'f"{source}/{place}-',
    ),
    Breakage(
        "the function delivers to streams of another name",
        "pipeline/derive/delivery.py",
        '"tailrace-${Stage}-"',
        '"tailrace-${Stage}."',
    ),
    Breakage(
        "values are bound in another order",
        "pipeline/queries/engines/athena.py",
        "[_bound(question, name) for name in names]",
        "[_bound(question, name) for name in reversed(names)]",
        ANSWERS,
    ),
    Breakage(
        "the view repeats what came twice",
        "pipeline/lake/glue.py",
        "WHERE l.copy = 1 AND",
        "WHERE l.copy > 0 AND",
        FAULTS,
    ),
    Breakage(
        "what Firehose refused of a call counts as taken",
        "pipeline/deliver/put_batch.py",
        'return bool(entry.get("RecordId")) and not entry.get("ErrorCode")',
        "return True",
        FAULTS,
    ),
    Breakage(
        "an answer that cannot be read counts as taken",
        "pipeline/deliver/put_batch.py",
        "    everything = dict.fromkeys(range(count), UNKNOWN)\n",
        "    everything: dict[int, str] = {}\n",
        FAULTS,
    ),
    Breakage(
        "a partial answer names nothing",
        "pipeline/invoke/take.py",
        'return {"batchItemFailures": [{"itemIdentifier": each} for each in self.again]}',
        'return {"batchItemFailures": []}',
        FAULTS,
        LOCALSTACK,
    ),
    Breakage(
        "calls by a subscription are not known as such",
        "pipeline/triggers.py",
        'isinstance(event, dict) and "awslogs" in event',
        'isinstance(event, dict) and "logs" in event',
        ROUTES,
    ),
    Breakage(
        "keys of objects are taken as notices write them",
        "pipeline/triggers.py",
        'key = unquote_plus(record["s3"]["object"]["key"])',
        'key = record["s3"]["object"]["key"]',
        ROUTES,
    ),
    Breakage(
        "landing is left out of the views before all of its days are shown",
        "pipeline/curate/steps.py",
        "if plan.days is None or left:",
        "if plan.days is None:",
        FOLDED,
    ),
    Breakage(
        "an execution that has ended is taken for one at work",
        "pipeline/curate/home.py",
        'return bool(said["status"] == RUNNING)',
        'return bool(said["status"])',
        FOLDED,
    ),
    Breakage(
        "an execution says nothing of days that failed",
        "infra/compact.asl.yaml",
        "$count($days) > 0 ? $days.failed[[0..4]] : ''",
        "$count($days) > 0 ? '' : ''",
        FOLDED,
    ),
)


def plant(breakage: Breakage, folder: Path) -> None:
    """Make a copy of the project with the breakage in it, and what is generated of it.

    Raises ValueError when its text is not there once: the code has moved on, this list must too.
    """
    ignored = shutil.ignore_patterns("__pycache__")
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for path in ROOT.iterdir():
        if path.is_file() and path.name != ".git":
            shutil.copy2(path, folder)
    for name in INSTALLED_BY:
        os.utime(folder / name, (0, 0))
    SHARED.mkdir(parents=True, exist_ok=True)
    for tool in (ROOT / "build").glob("venv-*"):
        if not (SHARED / tool.name).exists():
            (SHARED / tool.name).symlink_to(tool)
    (folder / "build").symlink_to(SHARED)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    path = folder / breakage.file
    text = path.read_text("utf-8")
    if text.count(breakage.old) != 1:
        found = f"its text is in {breakage.file} {text.count(breakage.old)}x"
        raise ValueError(f"{breakage.name}: {found}")
    path.write_text(text.replace(breakage.old, breakage.new), "utf-8")


def red(breakage: Breakage) -> list[str]:
    """The tests that fail with a breakage, and how each says so."""
    with tempfile.TemporaryDirectory(prefix="tailrace-broken-") as name:
        folder = Path(name)
        plant(breakage, folder)
        python = str(folder / ".venv" / "bin" / "python")
        # Wide, or the summary leaves out what a failure says.
        environ = {**os.environ, **QUIET, "PYTHONPATH": name, "COLUMNS": "300"}
        subprocess.run([python, "-m", "pipeline.derive"], cwd=folder, env=environ, check=True)
        command = [
            *(python, "-m", "pytest", "-p", "no:xdist", "-p", "no:cacheprovider", "-q"),
            *("--tb=line", "-rfE", "--maxfail=3", "--sam", "build/venv-sam/bin/sam"),
            *("--e2e-target", breakage.target, f"tests/e2e/{breakage.tests}"),
        ]
        ran = subprocess.run(
            command, cwd=folder, env=environ, capture_output=True, text=True, check=False
        )
    found = re.findall(r"^(FAILED|ERROR) tests/e2e/(\S+)(?: - (.*))?$", ran.stdout, re.MULTILINE)
    if ran.returncode and not found:
        raise RuntimeError(f"{breakage.name}: {ran.stdout[-2000:]}{ran.stderr[-2000:]}")
    return [f"{word.lower()} {test} {said[:90]}".rstrip() for word, test, said in found]


def check_unbroken(target: str) -> None:
    """Raise RuntimeError where a target does not take the copy as it is: all would be red then."""
    some = BREAKAGES[0]
    found = red(replace(some, name="nothing", new=some.old, tests="test_stack.py", target=target))
    if found:
        raise RuntimeError(f"{target} is red with nothing broken: {found}")
    _say(f"nothing is broken: green ({target})")


def main(words: Sequence[str] | None = None) -> int:
    """Try breakages and show who noticed; 1 where nobody did."""
    parser = argparse.ArgumentParser("python -m tests.e2e.breakages", description=__doc__)
    parser.add_argument("--only", default="", help="those with this in their name")
    only = parser.parse_args(words).only
    chosen = [each for each in BREAKAGES if only in each.name]
    for target in sorted({each.target for each in chosen}):
        check_unbroken(target)
    unseen = []
    for breakage in chosen:
        started = time.monotonic()
        found = red(breakage)
        _say(f"{breakage.name} ({breakage.target}, {time.monotonic() - started:.0f} s)")
        _say("\n".join(f"    {each}" for each in found) if found else "    NOBODY NOTICED")
        unseen += [] if found else [breakage.name]
    _say(f"not noticed: {', '.join(unseen) or 'none'}")
    return int(bool(unseen))


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a program's output


if __name__ == "__main__":
    sys.exit(main())
