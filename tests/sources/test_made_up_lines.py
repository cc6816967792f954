"""Made-up lines of documented shapes, field by field: what they mean was written by hand."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.schema import Type
from pipeline.sources import NAMES, find
from pipeline.sources.source import Source
from tests.model.flow_line import Drop, Outcome, Reject, Row
from tests.model.outcomes import outcomes
from tests.model.samples import LINES, epoch_ms, objects
from tests.processed import context, record

# Their made-up lines come with the format of each: tests/model/samples.py.
FLOWS = ("vpc-flow", "tgw-flow")


def made_up(headers: bool = True) -> list[Any]:
    """Each file of lines, or each without headers, with the source that reads it."""
    return [
        pytest.param(source, path, id=f"{source}/{path.name}")
        for source in NAMES
        if source not in FLOWS
        for path in sorted((LINES / source / "made-up").glob("*"))
        if path.suffix in (".log", ".jsonl") and not path.name.endswith(".expected.jsonl")
        if headers or b"\n#" not in path.read_bytes()
    ]


def meanings(source: Source, path: Path) -> list[dict[str, Any]]:
    """What the lines of a file mean, in order, times as epoch ms."""
    rows = objects(path.with_name(f"{path.stem}.expected.jsonl"))
    times = {field.name for field in source.table if field.type is Type.TIMESTAMP}
    return [{k: epoch_ms(v) if k in times else v for k, v in row.items()} for row in rows]


def formats(path: Path) -> tuple[str, ...]:
    """The format that is declared for the lines of a file."""
    beside = path.with_suffix(".format")
    return (beside.read_text("utf-8").rstrip("\n"),) if beside.exists() else ()


def meaning(outcome: Outcome) -> dict[str, Any]:
    """An outcome in the words of the expected lines."""
    if isinstance(outcome, Row):
        row = {**outcome.columns, "event_time": outcome.event_time, "extra": outcome.extra}
        return {name: value for name, value in row.items() if value is not None}
    if isinstance(outcome, Reject):
        return {"reject": outcome.reason}
    assert isinstance(outcome, Drop)
    return {"drop": outcome.name}


@pytest.mark.parametrize(("source", "path"), made_up())
def test_each_made_up_line_means_what_is_written_beside_it(source: str, path: Path) -> None:
    carrier = record(path.read_bytes(), formats=formats(path))
    found = [meaning(outcome) for outcome in outcomes([carrier], source, context())]
    expected = meanings(find(source), path)
    assert len(found) == len(expected)
    for mine, theirs in zip(found, expected, strict=True):
        assert mine == theirs


@pytest.mark.parametrize(("source", "path"), made_up(headers=False))
def test_each_made_up_line_means_the_same_alone(source: str, path: Path) -> None:
    lines = path.read_bytes().splitlines()
    for line, expected in zip(lines, meanings(find(source), path), strict=True):
        (outcome,) = outcomes([record(line, formats=formats(path))], source, context())
        assert meaning(outcome) == expected
