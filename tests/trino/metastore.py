"""Trino's file metastore, told in Glue's own words what `pipeline.lake.glue` says.

A folder a table under hms/<schema>/, described by one file of JSON: the Hive types and parameters
in it are the very ones that go to Glue.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from pipeline.lake import glue
from pipeline.lake.shared import shared_views
from pipeline.lake.tables import all_tables
from pipeline.schema import Table
from tests.trino.install import VERSION
from tests.trino.server import CATALOG, Trino

OWNER = "check"
LAKE = "local:///lake"


@dataclass(frozen=True)
class Metastore:
    """The schema of a server over `folder`."""

    folder: Path
    trino: Trino

    def declare(self, since: date) -> None:
        """Tell of both zones of every table; `since`: first day of arrival."""
        for table in all_tables().values():
            for described in (
                glue.landing_files(table, LAKE, since),
                glue.curated_files(table, LAKE),
                glue.versions(table, LAKE),
            ):
                place = (
                    self.folder / described["StorageDescriptor"]["Location"].partition(":///")[2]
                )
                place.mkdir(parents=True, exist_ok=True)
                self._write(described)

    def set_views(self, watermark: datetime | None) -> None:
        """Make every view, or put it in the place of the one before."""
        for table in all_tables().values():
            for name, select in glue.views(table, watermark).items():
                self._write(glue.view(table, name, select, CATALOG, self.trino.schema))
        for name, shared in shared_views().items():
            described = glue.view(shared.table, name, shared.select, CATALOG, self.trino.schema)
            self._write(described)

    def set_partitions(self, days: Mapping[str, Mapping[str, str]]) -> None:
        """Register curated days, or swap where they lie: table, day and folder under the lake."""
        for name, places in days.items():
            table = all_tables()[name]
            known = self._registered(table)
            for day, place in places.items():
                described = glue.partition(table, day, f"{LAKE}/{place}/")
                if day in known:
                    self._call("unregister_partition", table, day)
                self._call("register_partition", table, day, described["StorageDescriptor"])

    def _registered(self, table: Table) -> set[str]:
        partitions = f'"{table.name}{glue.CURATED_FILES}$partitions"'
        found = self.trino.execute(f"SELECT dt FROM {partitions}")  # noqa: S608 - own names
        return {row[0] for row in found.rows}

    def _call(
        self, procedure: str, table: Table, day: str, storage: Mapping[str, Any] | None = None
    ) -> None:
        location = f", '{storage['Location']}'" if storage else ""
        self.trino.execute(
            f"CALL system.{procedure}('{self.trino.schema}', '{table.name}{glue.CURATED_FILES}',"
            f" ARRAY['dt'], ARRAY['{day}']{location})"
        )

    def _write(self, described: Mapping[str, Any]) -> None:
        path = self.folder / "hms" / self.trino.schema / described["Name"] / ".trinoSchema"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(_schema(described)))


def _schema(described: Mapping[str, Any]) -> dict[str, Any]:
    """A Glue `TableInput` as the file metastore has it."""
    storage = described["StorageDescriptor"]
    common = {
        "writerVersion": VERSION,
        "owner": OWNER,
        "tableType": described["TableType"],
        "dataColumns": _columns(storage["Columns"]),
        "partitionColumns": _columns(described["PartitionKeys"]),
        "parameters": described["Parameters"],
        "serdeParameters": storage["SerdeInfo"].get("Parameters", {}),
        "columnStatistics": {},
    }
    if described["TableType"] == "VIRTUAL_VIEW":
        return common | {
            "originalStorageFormat": {},
            "viewOriginalText": described["ViewOriginalText"],
            "viewExpandedText": described["ViewExpandedText"],
        }
    return common | {"storageFormat": "PARQUET", "externalLocation": storage["Location"]}


def _columns(described: list[dict[str, str]]) -> list[dict[str, Any]]:
    return [{"name": each["Name"], "type": each["Type"], "properties": {}} for each in described]
