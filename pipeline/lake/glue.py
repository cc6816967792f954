"""What Glue and Athena are told about a table, in their own words; nothing here calls them.

Three names for each table. `<table>_landing_files` and `<table>_curated_files` are tables of the
Glue catalogue over the two zones; nobody asks them. The views `<table>` and `<table>_landing` are
what people ask, with the columns and the meaning of pipeline/lake/views.py.

Landing is partitioned by projection, so no crawler ever looks for hours. Curated's partitions are
registered: a compaction swaps the location of a day, then moves the watermark in the view.
"""

import base64
import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from pipeline.deliver.lake_file import CURATED, LANDING
from pipeline.lake.tables import columns
from pipeline.schema import DT, Table, Type

LANDING_FILES, CURATED_FILES, VERSIONS = "_landing_files", "_curated_files", "_versions"
_PARQUET = "org.apache.hadoop.hive.ql.io.parquet"
# The day of an event as the partitions of curated have it.
DAY = "CAST(CAST(event_time AS date) AS varchar)"
# Of tables of versions; `version` is a field of flow logs.
VERSION = "curated_version"
_PATH = '"$path"'


def landing_files(table: Table, lake: str, since: date | str) -> dict[str, Any]:
    """`TableInput` of raw landing.

    lake   URI of the lake's folder, s3://bucket/lake
    since  first day of arrival that there can be; as text YYYY-MM-DD
    """
    location = f"{lake}/{LANDING}/{table.name}"
    return _table_input(
        f"{table.name}{LANDING_FILES}",
        f"Landing files of {table.name} by hour of arrival; ask the view {table.name} instead.",
        table,
        f"{location}/",
        [_column("arrival_dt", Type.VARCHAR.glue), _column("arrival_hour", Type.INT32.glue)],
        {
            "projection.enabled": "true",
            "projection.arrival_dt.type": "date",
            "projection.arrival_dt.format": "yyyy-MM-dd",
            "projection.arrival_dt.range": f"{since},NOW",
            "projection.arrival_dt.interval": "1",
            "projection.arrival_dt.interval.unit": "DAYS",
            "projection.arrival_hour.type": "integer",
            "projection.arrival_hour.range": "0,23",
            "projection.arrival_hour.digits": "2",
            "storage.location.template": (
                f"{location}/arrival_dt=${{arrival_dt}}/arrival_hour=${{arrival_hour}}/"
            ),
        },
    )


def curated_files(table: Table, lake: str) -> dict[str, Any]:
    """`TableInput` of curated; `lake` as above. Its partitions are registered, one a day."""
    return _table_input(
        f"{table.name}{CURATED_FILES}",
        f"Curated files of {table.name} by day of event; ask the view {table.name} instead.",
        table,
        f"{lake}/{CURATED}/{table.name}/",
        [_column(DT.name, DT.type.glue)],
        {},
    )


def versions(table: Table, lake: str) -> dict[str, Any]:
    """`TableInput` of all versions of curated; `lake` as above.

    Each query says which day and which version it means: their folders are made of what it says.
    """
    return _table_input(
        f"{table.name}{VERSIONS}",
        f"Versions of the curated days of {table.name}, for compaction; ask {table.name} instead.",
        table,
        f"{lake}/{CURATED}/{table.name}/",
        [_column(DT.name, DT.type.glue), _column(VERSION, Type.VARCHAR.glue)],
        {
            "projection.enabled": "true",
            "projection.dt.type": "injected",
            f"projection.{VERSION}.type": "injected",
            "storage.location.template": location_of(table, lake, "${dt}", f"${{{VERSION}}}"),
        },
    )


def location_of(table: Table, lake: str, day: str, version: str) -> str:
    """Where the files of a version of a day lie, a URI that ends in /."""
    return f"{lake}/{CURATED}/{table.name}/dt={day}/{VERSION}={version}/"


def partition(table: Table, day: str, location: str) -> dict[str, Any]:
    """`PartitionInput` of a day of curated whose files lie at `location`, a URI that ends in /."""
    return {"Values": [day], "StorageDescriptor": _storage(table, location)}


def views(table: Table, watermark: datetime | None) -> dict[str, str]:
    """The SELECT of each view of a table, by the name of the view.

    watermark  end of an hour of arrival, aware; all landing before it is in curated. None: no
               landing is left out

    Raises ValueError for a watermark that is not the start of an hour.
    """
    since = _since(watermark)
    landing = (
        f"SELECT {_names(table)}, {DAY} AS dt FROM {table.name}{LANDING_FILES}"  # noqa: S608 - own names
        f"{since}"
    )
    events = _newest_attempts if "attempt" in table else _events
    return {table.name: events(table, since), f"{table.name}_{LANDING}": landing}


