"""One flow line, read the slow and plain way: the truth that the columnar parser is held to.

Row by row, standard library only, nothing of the product: whatever both agree on was written twice.
Source: Amazon VPC User Guide and AWS Transit Gateway guide, "Flow log records".
"""

import re
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass


def words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


VPC_BY_VERSION = {
    2: words(
        "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes"
        " start end action log-status"
    ),
    3: words("vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr"),
    4: words("region az-id sublocation-type sublocation-id"),
    5: words("pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path"),
    7: words(
        "ecs-cluster-arn ecs-cluster-name ecs-container-instance-arn ecs-container-instance-id"
        " ecs-container-id ecs-second-container-id ecs-service-name ecs-task-definition-arn"
        " ecs-task-arn ecs-task-id"
    ),
    8: words("reject-reason"),
    9: words("resource-id"),
    10: words("encryption-status"),
    11: words(
        "instance-tag instance-tag-2 interface-tag interface-tag-2 asg-tag asg-tag-2"
        " interface-type next-hop-interface-id next-hop-subnet-id next-hop-az-id next-hop-vpc-id"
        " next-hop-interface-type"
    ),
}
VPC_DEFAULT = VPC_BY_VERSION[2]
TGW_DEFAULT = words(
    "version resource-type account-id tgw-id tgw-attachment-id"
    " tgw-src-vpc-account-id tgw-dst-vpc-account-id tgw-src-vpc-id tgw-dst-vpc-id"
    " tgw-src-subnet-id tgw-dst-subnet-id tgw-src-eni tgw-dst-eni tgw-src-az-id tgw-dst-az-id"
    " tgw-pair-attachment-id srcaddr dstaddr srcport dstport protocol packets bytes start end"
    " log-status type packets-lost-no-route packets-lost-blackhole packets-lost-mtu-exceeded"
    " packets-lost-ttl-expired tcp-flags region flow-direction"
    " pkt-src-aws-service pkt-dst-aws-service"
)
VPC_FIELDS = frozenset(name for names in VPC_BY_VERSION.values() for name in names)
TGW_FIELDS = frozenset(TGW_DEFAULT)

