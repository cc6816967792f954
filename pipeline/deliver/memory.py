"""Ports that keep everything in memory: for tests, trials and notebooks."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from pipeline.schema import Table
from pipeline.triggers import Record


@dataclass
class MemorySink:
    """A sink that keeps what is written, in the order of writing: table, rows, their records."""

    writes: list[tuple[Table, pa.Table, Sequence[Record]]] = field(default_factory=list)

    def write(self, table: Table, rows: pa.Table, records: Sequence[Record]) -> None:
        """Keep the rows."""
        self.writes.append((table, rows, records))

    @property
    def pieces(self) -> dict[str, list[pa.Table]]:
        """The rows by table, one piece a write, text no longer dictionary-encoded."""
        found: dict[str, list[pa.Table]] = {}
        for table, rows, _ in self.writes:
            found.setdefault(table.name, []).append(rows.cast(table.arrow_schema))
        return found

    def rows(self, table: Table) -> pa.Table:
        """All rows of a table, in the order of writing."""
        return pa.concat_tables(
            [table.arrow_schema.empty_table(), *self.pieces.get(table.name, [])]
        )


@dataclass
class MemoryQuarantine:
    """A quarantine that keeps the objects by key."""

    objects: dict[str, bytes] = field(default_factory=dict)

    def keep(self, key: str, content: bytes, record: Record, rejects: int) -> None:
        """Keep an object."""
        self.objects[key] = content