def view(table: Table, name: str, select: str, catalog: str, database: str) -> dict[str, Any]:
    """`TableInput` of one of a table's views, as Athena itself would have made it.

    catalog, database  where the names of tables in `select` are looked up
    """
    shown = [
        {"Name": field.name, "Type": field.type.glue, "Comment": field.doc[:255]}
        for field in columns(table)
    ]
    return {
        "Name": name,
        "Description": table.doc,
        "TableType": "VIRTUAL_VIEW",
        "Parameters": {"presto_view": "true", "comment": "Presto View"},
        "PartitionKeys": [],
        "StorageDescriptor": {"Columns": shown, "Location": "", "SerdeInfo": {}},
        "ViewOriginalText": original_text(table, select, catalog, database),
        "ViewExpandedText": "/* Presto View */",
    }


def original_text(table: Table, select: str, catalog: str, database: str) -> str:
    """`ViewOriginalText` of a view; the arguments as those of `view`."""
    encoded = base64.b64encode(told(table, select, catalog, database).encode()).decode()
    return f"/* Presto View: {encoded} */"


def told(table: Table, select: str, catalog: str, database: str) -> str:
    """What Athena keeps of a view, as JSON; the arguments as those of `view`."""
    shown = [{"name": field.name, "type": field.type.sql} for field in columns(table)]
    return json.dumps(
        {"originalSql": select, "catalog": catalog, "schema": database, "columns": shown}
    )


def newest_first(table: Table) -> str:
    """What the copies of one event are ordered by, as far as their own columns tell.

    As pipeline/lake/views.py orders them; there the place of a file in the scan says which of two
    was written last, here its name does.
    """
    columns = {
        "decoder_version": "decoder_version DESC",
        "attempt": "attempt DESC",
        "ingest_time": "ingest_time",
        "object": "object",
    }
    return ", ".join(text for name, text in columns.items() if name in table)


def _events(table: Table, since: str) -> str:
    """Curated, and what landing has beyond it, one whole row for each identity.

    By LEFT JOIN: through NOT EXISTS bounds of time reach fewer scans. The day is part of the join,
    because a bound on the view's dt then prunes the partitions of both scans of curated.
    """
    names = _names(table)
    columns = ", ".join(f'l."{field.name}"' for field in table)
    return f"""SELECT {names}, dt
FROM {table.name}{CURATED_FILES}
UNION ALL
SELECT {columns}, l.dt
FROM (
    SELECT {names}, {DAY} AS dt,
        row_number() OVER (
            PARTITION BY event_time, record_id ORDER BY {newest_first(table)}, {_PATH} DESC
        ) AS copy
    FROM {table.name}{LANDING_FILES}{since}
) l
LEFT JOIN {table.name}{CURATED_FILES} c
    ON c.dt = l.dt AND c.event_time = l.event_time AND c.record_id = l.record_id
WHERE l.copy = 1 AND c.record_id IS NULL"""  # noqa: S608 - own names


def _newest_attempts(table: Table, since: str) -> str:
    """What became of each record at last, over both zones.

    The day is part of the window, so that a bound on it reaches the scans.
    """
    names = _names(table)
    left_out = " AND resolved IS DISTINCT FROM true" if "resolved" in table else ""
    return f"""SELECT {names}, dt
FROM (
    SELECT {names}, dt,
        row_number() OVER (
            PARTITION BY dt, event_time, record_id
            ORDER BY {newest_first(table)}, landed DESC, path DESC
        ) AS copy
    FROM (
        SELECT {names}, dt, 0 AS landed, {_PATH} AS path
        FROM {table.name}{CURATED_FILES}
        UNION ALL
        SELECT {names}, {DAY} AS dt, 1 AS landed, {_PATH} AS path
        FROM {table.name}{LANDING_FILES}{since}
    )
)
WHERE copy = 1{left_out}"""  # noqa: S608 - own names


def _since(watermark: datetime | None) -> str:
    """What keeps landing before the watermark out, partitions and all; literals, so it prunes."""
    if watermark is None:
        return ""
    offset = watermark.utcoffset()
    if (
        offset is None
        or offset
        or watermark != watermark.replace(minute=0, second=0, microsecond=0)
    ):
        raise ValueError(f"a watermark is the start of an hour in UTC, not {watermark.isoformat()}")
    day, hour = f"'{watermark:%Y-%m-%d}'", watermark.hour
    return f" WHERE arrival_dt >= {day} AND (arrival_dt > {day} OR arrival_hour >= {hour})"


def _names(table: Table) -> str:
    return ", ".join(f'"{field.name}"' for field in table)


def _table_input(
    name: str,
    description: str,
    table: Table,
    location: str,
    keys: list[dict[str, str]],
    parameters: Mapping[str, str],
) -> dict[str, Any]:
    return {
        "Name": name,
        "Description": description,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet", **parameters},
        "PartitionKeys": keys,
        "StorageDescriptor": _storage(table, location),
    }


def _storage(table: Table, location: str) -> dict[str, Any]:
    return {
        "Columns": table.glue_columns,
        "Location": location,
        "InputFormat": f"{_PARQUET}.MapredParquetInputFormat",
        "OutputFormat": f"{_PARQUET}.MapredParquetOutputFormat",
        "SerdeInfo": {
            "SerializationLibrary": f"{_PARQUET}.serde.ParquetHiveSerDe",
            "Parameters": {"serialization.format": "1"},
        },
    }


def _column(name: str, kind: str) -> dict[str, str]:
    return {"Name": name, "Type": kind}
