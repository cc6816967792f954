"""Compaction by the statements that go to Athena, run by Trino: the same text but for UNLOAD.

Trino has no UNLOAD: what stands in it is written by CREATE TABLE AS to the same folder.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pipeline.curate.plan import slices
from pipeline.curate.statements import NOTHING, ArrivalHour, Fold, counts, filled
from pipeline.lake.tables import all_tables
from pipeline.schema import Table
from tests.trino.metastore import LAKE, Metastore
from tests.trino.server import Trino

UNLOAD = re.compile(r"UNLOAD \(\n(.*)\n\)\nTO '([^']+)'\nWITH \(.*\)", re.DOTALL)
# Bytes of a row, for which a day of this lake is cut in two or three.
ROW_BYTES = 1200.0


@dataclass
class Folding:
    """The curated days of a server's lake; `shown`: version by table and day."""

    trino: Trino
    store: Metastore
    shown: dict[tuple[str, str], str] = field(default_factory=dict)
    done: int = 0

    def fold(self, since: datetime | None, until: datetime) -> Iterator[tuple[str, str]]:
        """Fold the hours of arrival from one time up to another: each day, and what is wrong.

        Days are shown as soon as they are proved; views stay as they are.
        """
        self.done += 1
        for table in all_tables().values():
            hours = [each for each in self._hours(table) if _is_in(each, since, until)]
            if not hours:
                continue
            days: dict[str, dict[int, int]] = {}
            for day, hour, landed in self.trino.execute(counts(table, hours)).rows:
                days.setdefault(day, {})[hour] = landed
            for day, landed in days.items():
                yield f"{table.name} {day}", self._day(table, day, hours, landed)

    def _day(self, table: Table, day: str, hours: list[ArrivalHour], landed: dict[int, int]) -> str:
        base = self.shown.get((table.name, day), NOTHING)
        fold = Fold(table, day, base, f"v{self.done}", hours)
        found = 0
        for part in slices(landed, ROW_BYTES, 0):
            self._write(filled(fold.unload(LAKE), fold.fills(part)))
            proving = filled(fold.proof(), fold.fills(part))
            proof = {row[0]: row[1:] for row in self.trino.execute(proving).rows}
            if proof["went_in"] != proof["came_out"]:
                return str(proof)
            found += proof["came_out"][1]
        if not found:
            return f"{table.name} {day}: no rows"
        folder = fold.folder(LAKE).removeprefix(f"{LAKE}/").rstrip("/")
        self.store.set_partitions({table.name: {day: folder}})
        self.shown[table.name, day] = fold.version
        return ""

    def _write(self, unload: str) -> None:
        found = UNLOAD.fullmatch(unload)
        assert found, unload
        select, folder = found.groups()
        rows = self.trino.execute(f"SELECT count(*) FROM ({select})").rows[0][0]  # noqa: S608 - a statement of ours
        if not rows:
            return
        name = re.sub(r"\W+", "_", folder.removeprefix(LAKE))
        target = f"format = 'PARQUET', external_location = '{folder}'"
        self.trino.execute(f'CREATE TABLE "{name}" WITH ({target}) AS {select}')
        self.trino.execute(f'DROP TABLE "{name}"')

    def _hours(self, table: Table) -> list[ArrivalHour]:
        folder = self.store.folder / "lake" / "landing" / table.name
        found = []
        for place in folder.glob("arrival_dt=*/arrival_hour=*"):
            day, hour = (part.partition("=")[2] for part in place.parts[-2:])
            found.append(ArrivalHour(day, int(hour)))
        return sorted(found)


def _is_in(hour: ArrivalHour, since: datetime | None, until: datetime) -> bool:
    at = datetime.strptime(f"{hour.day}T{hour.hour}", "%Y-%m-%dT%H").replace(tzinfo=UTC)
    return (since is None or at >= since) and at < until
