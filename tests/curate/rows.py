"""Rows of a table, each a whole one of its kind."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from pipeline.schema import Table


@dataclass(frozen=True)
class Event:
    """An event, by what tells its copies apart."""

    at: datetime
    number: int
    arrived: datetime
    decoder: int = 1
    text: str = "x"


def rows(table: Table, events: Iterable[Event]) -> pa.Table:
    """Rows of app_log."""
    made: list[dict[str, Any]] = [
        {
            "event_time": each.at.replace(tzinfo=None),
            "record_id": each.number,
            "ingest_time": each.arrived.replace(tzinfo=None),
            "decoder_version": each.decoder,
            "message": each.text,
        }
        for each in events
    ]
    return pa.Table.from_pylist(made, table.arrow_schema)
