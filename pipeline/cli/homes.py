"""The home that a command opens."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.batch import Context
    from pipeline.settings import Settings


def to_read(home: Path) -> Path:
    """The home; the demo's inside it where the home itself holds nothing, as queries read it."""
    from pipeline.errors import NotConfigured
    from pipeline.lake.folders import answering

    try:
        return answering(home)
    except NotConfigured:
        return home


def to_write(settings: "Settings") -> "Context":
    """What a home's batches are processed with; what of it cannot be used is said.

    Raises UsageError as `context_of` does.
    """
    from pipeline.batch.context import context_of
    from pipeline.cli.output import say

    context = context_of(settings)
    if note := context.lookups.aws_ranges.note:
        say(f"{note}\n")
    return context
