"""infra/catalog.yaml: the database, the tables and the views, as Glue and Athena are told them."""

from typing import Any

from pipeline.derive import yaml
from pipeline.derive.stack import STAGE, VERSION, filled_in, logical_id
from pipeline.lake import glue
from pipeline.lake.shared import shared_views
from pipeline.lake.tables import all_tables
from pipeline.schema import Table

CATALOG = "awsdatacatalog"
_ABOUT = """
A compaction moves the watermark in the view of a table, outside of this stack. An update that
changes such a view sets it back: answers stay right, and are slower until the next compaction.
"""


def page() -> str:
    """The file."""
    return yaml.page(_ABOUT.strip(), template())


def template() -> dict[str, Any]:
    """The template."""
    resources: dict[str, Any] = {
        "Database": {
            "Type": "AWS::Glue::Database",
            "Properties": {
                "CatalogId": {"Ref": "AWS::AccountId"},
                "DatabaseInput": {
                    "Name": {"Fn::Sub": "tailrace_${Stage}"},
                    "Description": "Logs, one view for each table; ask the views.",
                },
            },
        }
    }
    for table in all_tables().values():
        resources |= _of_table(table)
    for name, view in shared_views().items():
        resources[logical_id(name)] = _view(view.table, name, view.select)
    return {
        "AWSTemplateFormatVersion": VERSION,
        "Description": "Tailrace: the database, the tables and the views.",
        "Parameters": {
            "Stage": STAGE,
            "Lake": {"Type": "String", "Description": "s3://bucket/lake"},
            "LandingSince": {"Type": "String", "Description": "First day of arrival there can be"},
        },
        "Resources": resources,
        "Outputs": {"Database": {"Value": {"Ref": "Database"}}},
    }


def _of_table(table: Table) -> dict[str, Any]:
    described = (
        glue.landing_files(table, "${Lake}", "${LandingSince}"),
        glue.curated_files(table, "${Lake}"),
        glue.versions(table, "${Lake}"),
    )
    found = {
        logical_id(each["Name"]): _table(filled_in(each, "Lake", "LandingSince"))
        for each in described
    }
    for name, select in glue.views(table, None).items():
        found[logical_id(name)] = _view(table, name, select)
    return found


def _view(table: Table, name: str, select: str) -> dict[str, Any]:
    described = glue.view(table, name, select, CATALOG, "")
    # Base64 by the stack: the name of the database within is known only there.
    text = filled_in(glue.told(table, select, CATALOG, "${Database}"), "Database")
    described["ViewOriginalText"] = {
        "Fn::Sub": ["/* Presto View: ${Text} */", {"Text": {"Fn::Base64": text}}]
    }
    return _table(described)


def _table(described: dict[str, Any]) -> dict[str, Any]:
    return {
        "Type": "AWS::Glue::Table",
        "Properties": {
            "CatalogId": {"Ref": "AWS::AccountId"},
            "DatabaseName": {"Ref": "Database"},
            "TableInput": described,
        },
    }
