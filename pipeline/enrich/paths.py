"""The path of a flow and the bytes on it that AWS charges by volume.

One row tells only what its own fields say, so the rule is a list; the first line that holds wins:

 1. interface_type or next_hop_interface_type is nat_gateway or regional_nat_gateway: nat;
    transit_gateway: transit_gateway
 2. traffic_path 8: internet; 7: gateway_endpoint; 5: cross_region; 4: peering;
    2: internet, but unknown towards S3 and DYNAMODB (it may be their gateway endpoint);
    3 and 6 (virtual private and local gateway): unknown
 3. at an interface without an instance, the packet's own address is public where the flow's is not:
    nat (only where the format has instance_id and that pkt_ address)
 4. both ends' zones are known: other regions: cross_region; one zone: same_az; else cross_az.
    A zone comes from the networks file, for the near end (src of an egress row, dst of an ingress
    row) also from the log's own az_id
 5. traffic_path 1 (another resource of the VPC) and no zone: unknown
 6. null: the fields do not say

Source: Amazon VPC User Guide, "Flow log records", traffic-path and interface-type.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.enrich import Enricher, Lookups
from pipeline.enrich.addresses import CLASS_NAMES, PUBLIC, Packed, class_ranges
from pipeline.enrich.columns import by_code, coded, named, numbers, with_columns
from pipeline.schema import Field, OneOf, Type

CLASSES = (
    "same_az",
    "cross_az",
    "cross_region",
    "internet",
    "nat",
    "gateway_endpoint",
    "peering",
    "transit_gateway",
    "unknown",
)
FIELDS = (
    Field(
        "path_class",
        Type.VARCHAR,
        "Path of the flow by the row's own fields and the networks file; null where they do not"
        " say. The rule stands in pipeline/enrich/paths.py.",
        domain=OneOf(CLASSES),
    ),
    Field(
        "billable_bytes",
        Type.INT64,
        "Bytes of an accepted flow on a path that AWS charges by volume (cross_az, cross_region,"
        " nat, peering, transit_gateway, internet when egress), else 0; null without path_class.",
        unit="bytes",
    ),
)
# Without one of these columns, and without named networks, no line of the rule can hold.
DECIDING = {"interface_type", "next_hop_interface_type", "traffic_path", "instance_id", "az_id"}
NOWHERE = -1
_NAT = ("nat_gateway", "regional_nat_gateway")
_TRANSIT = ("transit_gateway",)
_GATEWAY_SERVICES = ("S3", "DYNAMODB")
_CHARGED = [CLASSES.index(name) for name in ("cross_az", "cross_region", "nat", "peering")]
_CHARGED += [CLASSES.index("transit_gateway")]
_RANGES = class_ranges()
_PUBLIC = CLASS_NAMES.index(PUBLIC)


def add(rows: pa.Table, lookups: Lookups) -> pa.Table:
    """Add the columns; `endpoints` must have run before."""
    path = _paths(rows, lookups)
    names = [field.name for field in FIELDS]
    return with_columns(rows, names, [named(path, CLASSES), _billable(rows, path)])


def _paths(rows: pa.Table, lookups: Lookups) -> np.ndarray:
    """int32 class of each row; -1 where nothing tells."""
    path = np.full(len(rows), -1, np.int32)
    if not (DECIDING & {*rows.column_names} or lookups.networks.known):
        return path
    # The rule from its end to its start: what is nearer to the start overwrites.
    for name, holds in reversed(_rule(rows, lookups)):
        path[holds] = CLASSES.index(name)
    return path


def _rule(rows: pa.Table, lookups: Lookups) -> list[tuple[str, np.ndarray]]:
    via = numbers(rows, "traffic_path")
    to_gateway_service = _is(rows, "pkt_dst_aws_service", _GATEWAY_SERVICES)
    nat, transit = (
        _is(rows, "interface_type", words) | _is(rows, "next_hop_interface_type", words)
        for words in (_NAT, _TRANSIT)
    )
    return [
        ("nat", nat),
        ("transit_gateway", transit),
        ("internet", (via == 8) | ((via == 2) & ~to_gateway_service)),
        ("gateway_endpoint", via == 7),
        ("cross_region", via == 5),
        ("peering", via == 4),
        ("unknown", np.isin(via, (2, 3, 6))),
        ("nat", _translated(rows)),
        *_zones(rows, lookups),
        ("unknown", via == 1),
    ]


def _is(rows: pa.Table, name: str, words: tuple[str, ...]) -> np.ndarray:
    uniques, codes = coded(rows, name)
    hits = np.array([word in words for word in uniques.to_pylist()] + [False], bool)
    found: np.ndarray = hits[codes]
    return found


def _translated(rows: pa.Table) -> np.ndarray:
    found = np.zeros(len(rows), bool)
    if "instance_id" not in rows.column_names:
        return found
    for end in ("src", "dst"):
        inside = ~_is(rows, f"{end}_class", (PUBLIC,)) & (coded(rows, f"{end}_class")[1] >= 0)
        found |= _public(rows, f"pkt_{end}addr") & inside
    found &= coded(rows, "instance_id")[1] < 0
    return found


def _public(rows: pa.Table, name: str) -> np.ndarray:
    """True where a column holds a public address."""
    uniques, codes = coded(rows, name)
    kinds = _RANGES.find(Packed.of(uniques))
    public: np.ndarray = by_code(((kinds < 0) | (kinds == _PUBLIC)).astype(np.int32), codes) == 1
    return public


def _zones(rows: pa.Table, lookups: Lookups) -> tuple[tuple[str, np.ndarray], ...]:
    near = {
        "src": _is(rows, "flow_direction", ("egress",)),
        "dst": _is(rows, "flow_direction", ("ingress",)),
    }
    zone = {end: _places(rows, lookups, end, "az_id", near[end]) for end in near}
    region = {end: _places(rows, lookups, end, "region", near[end]) for end in near}
    zones = (zone["src"] != NOWHERE) & (zone["dst"] != NOWHERE)
    regions = (region["src"] != NOWHERE) & (region["dst"] != NOWHERE)
    return (
        ("cross_region", regions & (region["src"] != region["dst"])),
        ("same_az", zones & (zone["src"] == zone["dst"])),
        ("cross_az", zones),
    )


def _places(rows: pa.Table, lookups: Lookups, end: str, name: str, near: np.ndarray) -> np.ndarray:
    """int32 number of the zone or region of one end of each row; NOWHERE where nothing tells."""
    # The codes of src_network and dst_network are the places of the networks in `known`.
    _, network = coded(rows, f"{end}_network")
    own, own_codes = coded(rows, name)
    known = [getattr(each, name) for each in lookups.networks.known]
    numbered = {word: n for n, word in enumerate(sorted({*known, *own.to_pylist()} - {""}))}
    of_network, of_own = (
        np.array([*(numbered.get(word, NOWHERE) for word in words), NOWHERE], np.int32)
        for words in (known, own.to_pylist())
    )
    found: np.ndarray = of_network[network]
    return np.where((found == NOWHERE) & near, of_own[own_codes], found)


def _billable(rows: pa.Table, path: np.ndarray) -> pa.Array:
    if "bytes" not in rows.column_names or (path < 0).all():
        return pa.nulls(len(rows), pa.int64())
    egress = _is(rows, "direction", ("egress",))
    charged = np.isin(path, _CHARGED) | ((path == CLASSES.index("internet")) & egress)
    charged &= ~_is(rows, "action", ("REJECT",))
    sizes = rows["bytes"].combine_chunks()
    return pc.if_else(
        pa.array(path >= 0), pc.if_else(pa.array(charged), sizes, pa.scalar(0, pa.int64())), None
    )


ENRICHER = Enricher(FIELDS, add)
