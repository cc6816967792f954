"""Every spelling of an address is that address, and no other address is."""

from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from pipeline.erase.subject import of_address, of_visitor
from pipeline.errors import UsageError

V4 = st.integers(0, (1 << 32) - 1).map(IPv4Address)
# Groups of nothing are what :: is about.
GROUP = st.one_of(st.just(0), st.integers(0, 0xFFFF))
V6 = st.lists(GROUP, min_size=8, max_size=8).map(
    lambda groups: IPv6Address(sum(g << 16 * (7 - at) for at, g in enumerate(groups)))
)


def spelled(draw: Any, address: IPv6Address) -> str:
    """One of the ways to write an address."""
    number = int(address)
    groups = [number >> 16 * (7 - at) & 0xFFFF for at in range(8)]
    widths = [draw(st.integers(1, 4)) for _ in groups]
    parts = [f"{group:0{width}x}" for group, width in zip(groups, widths, strict=True)]
    if draw(st.booleans()):
        parts[6:], groups = [str(IPv4Address(number & 0xFFFFFFFF))], groups[:6]
    runs = [
        (first, end)
        for first in range(len(groups))
        for end in range(first + 1, len(groups) + 1)
        if not any(groups[first:end])
    ]
    text = ":".join(parts)
    if runs and draw(st.booleans()):
        first, end = draw(st.sampled_from(runs))
        text = ":".join(parts[:first]) + "::" + ":".join(parts[end:])
    return text.upper() if draw(st.booleans()) else text


@given(st.data(), V6)
def test_any_spelling_of_an_ipv6_address_is_found(data: Any, address: IPv6Address) -> None:
    assume(address.ipv4_mapped is None)
    text = spelled(data.draw, address)
    assert IPv6Address(text) == address
    subject = of_address(str(address))
    assert of_address(text) == subject
    for shown in (text, f"[{text}]:443", f"from {text}, then", f'{{"ip":"{text}"}}', f"a={text}."):
        assert subject.in_text(shown), shown
        assert subject.in_bytes(shown.encode())
    assert subject.in_text(f"?ip={text.replace(':', '%3A')}&x=1")


@given(st.data(), V4)
def test_an_ipv4_address_is_found_where_it_is_mapped_into_ipv6(
    data: Any, address: IPv4Address
) -> None:
    text = spelled(data.draw, IPv6Address(f"::ffff:{address}"))
    subject = of_address(str(address))
    assert of_address(text) == subject
    assert subject.in_text(f"client {text}: hello")


@given(V4, V4)
@example(IPv4Address("10.0.0.1"), IPv4Address("110.0.0.1"))
@example(IPv4Address("10.0.0.1"), IPv4Address("10.0.0.10"))
def test_no_other_ipv4_address_is_found(one: IPv4Address, other: IPv4Address) -> None:
    assume(one != other)
    assert not of_address(str(one)).in_text(f"a {other}, {other}:80")


@given(st.data(), V6, V6)
@example(None, IPv6Address("::1"), IPv6Address("::1:1"))
@example(None, IPv6Address("2001:db8::1"), IPv6Address("2001:db8::1:0"))
@example(None, IPv6Address("::"), IPv6Address("1::"))
@example(None, IPv6Address("::"), IPv6Address("::1"))
def test_no_other_ipv6_address_is_found(data: Any, one: IPv6Address, other: IPv6Address) -> None:
    assume(one != other and one.ipv4_mapped is None)
    text = spelled(data.draw, other) if data is not None else str(other)
    assert not of_address(str(one)).in_text(f"a {text}, [{text}]:80")


@pytest.mark.parametrize(
    "text",
    [
        "203.0.113.9",
        "203.0.113.9:443",
        "203.0.113.9.",
        "203.0.113.9/32",
        "x=203.0.113.9&y",
        "ip%3D203.0.113.9%26",
        r"a\n203.0.113.9\nb",
        "client:203.0.113.9",
        "10.0.0.1,203.0.113.9",
        "9.113.0.203.in-addr.arpa.",
        "64:ff9b::203.0.113.9",
        "next=%2Fx%3Fip%253D203.0.113.9",
        r"\u003c203.0.113.9\u003e",
        r"\x00203.0.113.9",
        "\x1b[32m203.0.113.9\x1b[0m",
        r"\u001b[1;32m203.0.113.9",
        "#033[0m203.0.113.9",
        "...203.0.113.9...",
    ],
)
def test_an_address_is_found_as_a_word_of_a_text(text: str) -> None:
    assert of_address("203.0.113.9").in_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.",
        "\x1b[32m2001:db8::9\x1b[0m",
        r"\u003c2001:db8::9\u003e",
        "...2001:db8::9",
    ],
)
def test_an_ipv6_address_is_found_as_a_word_of_a_text(text: str) -> None:
    assert of_address("2001:db8::9").in_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "203.0.113.99",
        "1203.0.113.9",
        "203.0.113.9.5",
        "v203.0.113.9",
        "203.0.113.9th",
        "203-0-113-9",
    ],
)
def test_a_part_of_a_word_is_no_address(text: str) -> None:
    assert not of_address("203.0.113.9").in_text(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("203.0.113.0/24", "is a network"),
        ("2001:db8::/32", "is a network"),
        ("fe80::1%eth0", "has a zone"),
        ("203.0.113", "is no address"),
        ("203.0.113.09", "is no address"),
        ("[2001:db8::9]", "is no address"),
        ("203.0.113.9:80", "is no address"),
        ("example.com", "is no address"),
        ("", "is no address"),
        ("' OR 1=1 --", "is no address"),
    ],
)
def test_what_is_no_address_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        of_address(text)


@pytest.mark.parametrize(
    "text", ["", "short", "a" * 129, "abcdefgh'", "abc def gh", "abcdefgh\n", "%" * 9]
)
def test_what_is_no_visitor_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no visitor is called"):
        of_visitor(text)


def test_a_visitor_is_found_as_a_whole_word_alone() -> None:
    subject = of_visitor("5f2b8c01d3a94e67")
    assert subject.in_text("visitor=5f2b8c01d3a94e67; x")
    assert subject.in_text("\x1b[32m5f2b8c01d3a94e67")
    assert subject.in_text(r"\u003C5f2b8c01d3a94e67")
    assert not subject.in_text("5f2b8c01d3a94e67a")
    assert not subject.in_text("x-5f2b8c01d3a94e67")
    assert not subject.in_text("5F2B8C01D3A94E67")


@pytest.mark.parametrize(
    "text", ["203.0.113.9", "2001:db8::9", "fe80::1:2:3:4", "::1", "64:ff9b::1"]
)
def test_the_patterns_of_usual_addresses_can_be_bound_on_athena(text: str) -> None:
    subject = of_address(text)
    assert max(len(subject.whole), len(subject.within)) <= 1024
