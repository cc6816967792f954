r"""Whose data is erased: an address or a visitor, and every spelling that a log may have of it.

One regular expression finds it, the same one in Python, DuckDB (RE2) and Trino (Joni): so there is
no lookaround in it, and no repetition without a bound. Few addresses need more than 1,024
characters of it, which is what a value bound by Athena may have.

An address is found by its value: with and without leading zeros, `::` wherever it may stand, the
last 32 bits as IPv4, letters of either case, colons percent-encoded, an IPv4 address mapped into
IPv6, and as a name of the reverse DNS. In text it counts where it is a whole word: behind it may
follow a port, a zone, a dot at the end of a sentence, before it stand a word and a colon.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from itertools import groupby

from pipeline.errors import UsageError
from pipeline.schema import Domain

SHOWN = 100
VISITOR = re.compile(r"[0-9A-Za-z_-]{8,128}")
V4_BITS, V6_GROUPS = 32, 8
_COLON, _ZERO = "(?::|%3a)", "0{1,4}"
# What may stand before a word: the start, no part of a word, a percent-encoded character (also one
# that was encoded again), an escape of JSON or of C, a colour of a terminal as it is or escaped.
_START = "^"
_HEX = "[0-9A-Fa-f]"
_ENCODED = f"%(?:25){{0,3}}{_HEX}{{2}}"
_ESCAPED = rf"\\(?:[abefnrtv0]|u{_HEX}{{4}}|x{_HEX}{{2}})"
_COLOUR = r"(?:\x1b|\\u001[bB]|\\x1[bB]|\\033|#033)\[[0-9;]{0,16}m"
_ESCAPES = f"{_ENCODED}|{_ESCAPED}|{_COLOUR}"
# A word and its colon before an IPv6 address; what could be a group of it is part of it.
_LABEL = "[g-z_-][0-9a-f]{0,4}:|[0-9a-f]{5}:"


@dataclass(frozen=True)
class Subject:
    """A person as the logs know one.

    kind    domain of the columns that hold nothing but such a subject
    value   in its one spelling
    whole   pattern of a column that is the subject
    within  pattern of text in which the subject is a word
    """

    kind: Domain
    value: str
    whole: str
    within: str

    @property
    def name(self) -> str:
        """What kind of subject it is, in a word."""
        return self.kind.name.lower()

    @cached_property
    def _bytes(self) -> re.Pattern[bytes]:
        return re.compile(self.within.encode("ascii"))

    @cached_property
    def _text(self) -> re.Pattern[str]:
        return re.compile(self.within, re.ASCII)

    def in_bytes(self, content: bytes) -> bool:
        """Whether the subject is a word of some bytes."""
        return self._bytes.search(content) is not None

    def in_text(self, text: str) -> bool:
        """Whether the subject is a word of a text."""
        return self._text.search(text) is not None


def of_visitor(text: str) -> Subject:
    """A visitor by the id that stands for one. Raises UsageError for what is none."""
    if not VISITOR.fullmatch(text):
        raise UsageError(
            f"no visitor is called {text[:SHOWN]!r}",
            "--visitor",
            "give the id as the logs have it: 8 to 128 letters, digits, - and _",
        )
    within = f"(?:{_START}|[^0-9A-Za-z_-]|{_ESCAPES}){text}(?:$|[^0-9A-Za-z_-])"
    return Subject(Domain.VISITOR, text, f"^{text}$", within)


def of_address(text: str) -> Subject:
    """An IPv4 or IPv6 address in any spelling. Raises UsageError for what is none."""
    address = _address(text)
    if isinstance(address, IPv4Address):
        return _of_ipv4(address)
    spellings = "|".join(_spellings(address))
    words = f"{spellings}|{re.escape(address.reverse_pointer)}"
    before = rf"(?:{_START}|[^0-9a-z:.]|\.\.|{_LABEL}|{_ESCAPES})"
    after = "(?:$|[^0-9a-z:.]|[:.](?:$|[^0-9a-z:.]))"
    return Subject(
        Domain.ADDRESS,
        str(address),
        f"(?i)^(?:{spellings})$",
        f"(?i){before}(?:{words}){after}",
    )


def _address(text: str) -> IPv4Address | IPv6Address:
    if "/" in text:
        raise UsageError(f"{text[:SHOWN]!r} is a network", "--ip", "erase its addresses one by one")
    if "%" in text:
        fix = "leave out what stands from the % on: it says something to one machine only"
        raise UsageError(f"{text[:SHOWN]!r} has a zone", "--ip", fix)
    try:
        return IPv4Address(text)
    except AddressValueError:
        pass
    try:
        address = IPv6Address(text)
    except AddressValueError as error:
        fix = "give one like 203.0.113.9 or 2001:db8::9, without port and brackets"
        raise UsageError(f"{text[:SHOWN]!r} is no address", "--ip", fix) from error
    return address.ipv4_mapped or address


def _of_ipv4(address: IPv4Address) -> Subject:
    dotted = re.escape(str(address))
    mapped = list(_spellings(IPv6Address(f"::ffff:{address}")))
    reverse = r"\.".join(reversed(str(address).split("."))) + r"\.in-addr\.arpa"
    # What ends with the dotted form behind a colon is found by that alone, also behind NAT64.
    words = "|".join([dotted, reverse, *(each for each in mapped if dotted not in each)])
    before = rf"(?:{_START}|[^0-9a-z.]|\.\.|{_ESCAPES})"
    after = r"(?:$|[^0-9a-z.]|\.(?:$|[^0-9a-z]))"
    within = f"(?i){before}(?:{words}){after}"
    return Subject(Domain.ADDRESS, str(address), _alone("|".join([dotted, *mapped])), within)


def _alone(spellings: str) -> str:
    # A column of addresses has no escapes.
    return f"(?i)^(?:{spellings.replace(_COLON, ':')})$"


def _spellings(address: IPv6Address) -> Iterator[str]:
    """Patterns of all ways to write an address (RFC 4291, section 2.2)."""
    number = int(address)
    groups = [number >> 16 * (V6_GROUPS - 1 - at) & 0xFFFF for at in range(V6_GROUPS)]
    dotted = re.escape(str(IPv4Address(number & (1 << V4_BITS) - 1)))
    yield from _compressed(groups, [])
    yield from _compressed(groups[:6], [dotted])


def _compressed(groups: Sequence[int], tail: Sequence[str]) -> Iterator[str]:
    """The address in full, and with :: somewhere in each run of zeros, be it one group long."""
    yield _joined(groups, tail)
    for first, end in _runs_of_zeros(groups):
        yield _with_gap(_ended(groups[:first]), end - first - 1, _joined(groups[end:], tail))


def _runs_of_zeros(groups: Sequence[int]) -> Iterator[tuple[int, int]]:
    at = 0
    for number, same in groupby(groups):
        end = at + len(list(same))
        if not number:
            yield at, end
        at = end


def _with_gap(left: str, more: int, right: str) -> str:
    """What stands before and behind ::, on either side of it some of the zeros, not all.

    As many on both sides as the run has but one lets through more than there are groups, which is
    no address at all; what is one has the same value.
    """
    zero = f"(?:{_ZERO}{_COLON})"
    some = f"{zero}{{0,{more}}}" if more else ""
    if left:
        before = f"{left}{some}{_COLON}"
    else:
        before = f"(?:{zero}{{1,{more}}}|{_COLON}){_COLON}" if more else _COLON + _COLON
    if right:
        return f"{before}{some}{right}"
    return before + (f"(?:{_ZERO}(?:{_COLON}{_ZERO}){{0,{more - 1}}})?" if more else "")


def _joined(groups: Sequence[int], tail: Sequence[str]) -> str:
    """Groups with colons between them, and what stands in the place of the last two."""
    last = [*tail] or [_group(each) for each in groups[-1:]]
    return _ended(groups if tail else groups[:-1]) + "".join(last)


def _ended(groups: Sequence[int]) -> str:
    """Groups, each with its colon."""
    parts = []
    for number, same in groupby(groups):
        count = len(list(same))
        one = f"{_group(number)}{_COLON}"
        parts.append(f"(?:{one}){{{count}}}" if count > 1 else one)
    return "".join(parts)


def _group(number: int) -> str:
    digits = f"{number:x}"
    if not number:
        return _ZERO
    zeros = ("", "0?", "0{0,2}", "0{0,3}")[4 - len(digits)]
    return zeros + digits
