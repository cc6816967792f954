"""Rows of a flow table made from what a test says of them, enriched."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from pipeline.enrich import Enricher, Lookups
from pipeline.enrich.networks import Network, Networks
from pipeline.sources.vpc_flow import TABLE

NETWORKS = (
    Network("203.0.113.0/24", "office"),
    Network("10.0.0.0/16", "ireland"),
    Network("10.0.1.0/24", "web-a", "euw1-az1", "vpc-1", "eu-west-1"),
    Network("10.0.2.0/24", "web-b", "euw1-az2", "vpc-1", "eu-west-1"),
    Network("10.8.1.0/24", "frankfurt", "euc1-az1", "vpc-8", "eu-central-1"),
    Network("10.9.0.0/16", "sweden", region="eu-north-1"),
    Network("2001:db8:1::/64", "web-a6", "euw1-az1", "vpc-1", "eu-west-1"),
)
LOOKUPS = Lookups(Networks.of(NETWORKS))


def enriched(
    rows: Sequence[Mapping[str, Any]],
    *enrichers: Enricher,
    columns: Sequence[str] | None = None,
    lookups: Lookups = LOOKUPS,
) -> list[dict[str, Any]]:
    """The rows with the columns of the enrichers; `columns`: those of the format."""
    names = columns or list(dict.fromkeys(name for row in rows for name in row))
    arrays = []
    for name in names:
        array = pa.array([row.get(name) for row in rows], TABLE[name].type.arrow)
        # As the parser gives text.
        arrays.append(array.dictionary_encode() if array.type == pa.string() else array)
    table = pa.table(arrays, names)
    for enricher in enrichers:
        table = enricher.add(table, lookups)
        added = [field.name for field in enricher.fields]
        assert table.column_names[len(table.column_names) - len(added) :] == added
    found: list[dict[str, Any]] = table.to_pylist()
    return found
