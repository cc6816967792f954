"""What Glue says of a day's version and of a view, and how both are changed.

A day's partition says of itself which version it shows and which plan made it: both are swapped in
one call, so that neither can be there without the other.

Source: AWS Glue Web API Reference, "CreatePartition", "UpdatePartition", "UpdateTable".
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipeline.aws import told
from pipeline.curate.statements import NAMES, NOTHING
from pipeline.errors import TailraceError
from pipeline.lake import glue
from pipeline.lake.glue import CURATED_FILES
from pipeline.schema import Table

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from mypy_boto3_glue import GlueClient

VERSION, PLAN = "tailrace.version", "tailrace.plan"
CATALOG = "awsdatacatalog"
# What UpdateTable takes of what GetTable gives.
_KEPT = ("Name", "Description", "Owner", "Retention", "StorageDescriptor", "PartitionKeys")
_TEXTS = ("ViewOriginalText", "ViewExpandedText", "TableType", "Parameters")


@dataclass(frozen=True, slots=True)
class Shown:
    """Which version of a day the curated table shows, and by which plan it was made."""

    version: str = NOTHING
    plan: str = ""


@dataclass(frozen=True)
class Catalog:
    """The database of a stage."""

    client: "GlueClient"
    database: str

    def shown(self, table: Table, day: str) -> Shown:
        """What is shown of a day. Raises TailraceError where Glue does not say."""
        found = self._partition(table, day)
        if found is None:
            return Shown()
        said = found.get("Parameters", {})
        version = said.get(VERSION, "")
        if not NAMES.fullmatch(version):
            where = f"dt={day} of {self.database}.{table.name}{CURATED_FILES}"
            fix = "delete this partition: its day is then folded from landing, as far as that goes"
            raise TailraceError("a partition of curated that compaction has not made", where, fix)
        return Shown(version, said.get(PLAN, ""))

    def show(self, table: Table, day: str, shown: Shown, lake: str) -> None:
        """Swap what is shown of a day. Raises TailraceError where Glue does not take it."""
        described: Any = glue.partition(
            table, day, glue.location_of(table, lake, day, shown.version)
        )
        described["Parameters"] = {VERSION: shown.version, PLAN: shown.plan}
        name = {"DatabaseName": self.database, "TableName": f"{table.name}{CURATED_FILES}"}
        known = self._partition(table, day) is not None
        with self._told(f"dt={day} of {table.name}{CURATED_FILES}"):
            if known:
                self.client.update_partition(
                    **name,
                    PartitionValueList=[day],
                    PartitionInput=described,
                )
            else:
                self.client.create_partition(**name, PartitionInput=described)

    def set_watermark(self, table: Table, watermark: datetime) -> bool:
        """Let the views of a table read landing from a watermark on; whether that was new."""
        changed = False
        for name, select in glue.views(table, watermark).items():
            with self._told(name):
                found: Any = self.client.get_table(DatabaseName=self.database, Name=name)["Table"]
            text = glue.original_text(table, select, CATALOG, self.database)
            if found.get("ViewOriginalText") == text:
                continue
            # Nothing said of it, which no call may say.
            kept = {each: found[each] for each in (*_KEPT, *_TEXTS) if found.get(each, "") != ""}
            with self._told(name):
                self.client.update_table(
                    DatabaseName=self.database,
                    TableInput={**kept, "ViewOriginalText": text},  # type: ignore[typeddict-item]
                    # Four changes a day, each of which can be told from the state.
                    SkipArchive=True,
                    # Glue refuses it where somebody has changed the view since it was looked at.
                    **({"VersionId": found["VersionId"]} if "VersionId" in found else {}),
                )
            changed = True
        return changed

    def _partition(self, table: Table, day: str) -> dict[str, Any] | None:
        from botocore.exceptions import ClientError

        name = f"{table.name}{CURATED_FILES}"
        with self._told(f"dt={day} of {name}"):
            try:
                said: Any = self.client.get_partition(
                    DatabaseName=self.database, TableName=name, PartitionValues=[day]
                )
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") == "EntityNotFoundException":
                    return None
                raise
        found: dict[str, Any] = said["Partition"]
        return found

    def _told(self, what: str) -> "AbstractContextManager[None]":
        return told("Glue", f"{self.database}: {what}")
