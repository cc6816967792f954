"""Both ends of a flow: class, network, direction, second sight."""

from typing import Any

import pytest

from pipeline.enrich.endpoints import ENRICHER, FIELDS
from tests.enrich.rows import enriched


def one(**row: Any) -> dict[str, Any]:
    (found,) = enriched([row], ENRICHER)
    return found


@pytest.mark.parametrize(
    ("src", "dst", "direction"),
    [
        ("10.0.1.7", "10.0.2.7", "internal"),
        ("10.0.1.7", "192.0.2.1", "egress"),
        ("192.0.2.1", "10.0.1.7", "ingress"),
        ("192.0.2.1", "198.51.100.1", "external"),
        ("10.0.1.7", "203.0.113.5", "internal"),  # public, but one of ours
        ("203.0.113.5", "192.0.2.1", "egress"),
        ("192.168.0.1", "192.0.2.1", "egress"),  # private, but not one of ours
        ("169.254.169.254", "10.0.1.7", "internal"),
        ("10.0.1.7", "224.0.0.251", "internal"),
        ("0.0.0.1", "255.255.255.255", "internal"),
        ("fd00::1", "2606:4700::1111", "egress"),
        ("2606:4700::1111", "2001:db8:1::7", "ingress"),
        ("2001:db8:1::7", "2001:db8:1::8", "internal"),
        ("2001:db8:2::7", "2001:db8:3::8", "external"),
        ("::ffff:10.0.0.1", "192.0.2.1", "egress"),
        (None, "10.0.1.7", None),
        ("10.0.1.7", None, None),
        (None, None, None),
    ],
)
def test_the_direction_is_told_by_the_ends(src: str, dst: str, direction: str | None) -> None:
    assert one(srcaddr=src, dstaddr=dst)["direction"] == direction


def test_the_class_and_the_network_of_each_end() -> None:
    row = one(srcaddr="10.0.1.7", dstaddr="2606:4700::1111")
    assert (row["src_class"], row["src_network"]) == ("private", "web-a")
    assert (row["dst_class"], row["dst_network"]) == ("public", None)
    row = one(srcaddr="10.0.9.7", dstaddr=None)
    assert (row["src_class"], row["src_network"]) == ("private", "ireland")
    assert (row["dst_class"], row["dst_network"]) == (None, None)


@pytest.mark.parametrize(
    ("flow_direction", "src", "seen"),
    [
        ("ingress", "10.0.1.7", True),
        ("ingress", "2001:db8:1::7", True),
        ("ingress", "203.0.113.5", True),
        ("ingress", "192.0.2.1", False),
        ("ingress", "192.168.0.1", False),  # private, but nobody logs it
        ("ingress", None, False),
        ("egress", "10.0.1.7", False),
        ("egress", "192.0.2.1", False),
        (None, "10.0.1.7", None),
    ],
)
def test_an_ingress_row_from_a_known_network_is_a_second_sight(
    flow_direction: str | None, src: str | None, seen: bool | None
) -> None:
    row = one(srcaddr=src, dstaddr="10.0.2.7", flow_direction=flow_direction)
    assert row["second_sight"] is seen


def test_without_a_flow_direction_in_the_format_nothing_is_a_second_sight() -> None:
    assert one(srcaddr="10.0.1.7", dstaddr="10.0.2.7")["second_sight"] is None


def test_a_format_without_addresses_gives_nulls() -> None:
    row = one(bytes=7)
    assert [row[field.name] for field in FIELDS] == [None] * 6


def test_rows_do_not_mix() -> None:
    rows = [
        {"srcaddr": "10.0.1.7", "dstaddr": "192.0.2.1"},
        {"srcaddr": None, "dstaddr": None},
        {"srcaddr": "192.0.2.1", "dstaddr": "10.0.1.7"},
        {"srcaddr": "10.0.1.7", "dstaddr": "192.0.2.1"},
    ]
    directions = [row["direction"] for row in enriched(rows, ENRICHER)]
    assert directions == ["egress", None, "ingress", "egress"]


def test_no_rows_stay_no_rows() -> None:
    assert enriched([], ENRICHER, columns=["srcaddr", "dstaddr", "flow_direction"]) == []
