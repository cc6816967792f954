"""Where Glue's catalogue differs from what the tables declare.

Source: AWS Glue API Reference, "GetTables".
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pipeline import aws
from pipeline.aws import told
from pipeline.deliver.lake_file import LANDING
from pipeline.lake.glue import CURATED_FILES, LANDING_FILES
from pipeline.lake.shared import shared_views
from pipeline.lake.tables import all_tables, columns
from pipeline.schema import DT, Table, Type

if TYPE_CHECKING:
    import boto3

Columns = Mapping[str, str]
SHOWN = 3


def declared() -> dict[str, Columns]:
    """Hive type of each column of every table and view that Glue must have, by their names."""
    found: dict[str, Columns] = {}
    for table in all_tables().values():
        own = {field.name: field.type.glue for field in table}
        arrival = {"arrival_dt": Type.VARCHAR.glue, "arrival_hour": Type.INT32.glue}
        found[f"{table.name}{LANDING_FILES}"] = own | arrival
        found[f"{table.name}{CURATED_FILES}"] = own | {DT.name: DT.type.glue}
        found[table.name] = found[f"{table.name}_{LANDING}"] = _shown(table)
    return found | {name: _shown(view.table) for name, view in shared_views().items()}


def _shown(table: Table) -> Columns:
    return {field.name: field.type.glue for field in columns(table)}


def there(session: "boto3.Session", database: str) -> dict[str, Columns]:
    """What Glue has. Raises TailraceError where it does not say."""
    with told("Glue", f"database {database}"):
        client = session.client("glue", config=aws.patience())
        pages = client.get_paginator("get_tables").paginate(DatabaseName=database)
        return {each["Name"]: _columns(each) for page in pages for each in page["TableList"]}


def _columns(table: Any) -> Columns:
    listed = [*table.get("StorageDescriptor", {}).get("Columns", []), *table["PartitionKeys"]]
    return {each["Name"]: each.get("Type", "") for each in listed}


def differences(wanted: Mapping[str, Columns], found: Mapping[str, Columns]) -> Iterator[str]:
    """What is wrong with each table, in the order in which they are declared; nothing for none."""
    for name, own in wanted.items():
        if name not in found:
            yield f"{name} is missing"
        elif said := list(_differing(own, found[name])):
            more = f" and {len(said) - SHOWN} more" if len(said) > SHOWN else ""
            yield f"{name}: {'; '.join(said[:SHOWN])}{more}"


def _differing(wanted: Columns, found: Columns) -> Iterator[str]:
    for name, kind in wanted.items():
        if name not in found:
            yield f"no column {name}"
        elif found[name] != kind:
            yield f"{name} is {found[name]}, not {kind}"
    for name in found:
        if name not in wanted:
            yield f"column {name} is not declared"
