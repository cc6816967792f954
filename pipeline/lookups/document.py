"""ip-ranges.json: the address ranges that AWS publishes of itself.

It is outside data: what is used of it has to be as it is declared, whatever else stands there is
left alone, since AWS adds fields.

Source: Amazon VPC User Guide, "AWS IP address ranges", syntax of the JSON file.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Annotated

import msgspec
from msgspec import Meta

from pipeline.enrich.aws_ranges import EVERY
from pipeline.errors import InputError

LONGEST_BYTES = 16 << 20
# AWS has about 15,000; a tenth of that is no list of AWS's, and a hundred times as much neither.
FEWEST, MOST = 500, 200_000
# A range wider than AWS has any would give other people's addresses a service.
WIDEST = {4: 8, 6: 16}
EXPECTED = (EVERY, "EC2", "S3")
DATED = "%Y-%m-%d-%H-%M-%S"

Service = Annotated[str, Meta(pattern=r"\A[A-Z0-9_]{1,64}\Z")]
Token = Annotated[str, Meta(pattern=r"\A[0-9]{1,18}\Z")]
Date = Annotated[str, Meta(pattern=r"\A[0-9]{4}(-[0-9]{2}){5}\Z")]


class _Prefix(msgspec.Struct, frozen=True):
    ip_prefix: Annotated[str, Meta(max_length=18)]
    service: Service


class _Prefix6(msgspec.Struct, frozen=True):
    ipv6_prefix: Annotated[str, Meta(max_length=43)]
    service: Service


class _Document(msgspec.Struct, frozen=True):
    syncToken: Token
    createDate: Date
    prefixes: Annotated[list[_Prefix], Meta(max_length=MOST)]
    ipv6_prefixes: Annotated[list[_Prefix6], Meta(max_length=MOST)]


class Published(msgspec.Struct, frozen=True):
    """What is used of a document: when it was published, and the prefixes of each service."""

    token: str
    created: str
    prefixes: dict[str, list[str]]

    @property
    def count(self) -> int:
        """How many prefixes there are."""
        return sum(map(len, self.prefixes.values()))


def published(content: bytes, where: str) -> Published:
    """Read a document.

    Raises InputError for one that is not as AWS's is, or too small to be one.
    """
    if len(content) > LONGEST_BYTES:
        raise _refused(f"it is longer than {LONGEST_BYTES:,} bytes", where)
    try:
        found = msgspec.json.decode(content, type=_Document)
        created = datetime.strptime(found.createDate, DATED).replace(tzinfo=UTC)
    # Bytes that are no UTF-8 are a ValueError, arrays in arrays a RecursionError.
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _refused(_short(str(error)), where) from error
    prefixes: dict[str, list[str]] = defaultdict(list)
    for service, prefix, version in _pairs(found):
        if wrong := _wrong(prefix, version):
            raise _refused(wrong, where)
        # As every other writing of it: with a length and not a mask, say.
        prefixes[service].append(str(ip_network(prefix)))
    read = Published(
        found.syncToken,
        f"{created:%Y-%m-%dT%H:%M:%SZ}",
        {name: sorted(set(prefixes[name])) for name in sorted(prefixes)},
    )
    _check_plausible(read, where)
    return read


def _pairs(found: _Document) -> Iterator[tuple[str, str, int]]:
    yield from ((each.service, each.ip_prefix, 4) for each in found.prefixes)
    yield from ((each.service, each.ipv6_prefix, 6) for each in found.ipv6_prefixes)


def _wrong(prefix: str, version: int) -> str:
    """Why a prefix cannot be one of AWS's; "" where it can."""
    try:
        network = ip_network(prefix)
    except ValueError as error:
        return _short(str(error))
    if "/" not in prefix or network.version != version:
        return f"{_short(prefix)!r} is no IPv{version} prefix"
    if network.prefixlen < WIDEST[version]:
        return f"{prefix} is wider than any range of AWS's"
    return ""


def _check_plausible(read: Published, where: str) -> None:
    if read.count < FEWEST:
        raise _refused(f"it has {read.count:,} ranges, and AWS has thousands", where)
    if read.count > MOST:
        raise _refused(f"it has more than {MOST:,} ranges", where)
    missing = [name for name in EXPECTED if name not in read.prefixes]
    if missing:
        raise _refused(f"it has no range of {', '.join(missing)}", where)


def _refused(why: str, where: str) -> InputError:
    return InputError(
        f"the address ranges are refused: {why}",
        f"in {where}",
        "it has to be AWS's ip-ranges.json; what was kept before stays",
    )


def _short(text: str) -> str:
    return text[:200]
