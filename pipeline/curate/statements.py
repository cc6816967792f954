"""What Athena is told to do, from the tables' declarations: count, fold, prove.

A day of a table is folded into a new version: a folder of its own below the day, which nobody asks
until the partition's location is swapped to it. Each statement names the version it starts from, so
that none reads what another one has just put in its place.

Sources: Amazon Athena User Guide, "UNLOAD" (each file is in the order of its SELECT, which CREATE
TABLE AS and INSERT ignore; the folder must be empty), "Partition projection" (injected values).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from pipeline.lake.glue import DAY, LANDING_FILES, VERSION, VERSIONS, location_of, newest_first
from pipeline.lake.views import names
from pipeline.schema import Table, Type

# A folder without files: what a day is folded from when it is folded for the first time.
NOTHING = "v0"
HOURS = 24
# What statements and folders are written with, wherever it was noted: nothing else is a day, or a
# version of one.
DAYS = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
NAMES = re.compile(r"[0-9A-Za-z-]{1,64}")
# Columns beside a table's own: none of them is called so, `path` some are.
OWN = _COPY, _LANDED, _FILE = "copy_number", "copy_landed", "copy_file"
# What copies are ordered by; the order itself is the views'.
_TELLING = ("decoder_version", "attempt", "ingest_time", "object")
# What the state machine fills in, slice by slice: no answer of the function then holds a statement
# 24 times.
BETWEEN, PART = ":between", ":hours"
# Trino's decimals are exact where a sum of bigint would overflow.
_EXACT = "CAST({} AS decimal(38, 0))"
_BYTES = "bytes"


@dataclass(frozen=True, slots=True, order=True)
class ArrivalHour:
    """An hour of arrival in UTC, as landing's partitions have it; `day`: YYYY-MM-DD.

    Raises ValueError for one that is none.
    """

    day: str
    hour: int

    def __post_init__(self) -> None:
        if not DAYS.fullmatch(self.day) or not 0 <= self.hour < HOURS:
            raise ValueError(f"{self.day!r}, {self.hour} is no hour of arrival")


@dataclass(frozen=True, slots=True)
class Slice:
    """Hours of an event's day from `first` up to, not including, `end`."""

    first: int
    end: int

    @property
    def name(self) -> str:
        """Of its folder, and in the proof; names of a day's slices are in order."""
        return f"{self.first:02d}-{self.end:02d}"


