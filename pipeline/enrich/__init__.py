"""Enrichers: each adds columns to the rows of a batch and declares the fields it adds."""

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from pipeline.enrich.aws_ranges import NONE, AwsRanges
from pipeline.enrich.networks import Networks
from pipeline.schema import Field


@dataclass(frozen=True, slots=True)
class Lookups:
    """What enrichers may look up besides the row itself."""

    networks: Networks
    aws_ranges: AwsRanges = NONE


@dataclass(frozen=True, slots=True)
class Enricher:
    """`add` appends exactly the columns `fields`; a column it reads may be missing (no format).

    One without fields of its own fills nulls of the log's columns, and may append one that the
    format lacks.
    """

    fields: tuple[Field, ...]
    add: Callable[[pa.Table, Lookups], pa.Table]
