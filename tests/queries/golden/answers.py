"""What golden answers are written in."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pipeline.queries import Answer

Golden = dict[str, Sequence[tuple[Any, ...]]]


def at(time: str) -> datetime:
    """A moment of the day that everything here is about."""
    return datetime.fromisoformat(f"2026-11-25T{time}")


def rows(answer: Answer) -> list[tuple[Any, ...]]:
    """The rows of an answer."""
    return list(zip(*(column.to_pylist() for column in answer.table.columns), strict=True))
