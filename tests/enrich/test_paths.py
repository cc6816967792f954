"""The path of a flow, rule by rule, and the bytes that are charged on it."""

from typing import Any

import pytest

from pipeline.enrich import Lookups, endpoints
from pipeline.enrich.networks import Networks
from pipeline.enrich.paths import CLASSES, ENRICHER
from tests.enrich.rows import enriched

A, B, FAR = "10.0.1.7", "10.0.2.7", "10.8.1.7"  # zones euw1-az1, euw1-az2, euc1-az1
BARE = "10.0.9.7"  # in a network of unknown zone
OUT = "192.0.2.1"

RULES: list[tuple[str, dict[str, Any], str | None]] = [
    # 1: the kind of interface, before all else
    ("1 nat", {"interface_type": "nat_gateway"}, "nat"),
    ("1 regional nat", {"interface_type": "regional_nat_gateway"}, "nat"),
    ("1 next hop nat", {"next_hop_interface_type": "nat_gateway"}, "nat"),
    ("1 next hop regional", {"next_hop_interface_type": "regional_nat_gateway"}, "nat"),
    ("1 transit", {"interface_type": "transit_gateway"}, "transit_gateway"),
    ("1 next hop transit", {"next_hop_interface_type": "transit_gateway"}, "transit_gateway"),
    (
        "1 nat before transit",
        {"interface_type": "transit_gateway", "next_hop_interface_type": "nat_gateway"},
        "nat",
    ),
    ("1 before 2", {"interface_type": "nat_gateway", "traffic_path": 8}, "nat"),
    ("1 other kinds say nothing", {"interface_type": "vpc_endpoint"}, None),
    ("1 load balancer", {"next_hop_interface_type": "network_load_balancer"}, None),
    # 2: the log's own path
    ("2 path 8", {"traffic_path": 8}, "internet"),
    ("2 path 7", {"traffic_path": 7}, "gateway_endpoint"),
    ("2 path 5", {"traffic_path": 5}, "cross_region"),
    ("2 path 4", {"traffic_path": 4}, "peering"),
    ("2 path 2", {"traffic_path": 2, "pkt_dst_aws_service": None}, "internet"),
    ("2 path 2 EC2", {"traffic_path": 2, "pkt_dst_aws_service": "EC2"}, "internet"),
    ("2 path 2 S3", {"traffic_path": 2, "pkt_dst_aws_service": "S3"}, "unknown"),
    ("2 path 2 DynamoDB", {"traffic_path": 2, "pkt_dst_aws_service": "DYNAMODB"}, "unknown"),
    ("2 path 8 S3", {"traffic_path": 8, "pkt_dst_aws_service": "S3"}, "internet"),
    ("2 path 3", {"traffic_path": 3}, "unknown"),
    ("2 path 6", {"traffic_path": 6}, "unknown"),
    ("2 before 4", {"traffic_path": 4, "srcaddr": A, "dstaddr": B}, "peering"),
    ("2 before 3", {"traffic_path": 3, "instance_id": None, "pkt_srcaddr": OUT}, "unknown"),
    ("2 path 9", {"traffic_path": 9}, None),
    ("2 path 0", {"traffic_path": 0}, None),
    # 3: translated at an interface of no instance
    ("3 source", {"instance_id": None, "srcaddr": A, "pkt_srcaddr": OUT}, "nat"),
    ("3 destination", {"instance_id": None, "dstaddr": A, "pkt_dstaddr": OUT}, "nat"),
    ("3 IPv6", {"instance_id": None, "srcaddr": "fd00::1", "pkt_srcaddr": "2600::1"}, "nat"),
    ("3 of an instance", {"instance_id": "i-1", "srcaddr": A, "pkt_srcaddr": OUT}, None),
    ("3 no instance_id", {"srcaddr": A, "pkt_srcaddr": OUT}, None),
    ("3 the same", {"instance_id": None, "srcaddr": OUT, "pkt_srcaddr": OUT}, None),
    ("3 both private", {"instance_id": None, "srcaddr": A, "pkt_srcaddr": FAR}, None),
    ("3 no flow address", {"instance_id": None, "srcaddr": None, "pkt_srcaddr": OUT}, None),
    ("3 no packet address", {"instance_id": None, "srcaddr": A, "pkt_srcaddr": None}, None),
    (
        "3 before 4",
        {"instance_id": None, "srcaddr": A, "dstaddr": B, "pkt_dstaddr": OUT},
        "nat",
    ),
    # 4: the zones of both ends
    ("4 one zone", {"srcaddr": A, "dstaddr": A}, "same_az"),
    ("4 two zones", {"srcaddr": A, "dstaddr": B}, "cross_az"),
    ("4 two regions", {"srcaddr": A, "dstaddr": FAR}, "cross_region"),
    ("4 across families", {"srcaddr": "2001:db8:1::7", "dstaddr": A}, "same_az"),
    ("4 one end only", {"srcaddr": A, "dstaddr": BARE}, None),
    ("4 to the outside", {"srcaddr": A, "dstaddr": OUT}, None),
    (
        "4 near source by the log",
        {"srcaddr": BARE, "dstaddr": B, "flow_direction": "egress", "az_id": "euw1-az2"},
        "same_az",
    ),
    (
        "4 near destination by the log",
        {"srcaddr": B, "dstaddr": BARE, "flow_direction": "ingress", "az_id": "euw1-az1"},
        "cross_az",
    ),
    (
        "4 the log does not tell the far end",
        {"srcaddr": B, "dstaddr": BARE, "flow_direction": "egress", "az_id": "euw1-az1"},
        None,
    ),
    ("4 no direction", {"srcaddr": BARE, "dstaddr": B, "az_id": "euw1-az2"}, None),
    (
        "4 the file wins over the log",
        {"srcaddr": A, "dstaddr": A, "flow_direction": "egress", "az_id": "euw1-az9"},
        "same_az",
    ),
    (
        "4 region of the near end by the log",
        {
            "srcaddr": BARE,
            "dstaddr": FAR,
            "flow_direction": "egress",
            "az_id": "euw1-az1",
            "region": "eu-west-1",
        },
        "cross_region",
    ),
    (
        "4 near end without a zone",
        {"srcaddr": BARE, "dstaddr": B, "flow_direction": "egress", "az_id": None},
        None,
    ),
    ("4 before 5", {"traffic_path": 1, "srcaddr": A, "dstaddr": B}, "cross_az"),
    # 5: inside the VPC, no more is known
    ("5 path 1", {"traffic_path": 1}, "unknown"),
    ("5 path 1, one zone known", {"traffic_path": 1, "srcaddr": A, "dstaddr": BARE}, "unknown"),
    # 6: nothing says anything
    ("6 nothing", {"bytes": 1}, None),
    ("6 no path", {"traffic_path": None}, None),
    ("6 addresses alone", {"srcaddr": OUT, "dstaddr": "198.51.100.7"}, None),
]


