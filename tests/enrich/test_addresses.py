"""Addresses and nested networks, held against Python's ipaddress as brute force."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.enrich.addresses import CLASS_NAMES, CLASSES, Packed, Ranges, class_ranges, packed

Network = IPv4Network | IPv6Network

# Few addresses and long prefixes nest and touch; edges of the whole space are where sums overflow.
v4_numbers = st.one_of(st.integers(0, 2**32 - 1), st.integers(0, 300), st.just(2**32 - 1))
v6_numbers = st.one_of(
    st.integers(0, 2**128 - 1),
    st.integers(0, 300),
    st.integers(2**128 - 300, 2**128 - 1),
    st.integers(0, 255).map(lambda byte: byte << 120),
    st.integers(0, 65_535).map(lambda word: 0x20010DB8 << 96 | word << 64),
)
v4_addresses = v4_numbers.map(IPv4Address)
v6_addresses = v6_numbers.map(IPv6Address)
v4_networks = st.builds(
    lambda number, prefix: ip_network((number >> (32 - prefix) << (32 - prefix), prefix)),
    v4_numbers,
    st.integers(0, 32) | st.integers(26, 32),
)
v6_networks = st.builds(
    lambda number, prefix: IPv6Network((number >> (128 - prefix) << (128 - prefix), prefix)),
    v6_numbers,
    st.integers(0, 128) | st.integers(122, 128),
)


def brute_force(networks: list[Network], address: IPv4Address | IPv6Address) -> int:
    """Label of the longest prefix, of equal ones the last; IPv4-mapped addresses are IPv4."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    found = [
        (network.prefixlen, label) for label, network in enumerate(networks) if address in network
    ]
    return max(found, default=(0, -1))[1]


def labels(networks: list[Network], texts: list[str | None]) -> list[int]:
    ranges = Ranges.of([(network, label) for label, network in enumerate(networks)])
    found: list[int] = ranges.find(Packed.of(pa.array(texts, pa.string()))).tolist()
    return found


@settings(max_examples=300)
@given(
    st.lists(st.one_of(v4_networks, v6_networks), max_size=12),
    st.lists(st.one_of(v4_addresses, v6_addresses), max_size=12),
)
def test_the_longest_prefix_wins(
    networks: list[Network], addresses: list[IPv4Address | IPv6Address]
) -> None:
    # The edges of each network and the addresses just beside them.
    for network in networks:
        first, last = int(network.network_address), int(network.broadcast_address)
        kind, top = type(network.network_address), 2**network.max_prefixlen
        addresses = addresses + [
            kind(at) for at in (first - 1, first, last, last + 1) if 0 <= at < top
        ]
    expected = [brute_force(networks, address) for address in addresses]
    assert labels(networks, [str(address) for address in addresses]) == expected


def test_nested_networks_close_where_they_end() -> None:
    networks = ["10.0.0.0/8", "10.0.1.0/24", "10.0.1.128/25", "10.0.2.0/24", "2001:db8::/32"]
    networks += ["2001:db8:1::/48"]
    texts = ["10.0.0.255", "10.0.1.0", "10.0.1.127", "10.0.1.128", "10.0.1.255", "10.0.2.0"]
    texts += ["10.0.3.0", "11.0.0.0", "2001:db8::1", "2001:db8:1::1", "2001:db8:2::1", "2001:db9::"]
    expected = [0, 1, 1, 2, 2, 3, 0, -1, 4, 5, 4, -1]
    assert labels([ip_network(each) for each in networks], texts) == expected


def test_a_network_may_end_or_begin_with_the_one_around_it() -> None:
    networks = ["10.0.0.0/24", "10.0.0.255/32", "10.0.0.0/32", "10.0.1.0/24"]
    texts = ["10.0.0.0", "10.0.0.1", "10.0.0.254", "10.0.0.255", "10.0.1.0", "10.0.2.0"]
    assert labels([ip_network(each) for each in networks], texts) == [2, 0, 0, 1, 3, -1]


@pytest.mark.parametrize("everything", ["0.0.0.0/0", "::/0"])
def test_a_network_may_be_the_whole_space(everything: str) -> None:
    network = ip_network(everything)
    edges = [str(network.network_address), str(network.broadcast_address)]
    assert labels([network], edges) == [0, 0]


