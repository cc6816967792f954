"""Names for protocol numbers, ports and flags."""

from typing import Any

import pytest

from pipeline.enrich.protocols import ENRICHER
from tests.enrich.rows import enriched


def one(**row: Any) -> dict[str, Any]:
    (found,) = enriched([row], ENRICHER)
    return found


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (0, "HOPOPT"),
        (1, "ICMP"),
        (6, "TCP"),
        (17, "UDP"),
        (58, "IPv6-ICMP"),
        (132, "SCTP"),
        (253, None),
        (255, None),
        (None, None),
    ],
)
def test_a_protocol_has_its_iana_keyword(number: int | None, name: str | None) -> None:
    assert one(protocol=number)["protocol_name"] == name


@pytest.mark.parametrize(
    ("srcport", "dstport", "service"),
    [
        (49152, 443, "https"),
        (443, 49152, "https"),
        (22, 443, "ssh"),
        (443, 22, "ssh"),
        (7, 443, "https"),  # the smaller has no name
        (8443, 65535, "https-alt"),
        (5432, 5432, "postgresql"),
        (40000, 50000, None),
        (0, 0, None),
        (0, 53, "dns"),
        (None, 53, "dns"),
        (53, None, "dns"),
        (None, None, None),
        (65535, 65535, None),
    ],
)
def test_the_service_is_that_of_the_smaller_port_else_of_the_larger(
    srcport: int | None, dstport: int | None, service: str | None
) -> None:
    assert one(srcport=srcport, dstport=dstport)["service"] == service


@pytest.mark.parametrize(
    ("flags", "names"),
    [
        (0, ""),
        (1, "FIN"),
        (2, "SYN"),
        (3, "FIN|SYN"),
        (4, "RST"),
        (18, "SYN|ACK"),
        (19, "FIN|SYN|ACK"),
        (128, "CWR"),
        (255, "FIN|SYN|RST|PSH|ACK|URG|ECE|CWR"),
        (None, None),
    ],
)
def test_flags_are_named_bit_by_bit(flags: int | None, names: str | None) -> None:
    assert one(tcp_flags=flags)["tcp_flag_names"] == names


def test_a_format_without_numbers_gives_nulls() -> None:
    row = one(srcaddr="10.0.1.7")
    assert (row["protocol_name"], row["service"], row["tcp_flag_names"]) == (None, None, None)