@pytest.mark.parametrize(("row", "path"), [case[1:] for case in RULES], ids=[c[0] for c in RULES])
def test_each_rule_gives_its_path(row: dict[str, Any], path: str | None) -> None:
    (found,) = enriched([row], endpoints.ENRICHER, ENRICHER)
    assert found["path_class"] == path


def test_rules_hold_row_by_row_in_one_batch() -> None:
    columns = list(dict.fromkeys(name for _, row, _ in RULES for name in row))
    # Where the format has a column, a row without it is null there: rule 3 then sees no instance.
    cases = [case for case in RULES if case[0] != "3 no instance_id"]
    found = enriched([row for _, row, _ in cases], endpoints.ENRICHER, ENRICHER, columns=columns)
    assert [row["path_class"] for row in found] == [path for _, _, path in cases]


def test_every_path_is_given_by_some_rule() -> None:
    assert {path for _, _, path in RULES} == {*CLASSES, None}


def test_without_a_networks_file_zones_are_not_known() -> None:
    lookups = Lookups(Networks.of())
    row = {"srcaddr": A, "dstaddr": B, "flow_direction": "egress", "az_id": "euw1-az1"}
    (found,) = enriched([row], endpoints.ENRICHER, ENRICHER, lookups=lookups)
    assert found["path_class"] is None


@pytest.mark.parametrize(
    ("row", "billed"),
    [
        ({"srcaddr": A, "dstaddr": B}, 4249),
        ({"srcaddr": A, "dstaddr": FAR}, 4249),
        ({"srcaddr": A, "dstaddr": A}, 0),
        ({"interface_type": "nat_gateway"}, 4249),
        ({"interface_type": "transit_gateway"}, 4249),
        ({"traffic_path": 4}, 4249),
        ({"traffic_path": 5}, 4249),
        ({"traffic_path": 7}, 0),
        ({"traffic_path": 3}, 0),
        ({"traffic_path": 8, "srcaddr": A, "dstaddr": OUT}, 4249),
        ({"traffic_path": 8, "srcaddr": OUT, "dstaddr": A}, 0),  # into AWS is free
        ({"traffic_path": 8}, 0),
        ({"traffic_path": 4, "action": "ACCEPT"}, 4249),
        ({"traffic_path": 4, "action": "REJECT"}, 0),
        ({"traffic_path": 4, "action": None}, 4249),
        ({"srcaddr": A, "dstaddr": OUT}, None),
        ({"traffic_path": 4, "bytes": None}, None),
    ],
)
def test_bytes_are_charged_where_aws_charges_by_volume(
    row: dict[str, Any], billed: int | None
) -> None:
    (found,) = enriched([{"bytes": 4249} | row], endpoints.ENRICHER, ENRICHER)
    assert found["billable_bytes"] == billed


def test_a_format_without_bytes_has_no_charged_bytes() -> None:
    (found,) = enriched([{"traffic_path": 4}], endpoints.ENRICHER, ENRICHER)
    assert (found["path_class"], found["billable_bytes"]) == ("peering", None)