BIGGEST = 10**18 - 1
DAY_MS = 86_400_000
CONTROL = re.compile(rb"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Row:
    """The format's known columns, times as epoch ms; `extra` holds its unknown fields, if any."""

    columns: dict[str, int | str | None]
    event_time: int | None
    extra: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Reject:
    """A line that can never be a row; no `column` when the fault is not in one column."""

    reason: str
    column: str | None = None


@dataclass(frozen=True, slots=True)
class Drop:
    """A line that is no flow and no fault: `blank` or `header`."""

    name: str


Outcome = Row | Reject | Drop


class Bad(Exception):
    """A reject on its way out: its reason and, where there is one, its column."""


def read(
    line: bytes,
    fields: tuple[str, ...],
    arrival_ms: int,
    timestamp_ms: int | None = None,
    *,
    known: frozenset[str] = VPC_FIELDS,
    max_line_bytes: int = 1 << 20,
    need_time: bool = True,
) -> Outcome:
    """Read one line of the format `fields`; `timestamp_ms` is CloudWatch's, where there is one.

    `need_time=False` is for `tailrace parse`, which prints null for the time of a line without one.
    """
    if len(line) > max_line_bytes:
        return Reject("too_long")
    if not line.strip(b" "):
        return Drop("blank")
    try:
        texts = split(line)
        if is_header(texts, known):
            return Drop("header")
        if len(texts) != len(fields):
            raise Bad("field_count")
        columns, extra = read_columns(texts, fields, arrival_ms, known)
        event_time = time_of(columns, arrival_ms, timestamp_ms)
        if event_time is None and need_time:
            raise Bad("no_time")
    except Bad as bad:
        return Reject(*bad.args)
    return Row(columns, event_time, extra or None)


def read_all(
    lines: Iterable[bytes],
    fields: tuple[str, ...],
    arrival_ms: int,
    *,
    known: frozenset[str] = VPC_FIELDS,
    need_time: bool = True,
) -> list[Outcome]:
    """Read the lines of one file or record: a header sets the format of the lines after it."""
    outcomes = []
    for line in lines:
        outcome = read(line, fields, arrival_ms, known=known, need_time=need_time)
        if outcome == Drop("header"):
            fields = split(line)
        outcomes.append(outcome)
    return outcomes


def split(line: bytes) -> tuple[str, ...]:
    if CONTROL.search(line):
        raise Bad("control_char")
    if line.startswith(b"\xef\xbb\xbf"):
        raise Bad("byte_order_mark")
    try:
        decoded = line.decode("utf-8")
    except UnicodeDecodeError:
        raise Bad("encoding") from None
    # Only 0x20 parts them: split() without it would also cut at NBSP, NEL and U+2028.
    return tuple(text for text in decoded.split(" ") if text)


def is_header(texts: tuple[str, ...], known: frozenset[str]) -> bool:
    known_count = sum(text in known for text in texts)
    return (
        known_count >= 2
        and all(re.fullmatch("[a-z][a-z0-9-]*", text) for text in texts)
        and len(set(texts)) == len(texts)
        and 2 * known_count >= len(texts)
    )


def read_columns(
    texts: tuple[str, ...], fields: tuple[str, ...], arrival_ms: int, known: frozenset[str]
) -> tuple[dict[str, int | str | None], dict[str, str]]:
    columns: dict[str, int | str | None] = {}
    extra = {}
    for field, text in zip(fields, texts, strict=True):
        if field not in known:
            if text != "-":
                extra[field] = text
            continue
        column = {"start": "start_time", "end": "end_time"}.get(field, field.replace("-", "_"))
        try:
            columns[column] = None if text == "-" else value(field, text, arrival_ms)
        except Bad as bad:
            raise Bad(*bad.args, column) from None
    return columns, extra


def time_of(
    columns: dict[str, int | str | None], arrival_ms: int, timestamp_ms: int | None
) -> int | None:
    for column in ("end_time", "start_time"):
        moment = columns.get(column)
        if isinstance(moment, int):
            return moment
    return None if timestamp_ms is None else possible(timestamp_ms, arrival_ms)


def value(field: str, text: str, arrival_ms: int) -> int | str:
    if field in ("start", "end"):
        number = integer(text, BIGGEST)
        return possible(number if number >= 100_000_000_000 else number * 1000, arrival_ms)
    if field in HIGHEST:
        return integer(text, HIGHEST[field])
    return TEXT_READERS.get(field, str)(text)


def integer(text: str, highest: int) -> int:
    if not re.fullmatch("-?[0-9]+", text):
        raise Bad("type")
    digits = text.lstrip("-").lstrip("0") or "0"
    # The length first: int() refuses more than 4,300 digits.
    if len(digits) > 18 or int(digits) > highest or (text[0] == "-" and digits != "0"):
        raise Bad("range")
    return int(digits)


def possible(moment_ms: int, arrival_ms: int) -> int:
    if not DAY_MS <= moment_ms <= arrival_ms + DAY_MS:
        raise Bad("time_range")
    return moment_ms


def address(text: str) -> str:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, text)
        except OSError:
            continue
        return text
    raise Bad("address")


def one_of(*allowed: str) -> Callable[[str], str]:
    def read_text(text: str) -> str:
        if text not in allowed:
            raise Bad("value")
        return text

    return read_text


def tag(text: str) -> str:
    raw = re.sub(b"%([0-9A-Fa-f]{2})", lambda hit: bytes([int(hit[1], 16)]), text.encode())
    try:
        decoded = raw.decode("utf-8")
    except UnicodeDecodeError:
        return text
    return text if CONTROL.search(raw) else decoded


HIGHEST = {
    **dict.fromkeys(words("srcport dstport"), 65_535),
    **dict.fromkeys(words("version protocol tcp-flags traffic-path encryption-status"), 255),
    **dict.fromkeys(words("packets bytes packets-lost-no-route packets-lost-blackhole"), BIGGEST),
    **dict.fromkeys(words("packets-lost-mtu-exceeded packets-lost-ttl-expired"), BIGGEST),
}
TEXT_READERS = {
    **dict.fromkeys(words("srcaddr dstaddr pkt-srcaddr pkt-dstaddr"), address),
    **dict.fromkeys(words("instance-tag instance-tag-2 interface-tag interface-tag-2"), tag),
    **dict.fromkeys(words("asg-tag asg-tag-2"), tag),
    "action": one_of("ACCEPT", "REJECT"),
    "log-status": one_of("OK", "NODATA", "SKIPDATA"),
    "type": one_of("IPv4", "IPv6", "EFA"),
    "flow-direction": one_of("ingress", "egress"),
}
