"""JSON objects in lines, one record each, as typed columns.

What a member holds means the same with quotes and without, and is checked like the fields of any
other log.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.decode import Lines, LogBatch
from pipeline.reading import formatted
from pipeline.reading.checks import DICTIONARY, Checked, check, read_as, wanted
from pipeline.reading.delimited import Faults, Reading, joined, screen, shown
from pipeline.reading.extra import without
from pipeline.reading.json_objects import Objects, read
from pipeline.reading.json_shapes import TEXT
from pipeline.reading.parsed import Formats, Parsed
from pipeline.schema import Field

Columns = dict[str, pa.Array]


@dataclass(frozen=True, slots=True)
class Member:
    """A field and where in the object it is.

    path    keys from the outside in
    kind    what is there, its leaves as text
    finish  the column of the field from a column of that kind
    """

    field: Field
    path: tuple[str, ...]
    kind: pa.DataType = TEXT
    finish: Callable[[pa.Array], pa.Array] = lambda values: values


@dataclass(frozen=True, slots=True)
class JsonLog:
    """A log of JSON objects.

    members  of an object; what is beyond them lands in `extra`
    times    columns that tell the time of the event, the best first
    nulls    texts that stand for nothing
    finish   columns of the table from those of the members
    layouts  members by a format's text; None: there are no formats
    """

    members: tuple[Member, ...]
    times: tuple[str, ...]
    nulls: tuple[str, ...] = ()
    finish: Callable[[Columns], Columns] = lambda columns: columns
    layouts: Callable[[str], tuple[Member, ...]] | None = None

    @property
    def default(self) -> tuple[str, ...]:
        """The members as they are declared."""
        return ("",)

    def layout(self, format_text: str) -> tuple[Member, ...]:
        """The members of a format. Raises UsageError when it is none."""
        return self.layouts(format_text) if self.layouts and format_text else self.members

    def parse(self, batch: LogBatch, formats: Formats) -> Parsed:
        """Parse every line of a batch."""
        return formatted.parse(self, batch, formats if self.layouts else Formats())

    def screen(self, lines: Lines) -> tuple[Faults, np.ndarray]:
        """Faults of lines that hold what no text holds, and the indexes of blank lines."""
        return screen(lines, tabs=True)

    def headers(self, lines: Lines) -> Mapping[int, str]:
        """There are none."""
        return {}

    def count(self, line: bytes) -> int:
        """Objects have no number of fields."""
        return 0

    def read(self, lines: Lines, members: Sequence[Member], latest_ms: np.ndarray) -> Reading:
        """One column a member, and the other scalars of each object."""
        faults = Faults()
        parts = [
            self._checked(found, members, latest_ms, faults)
            for found in read(lines, _declared(members), faults)
        ]
        if len(parts) != 1:
            everywhere = [np.arange(len(lines))] * len(parts)
            parts = [joined(parts, everywhere, faults)] if parts else [self._none(members)]
        return parts[0].without_faults()

    def columns(self, reading: Reading) -> Columns:
        """Columns of the table, by name."""
        return self.finish(formatted.named(reading))

    def _none(self, members: Sequence[Member]) -> Reading:
        nothing = pa.Table.from_struct_array(pa.array([], _declared(members)))
        line = np.empty(0, np.int64)
        return self._checked(Objects(nothing, line, pa.nulls(0)), members, line, Faults())

    def _checked(
        self, found: Objects, members: Sequence[Member], latest_ms: np.ndarray, faults: Faults
    ) -> Reading:
        columns: list[pa.Array] = []
        for place, member in enumerate(members):
            values = self._values(found.table, member)
            checked = _check(values, member.field, found.line, latest_ms)
            columns.append(checked.values)
            for row, reason in checked.bad:
                told = shown(str(values[row]).encode())
                detail = f"{'.'.join(member.path)}: {told} is not {wanted(member.field)}"
                faults.add(int(found.line[row]), place, reason, detail)
        fields = tuple(member.field for member in members)
        extra = without(found.extra, self.nulls)
        return Reading(fields, columns, found.line, faults, extra)

    def _values(self, table: pa.Table, member: Member) -> pa.Array:
        values = table.column(member.path[0]).combine_chunks()
        if len(member.path) > 1:
            values = pc.struct_field(values, list(member.path[1:]))
        values = member.finish(values)
        if not self.nulls or values.type != TEXT:
            return values
        return pc.if_else(pc.is_in(values, pa.array(self.nulls)), None, values)


def _check(values: pa.Array, declared: Field, line: np.ndarray, latest_ms: np.ndarray) -> Checked:
    if values.type != read_as(declared):
        values = values.cast(TEXT)
    coded = read_as(declared) == DICTIONARY
    return check(values.dictionary_encode() if coded else values, declared, line, latest_ms)


def _declared(members: Sequence[Member]) -> pa.StructType:
    """The objects that hold these members."""
    tree: dict[str, Any] = {}
    for member in members:
        within = tree
        for key in member.path[:-1]:
            within = within.setdefault(key, {})
        within[member.path[-1]] = member.kind
    return _struct(tree)


def _struct(tree: Mapping[str, Any]) -> pa.StructType:
    return pa.struct(
        [(key, _struct(each) if isinstance(each, dict) else each) for key, each in tree.items()]
    )
