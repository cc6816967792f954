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
from tests.trino.install import VERSION
from tests.trino.server import CATALOG, Trino

OWNER = "check"
LAKE = "local:///lake"
DESCRIBED = ".trinoSchema"


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
            for day, place in places.items():
                described = glue.partition(all_tables()[name], day, f"{LAKE}/{place}/")
                self._set_partition(f"{name}{glue.CURATED_FILES}", day, described)

    def _set_partition(self, table: str, day: str, described: Mapping[str, Any]) -> None:
        location = described["StorageDescriptor"]["Location"]
        known = self._described(table) / f"dt={day}" / DESCRIBED
        if not known.exists():
            self.trino.execute(
                f"CALL system.register_partition('{self.trino.schema}', '{table}',"
                f" ARRAY['dt'], ARRAY['{day}'], '{location}')"
            )
            return
        # At once, as UpdatePartition of Glue; Trino's own way is two calls, with no day between.
        swapped = json.loads(known.read_text()) | {"externalLocation": location}
        whole = known.with_suffix(".new")
        whole.write_text(json.dumps(swapped))
        whole.replace(known)

    def _described(self, table: str) -> Path:
        return self.folder / "hms" / self.trino.schema / table

    def _write(self, described: Mapping[str, Any]) -> None:
        path = self._described(described["Name"]) / DESCRIBED
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