@dataclass(frozen=True, slots=True)
class Fold:
    """What makes a version of a day: the version before, and landing that is not in it.

    Statements are about a slice of the day, which `fills` says.

    hours  hours of arrival whose landing files are read whole

    Raises ValueError for a day or a version that cannot be one.
    """

    table: Table
    day: str
    base: str
    version: str
    hours: Sequence[ArrivalHour]

    def __post_init__(self) -> None:
        if not DAYS.fullmatch(self.day):
            raise ValueError(f"{self.day!r} is no day")
        for version in (self.base, self.version):
            if not NAMES.fullmatch(version):
                raise ValueError(f"{version!r} is no version of a day")

    def folder(self, lake: str) -> str:
        """Where the version's files lie, a URI that ends in /."""
        return location_of(self.table, lake, self.day, self.version)

    def fills(self, part: Slice) -> dict[str, str]:
        """What stands for `:between` and `:hours` in a statement about a slice, by their names."""
        return {"between": _between(self.day, part), "hours": part.name}

    def select(self) -> str:
        """Rows of some hours of the day, one whole row for each identity, in order of time."""
        columns = names(self.table)
        return f"""SELECT {columns}
FROM (
    SELECT {columns},
        row_number() OVER (
            PARTITION BY event_time, record_id ORDER BY {_newest(self.table)}
        ) AS {_COPY}
    FROM ({self._rows(columns)})
)
WHERE {_COPY} = 1
ORDER BY event_time, record_id"""  # noqa: S608 - own names

    def unload(self, lake: str) -> str:
        """The statement that writes these rows; its folder below the version's is empty before."""
        folder = f"{self.folder(lake)}hours={PART}/"
        return (
            f"UNLOAD (\n{self.select()}\n)\nTO '{folder}'\n"
            "WITH (format = 'PARQUET', compression = 'SNAPPY')"
        )

    def proof(self) -> str:
        """Two rows, `went_in` and `came_out`: hours, identities, rows, and sums over them.

        They are equal, column by column, when each identity that went in came out once, and with it
        the bytes that its newest copy says.
        """
        used = ("event_time", "record_id", *_TELLING, *_sums(self.table))
        columns = ", ".join(f'"{name}"' for name in used if name in self.table)
        return f"""SELECT 'went_in' AS what, '{PART}' AS hours, {_measures(self.table)}
FROM (
    SELECT {columns},
        row_number() OVER (
            PARTITION BY event_time, record_id ORDER BY {_newest(self.table)}
        ) AS {_COPY}
    FROM ({self._rows(columns)})
)
WHERE {_COPY} = 1
UNION ALL
SELECT 'came_out', '{PART}', {_measures(self.table)}
FROM {_version(self.table, self.day, self.version)} AND {BETWEEN}"""  # noqa: S608 - own names

    def _rows(self, columns: str) -> str:
        """All copies, with what says which of them stands."""
        return f"""
        SELECT {columns}, 0 AS {_LANDED}, "$path" AS {_FILE}
        FROM {_version(self.table, self.day, self.base)} AND {BETWEEN}
        UNION ALL
        SELECT {columns}, 1 AS {_LANDED}, "$path" AS {_FILE}
        FROM {self.table.name}{LANDING_FILES}
        WHERE ({arrived(self.hours)}) AND {BETWEEN}
    """  # noqa: S608 - own names


def filled(statement: str, fills: Mapping[str, str]) -> str:
    """A statement about a slice, as Athena is asked it."""
    for name, text in fills.items():
        statement = statement.replace(f":{name}", text)
    return statement


def counts(table: Table, hours: Sequence[ArrivalHour]) -> str:
    """Rows of some hours of arrival by day and hour of the event: columns dt, hour, landed."""
    return f"""SELECT {DAY} AS dt, hour(event_time) AS hour, count(*) AS landed
FROM {table.name}{LANDING_FILES}
WHERE {arrived(hours)}
GROUP BY 1, 2
ORDER BY 1, 2"""  # noqa: S608 - own names


def arrived(hours: Iterable[ArrivalHour]) -> str:
    """The condition that prunes landing to some hours of arrival; literals, so it prunes."""
    parts = []
    for day, of_day in groupby(sorted(hours), lambda each: each.day):
        wanted = ", ".join(str(each.hour) for each in of_day)
        parts.append(f"(arrival_dt = '{day}' AND arrival_hour IN ({wanted}))")
    return " OR ".join(parts)


def _version(table: Table, day: str, version: str) -> str:
    return f"{table.name}{VERSIONS} WHERE dt = '{day}' AND {VERSION} = '{version}'"


def _between(day: str, part: Slice) -> str:
    first = f"event_time >= timestamp '{day} {part.first:02d}:00:00.000'"
    end = f"{part.end:02d}:00:00.000" if part.end < HOURS else ""
    if end:
        return f"{first} AND event_time < timestamp '{day} {end}'"
    return f"{first} AND event_time <= timestamp '{day} 23:59:59.999'"


def _newest(table: Table) -> str:
    return f"{newest_first(table)}, {_LANDED} DESC, {_FILE} DESC"


def _sums(table: Table) -> list[str]:
    return [each.name for each in table if each.unit == _BYTES and each.type is Type.INT64]


def _measures(table: Table) -> str:
    summed = ("record_id", *_sums(table))
    sums = [f"sum({_EXACT.format(name)}) AS sum_{name}" for name in summed]
    identities = "count(DISTINCT ROW(event_time, record_id)) AS identities"
    return ", ".join(("count(*) AS found", identities, *sums))
