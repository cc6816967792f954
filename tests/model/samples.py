"""The sample lines in tests/lines, each with what it means; their origin is in the NOTICE files."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.model.flow_line import TGW_DEFAULT, TGW_FIELDS, VPC_DEFAULT, VPC_FIELDS, words

LINES = Path(__file__).parent.parent / "lines"
DEFAULT = {"vpc-flow": VPC_DEFAULT, "tgw-flow": TGW_DEFAULT}
KNOWN = {"vpc-flow": VPC_FIELDS, "tgw-flow": TGW_FIELDS}
EPOCH = datetime.fromisoformat("1970-01-01T00:00:00Z")


@dataclass(frozen=True, slots=True)
class Sample:
    """One line and the object that `tailrace parse` prints for it, times as epoch ms."""

    source: str
    fields: tuple[str, ...]
    line: bytes
    expected: dict[str, Any]


def samples(source: str) -> list[Sample]:
    """Every sample line of a source that carries its own format."""
    paths = sorted(LINES.glob(f"{source}/**/*.jsonl"))
    return [
        Sample(source, fields_of(source, record["format"]), record["line"].encode(), expected)
        for path in paths
        if not path.name.endswith(".expected.jsonl")
        for record, expected in zip(objects(path), expected_rows(path), strict=True)
    ]


def expected_rows(path: Path) -> list[dict[str, Any]]:
    """What the records of a file of lines mean, in their order."""
    return [
        {name: epoch_ms(value) if name.endswith("_time") else value for name, value in row.items()}
        for row in objects(path.with_name(path.stem + ".expected.jsonl"))
    ]


def fields_of(source: str, declared: str) -> tuple[str, ...]:
    return DEFAULT[source] if declared == "default" else words(declared)


def objects(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def epoch_ms(moment: str | None) -> int | None:
    if moment is None:
        return None
    return (datetime.fromisoformat(moment) - EPOCH) // timedelta(milliseconds=1)
