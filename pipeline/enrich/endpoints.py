"""Both ends of a flow: address class, named network, direction, second sight."""

import numpy as np
import pyarrow as pa

from pipeline.enrich import Enricher, Lookups
from pipeline.enrich.addresses import CLASS_NAMES, PUBLIC, Packed, class_ranges
from pipeline.enrich.columns import by_code, coded, named, with_columns
from pipeline.schema import Field, OneOf, Type

DIRECTIONS = ("internal", "egress", "ingress", "external")
_CLASSES = class_ranges()
_PUBLIC = CLASS_NAMES.index(PUBLIC)

FIELDS = (
    Field("src_class", Type.VARCHAR, "Kind of srcaddr.", domain=OneOf(CLASS_NAMES)),
    Field("dst_class", Type.VARCHAR, "Kind of dstaddr.", domain=OneOf(CLASS_NAMES)),
    Field("src_network", Type.VARCHAR, "Named network of srcaddr; the longest prefix wins."),
    Field("dst_network", Type.VARCHAR, "Named network of dstaddr; the longest prefix wins."),
    Field(
        "direction",
        Type.VARCHAR,
        "From the two ends: an end is inside when it is not public or lies in a named network.",
        domain=OneOf(DIRECTIONS),
    ),
    Field(
        "second_sight",
        Type.BOOLEAN,
        "True on an ingress row whose source lies in a named network: the other end logged the"
        " flow too. Null without flow_direction. Sums that count an accepted flow once say"
        " second_sight IS DISTINCT FROM true.",
    ),
)


def add(rows: pa.Table, lookups: Lookups) -> pa.Table:
    """Add the columns; null where an address is null."""
    classes, networks = {}, {}
    for end in ("srcaddr", "dstaddr"):
        uniques, codes = coded(rows, end)
        addresses = Packed.of(uniques)
        kinds = _CLASSES.find(addresses)
        kinds[kinds < 0] = _PUBLIC
        classes[end] = by_code(kinds, codes)
        networks[end] = by_code(lookups.networks.ranges.find(addresses), codes)
    names = pa.array([network.name for network in lookups.networks.known], pa.string())
    return with_columns(
        rows,
        [field.name for field in FIELDS],
        [
            named(classes["srcaddr"], CLASS_NAMES),
            named(classes["dstaddr"], CLASS_NAMES),
            named(networks["srcaddr"], names),
            named(networks["dstaddr"], names),
            named(_direction(classes, networks), DIRECTIONS),
            _second_sight(rows, networks["srcaddr"]),
        ],
    )


def _direction(classes: dict[str, np.ndarray], networks: dict[str, np.ndarray]) -> np.ndarray:
    inside = {end: (classes[end] != _PUBLIC) | (networks[end] >= 0) for end in classes}
    # internal 0, egress 1, ingress 2, external 3: one bit for each end that lies outside.
    codes = (~inside["dstaddr"]).astype(np.int32) + 2 * (~inside["srcaddr"]).astype(np.int32)
    unknown = (classes["srcaddr"] < 0) | (classes["dstaddr"] < 0)
    return np.where(unknown, np.int32(-1), codes)


def _second_sight(rows: pa.Table, source_network: np.ndarray) -> pa.Array:
    uniques, codes = coded(rows, "flow_direction")
    ingress = np.array([word == "ingress" for word in uniques.to_pylist()] + [False], bool)
    return pa.array(ingress[codes] & (source_network >= 0), mask=codes < 0)


ENRICHER = Enricher(FIELDS, add)
