"""AWS's services at both ends of a flow: what the log says stands, the rest is looked up."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from random import Random
from typing import Any

import pyarrow as pa
import pytest

from pipeline.enrich import Lookups, endpoints, paths, protocols, services
from pipeline.enrich.addresses import Packed
from pipeline.enrich.aws_ranges import AwsRanges
from pipeline.enrich.networks import Networks
from pipeline.lookups.document import published
from tests.enrich.rows import LOOKUPS, NETWORKS, enriched
from tests.lookups.ranges import as_json

RANGES = AwsRanges.of("a test's", published(as_json(), "here").prefixes)
WITH = Lookups(Networks.of(NETWORKS), RANGES)


def service_of(address: str) -> str | None:
    (label,) = RANGES.find(Packed.of(pa.array([address]))).tolist()
    return RANGES.services[label] if label >= 0 else None


@pytest.mark.parametrize(
    ("address", "service"),
    [
        ("198.19.1.1", "EC2"),
        # A range of EC2's and of S3's: S3 has fewer.
        ("198.19.7.1", "S3"),
        # AMAZON has a longer prefix, and has everything.
        ("198.19.7.200", "S3"),
        ("198.18.255.255", "CLOUDFRONT"),
        ("198.18.0.0", "CLOUDFRONT"),
        ("198.17.255.255", None),
        ("198.20.0.0", None),
        ("2001:db8:7::1", "S3"),
        ("2001:db8:8::1", "AMAZON"),
        ("2001:db9::1", None),
        ("::ffff:198.19.7.1", "S3"),
        ("10.0.0.1", None),
        ("-", None),
    ],
)
def test_an_address_belongs_to_the_service_with_the_narrowest_claim(
    address: str, service: str | None
) -> None:
    assert service_of(address) == service


def test_the_order_of_the_document_decides_nothing() -> None:
    given = {"EC2": ["198.19.0.0/24"], "AMAZON": ["198.19.0.0/24"], "WORKSPACES": ["198.19.0.0/24"]}
    for names in (list(given), list(reversed(given))):
        found = AwsRanges.of("", {name: given[name] for name in names})
        (label,) = found.find(Packed.of(pa.array(["198.19.0.1"]))).tolist()
        assert found.services[label] == "EC2"


def said(rows: list[dict[str, Any]]) -> list[tuple[str | None, str | None]]:
    return [(row["pkt_src_aws_service"], row["pkt_dst_aws_service"]) for row in rows]


def test_a_format_without_the_columns_has_them_looked_up() -> None:
    rows = [
        {"srcaddr": "10.0.1.5", "dstaddr": "198.19.7.9"},
        {"srcaddr": "198.18.3.4", "dstaddr": "10.0.1.5"},
        {"srcaddr": None, "dstaddr": "192.0.2.1"},
    ]
    found = enriched(rows, services.ENRICHER, lookups=WITH)
    assert said(found) == [(None, "S3"), ("CLOUDFRONT", None), (None, None)]


def test_what_the_log_says_stands_whatever_the_ranges_say() -> None:
    rows = [
        {"dstaddr": "198.19.7.9", "pkt_dst_aws_service": "DYNAMODB"},
        {"dstaddr": "198.19.7.9", "pkt_dst_aws_service": None},
        {"dstaddr": "192.0.2.1", "pkt_dst_aws_service": "S3"},
    ]
    found = enriched(rows, services.ENRICHER, lookups=WITH)
    assert [row["pkt_dst_aws_service"] for row in found] == ["DYNAMODB", "S3", "S3"]


def test_the_packet_s_own_address_goes_before_the_flow_s() -> None:
    rows = [
        {"dstaddr": "10.0.1.5", "pkt_dstaddr": "198.19.7.9"},
        {"dstaddr": "198.19.7.9", "pkt_dstaddr": "192.0.2.1"},
        {"dstaddr": "198.19.7.9", "pkt_dstaddr": None},
    ]
    found = enriched(rows, services.ENRICHER, lookups=WITH)
    assert [row["pkt_dst_aws_service"] for row in found] == ["S3", None, "S3"]


def test_without_ranges_nothing_is_added() -> None:
    assert enriched([{"dstaddr": "198.19.7.9"}], services.ENRICHER) == [{"dstaddr": "198.19.7.9"}]


def test_rows_of_a_whole_format_have_everything_else_as_without_ranges() -> None:
    row = {"srcaddr": "10.0.1.5", "dstaddr": "198.19.7.9", "srcport": 50_000, "dstport": 443}
    every = (endpoints.ENRICHER, protocols.ENRICHER, services.ENRICHER, paths.ENRICHER)
    (plain,) = enriched([row], *every, lookups=LOOKUPS)
    (found,) = enriched([row], *every, lookups=WITH)
    assert {name: found[name] for name in plain} == plain
    assert found["pkt_dst_aws_service"] == "S3"


def test_traffic_that_may_go_by_a_gateway_endpoint_is_not_called_internet() -> None:
    row = {"srcaddr": "10.0.1.5", "dstaddr": "198.19.7.9", "traffic_path": 2}
    every = (endpoints.ENRICHER, services.ENRICHER, paths.ENRICHER)
    assert enriched([row], *every, lookups=LOOKUPS)[0]["path_class"] == "internet"
    assert enriched([row], *every, lookups=WITH)[0]["path_class"] == "unknown"


@pytest.mark.parametrize("wrong", ["198.19.0.1/24", "nowhere", ""])
def test_a_prefix_that_is_none_is_told(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"host bits|does not appear"):
        AwsRanges.of("", {"S3": [wrong]})


@pytest.mark.parametrize("seed", range(20))
def test_a_look_up_is_what_the_rule_says_read_one_range_after_the_other(seed: int) -> None:
    dice = Random(seed)
    prefixes: dict[str, list[str]] = {}
    for _ in range(60):
        version, most = dice.choice([(4, 32), (6, 128)])
        length = dice.randrange(most - 8, most + 1)
        base = (0xC6120000 if version == 4 else 0x20010DB8 << 96) + dice.randrange(256)
        start = base >> (most - length) << (most - length)
        made = (IPv4Network if version == 4 else IPv6Network)((start, length))
        service = dice.choice(["AMAZON", "EC2", "S3", "CLOUDFRONT"])
        prefixes.setdefault(service, []).append(str(made))
    found = AwsRanges.of("", prefixes)
    sizes = {
        (service, version): sum(
            ip_network(each).num_addresses for each in mine if ip_network(each).version == version
        )
        for service, mine in prefixes.items()
        for version in (4, 6)
    }
    addresses = [IPv4Address(0xC6120000 + n) for n in range(256)]
    addresses += [IPv6Address((0x20010DB8 << 96) + n) for n in range(256)]
    labels = found.find(Packed.of(pa.array([str(each) for each in addresses]))).tolist()
    for address, label in zip(addresses, labels, strict=True):
        claims = [
            (service == "AMAZON", -network.prefixlen, sizes[service, network.version], service)
            for service, mine in prefixes.items()
            for network in map(ip_network, mine)
            if address in network
        ]
        expected = min(claims)[-1] if claims else None
        assert (found.services[label] if label >= 0 else None) == expected, address