def test_of_the_same_network_twice_the_later_one_wins() -> None:
    twice = [ip_network("10.0.0.0/8"), ip_network("10.0.0.0/8")]
    assert labels(twice, ["10.1.1.1", "11.0.0.0"]) == [1, -1]


def test_a_mapped_address_lies_where_its_ipv4_address_lies() -> None:
    assert labels([ip_network("10.0.0.0/8")], ["::ffff:10.1.1.1", "::ffff:11.1.1.1"]) == [0, -1]


def test_no_address_lies_nowhere() -> None:
    assert labels([ip_network("0.0.0.0/0")], [None, "", "x", "1.2.3", "1.2.3.4"]) == [
        *(-1, -1, -1, -1, 0),
    ]
    assert labels([], ["1.2.3.4", "::1", None]) == [-1, -1, -1]
    assert labels([ip_network("::/0")], []) == []


@given(st.one_of(v4_addresses, v6_addresses))
def test_an_address_is_packed_as_python_packs_it(address: IPv4Address | IPv6Address) -> None:
    assert packed(pa.array([str(address)])) == [address.packed]
    assert packed(pa.array([address.exploded.upper()])) == [address.packed]


@given(st.text("0123456789abcdefABCDEF.:%/[] xX\u0661", max_size=20))
def test_no_text_is_an_address_that_is_none_to_python(text: str) -> None:
    (found,) = packed(pa.array([text]))
    try:
        expected = ip_address(text).packed if "%" not in text else None
    except ValueError:
        expected = None
    assert found == expected


@pytest.mark.parametrize(
    "text",
    [
        *("010.1.2.3", "1.2.3", "1.2.3.4.5", "1.2.3.4 ", " 1.2.3.4", "1.2.3.256", "0x7f.1", "1"),
        *(
            "::1%eth0",
            "fe80::1%1",
            "[::1]",
            "1::2::3",
            ":::",
            "12345::",
            "::ffff:1.2.3",
            "1.2.3.4\0",
        ),
        *("", "-", "localhost", "\u0661.1.1.1", "1.2.3.4\n", "10.0.0.0/8"),
    ],
)
def test_what_only_looks_like_an_address_is_none(text: str) -> None:
    assert packed(pa.array([text])) == [None]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("8.8.8.8", "public"),
        ("203.0.113.12", "public"),  # for documentation: the outside in examples
        ("2001:db8::1", "public"),
        ("2606:4700::1111", "public"),
        ("9.255.255.255", "public"),
        ("10.0.0.0", "private"),
        ("10.255.255.255", "private"),
        ("11.0.0.0", "public"),
        ("172.15.255.255", "public"),
        ("172.16.0.0", "private"),
        ("172.31.255.255", "private"),
        ("172.32.0.0", "public"),
        ("192.168.0.1", "private"),
        ("192.169.0.0", "public"),
        ("100.64.0.0", "private"),
        ("100.127.255.255", "private"),
        ("100.128.0.0", "public"),
        ("fc00::1", "private"),
        ("fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "private"),
        ("fe00::", "public"),
        ("169.254.169.254", "link_local"),
        ("fe80::1", "link_local"),
        ("febf::1", "link_local"),
        ("fec0::1", "public"),
        ("127.0.0.1", "loopback"),
        ("::1", "loopback"),
        ("::2", "public"),
        ("224.0.0.1", "multicast"),
        ("239.255.255.255", "multicast"),
        ("ff02::1", "multicast"),
        ("0.0.0.1", "reserved"),
        ("0.255.255.255", "reserved"),
        ("240.0.0.0", "reserved"),
        ("255.255.255.255", "reserved"),
        ("::", "reserved"),
        ("::ffff:10.0.0.1", "private"),
        ("::ffff:8.8.8.8", "public"),
    ],
)
def test_the_class_of_an_address(text: str, name: str) -> None:
    (label,) = class_ranges().find(Packed.of(pa.array([text]))).tolist()
    assert CLASS_NAMES[label] == name if label >= 0 else name == "public"


@given(st.one_of(v4_addresses, v6_addresses))
def test_classes_are_those_of_the_declared_networks(address: IPv4Address | IPv6Address) -> None:
    networks = [ip_network(cidr) for cidr, _ in CLASSES]
    place = brute_force(networks, address)
    (label,) = class_ranges().find(Packed.of(pa.array([str(address)]))).tolist()
    assert label == (CLASS_NAMES.index(CLASSES[place][1]) if place >= 0 else -1)
