"""Rows of a query that Athena has answered.

Source: Amazon Athena API Reference, "GetQueryResults" (the first row is the header).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.aws import told

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient


@dataclass(frozen=True)
class Answers:
    """Answers of Athena."""

    client: "AthenaClient"

    def rows(self, query: str) -> Iterator[dict[str, str]]:
        """Rows of an answer as texts by column. Raises TailraceError where Athena has none."""
        names: list[str] = []
        with told("Athena", query):
            pages = self.client.get_paginator("get_query_results").paginate(QueryExecutionId=query)
            for page in pages:
                for row in page["ResultSet"]["Rows"]:
                    cells = [each.get("VarCharValue", "") for each in row["Data"]]
                    if not names:
                        names = cells
                        continue
                    yield dict(zip(names, cells, strict=True))
