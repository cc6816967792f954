"""The base: what a flow log processor costs when it is written row by row in plain Python.

No cache and no library but the standard one. It is the yardstick, so it stays as it is: making it
faster makes every older figure incomparable.
"""

import base64
import gzip
import ipaddress
import json
import time
from collections.abc import Iterable, Iterator
from typing import Any

from bench.digest import Digest

MAX_RECORD_BYTES = 1_000 * 1024  # Firehose's limit of one record

V2_FORMAT = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes "
    "start end action log-status"
)
V5_FORMAT = (
    "version srcaddr dstaddr srcport dstport protocol start end type packets bytes account-id "
    "vpc-id subnet-id instance-id interface-id region az-id sublocation-type sublocation-id "
    "action tcp-flags pkt-srcaddr pkt-dstaddr pkt-src-aws-service pkt-dst-aws-service "
    "traffic-path flow-direction log-status"
)
# The default of FlowLogFormat in infra/template.yaml.
STACKS_FORMAT = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes "
    "start end action log-status vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr "
    "pkt-dstaddr region az-id pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path"
)
INTEGER_COLUMNS = "version srcport dstport protocol packets bytes start end tcp_flags traffic_path"
V2, V5 = tuple(V2_FORMAT.split()), tuple(V5_FORMAT.split())
STACKS = tuple(STACKS_FORMAT.split())
INTEGERS = frozenset(INTEGER_COLUMNS.split())

NETWORKS = tuple(
    ipaddress.ip_network(block)
    for block in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "127.0.0.0/8",
    )
)
PROTOCOLS = {1: "ICMP", 6: "TCP", 17: "UDP", 47: "GRE", 50: "ESP", 58: "IPv6-ICMP"}
SERVICES = {
    443: "https",
    80: "http",
    53: "dns",
    22: "ssh",
    3306: "mysql",
    5432: "postgresql",
    6379: "redis",
    8080: "http-alt",
    123: "ntp",
    3389: "rdp",
    23: "telnet",
    445: "smb",
    9092: "kafka",
    27017: "mongodb",
    25: "smtp",
    5060: "sip",
    1433: "mssql",
    11211: "memcached",
    2049: "nfs",
}
DIRECTIONS = {
    ("private", "private"): "internal",
    ("private", "public"): "egress",
    ("public", "private"): "ingress",
    ("public", "public"): "external",
}


def process(payloads: Iterable[str], columns: Iterable[str] = V2) -> list[bytes]:
    """Turn one invocation's base64 payloads into NDJSON records of at most 1,000 KiB."""
    names = column_names(columns)
    lines = []
    for payload in payloads:
        envelope = json.loads(gzip.decompress(base64.b64decode(payload)))
        if envelope["messageType"] != "DATA_MESSAGE":
            continue
        for event in envelope["logEvents"]:
            tokens = event["message"].split(" ")
            if len(tokens) != len(names):
                continue
            lines.append((json.dumps(enriched(tokens, names)) + "\n").encode())
    return pack(lines)


def process_lines(text: bytes, columns: Iterable[str] = V2) -> list[bytes]:
    """Turn the plain lines of a file into the same NDJSON records."""
    names = column_names(columns)
    lines = []
    for line in text.decode().split("\n"):
        tokens = line.split(" ")
        if len(tokens) != len(names):
            continue
        lines.append((json.dumps(enriched(tokens, names)) + "\n").encode())
    return pack(lines)


def floor_stdlib(payloads: Iterable[str]) -> list[str]:
    """Floor S: only decode, gunzip and read the JSON, all with the standard library."""
    messages: list[str] = []
    for payload in payloads:
        envelope = json.loads(gzip.decompress(base64.b64decode(payload)))
        if envelope["messageType"] == "DATA_MESSAGE":
            messages.extend([event["message"] for event in envelope["logEvents"]])
    return messages


def column_names(columns: Iterable[str]) -> list[str]:
    """AWS's field names in snake_case, in the order of the format."""
    return [name.replace("-", "_") for name in columns]


def enriched(tokens: list[str], names: list[str]) -> dict[str, Any]:
    """One line as a row: typed values and the six columns that enrichment adds."""
    row: dict[str, Any] = dict(zip(names, tokens, strict=True))
    for name, value in row.items():
        row[name] = None if value == "-" else int(value) if name in INTEGERS else value
    if row["srcaddr"] is None:
        row["src_class"] = row["dst_class"] = row["direction"] = None
    else:
        row["src_class"] = address_class(row["srcaddr"])
        row["dst_class"] = address_class(row["dstaddr"])
        row["direction"] = DIRECTIONS[row["src_class"], row["dst_class"]]
    row["protocol_name"] = PROTOCOLS.get(row["protocol"])
    row["service"] = SERVICES.get(row["dstport"]) or SERVICES.get(row["srcport"])
    row["hour"] = time.strftime("%Y-%m-%d-%H", time.gmtime(row["start"]))
    return row


def address_class(text: str) -> str:
    """ "private" inside one of NETWORKS, tried in order, else "public"."""
    address = ipaddress.ip_address(text)
    for network in NETWORKS:
        if address in network:
            return "private"
    return "public"


def pack(lines: Iterable[bytes]) -> list[bytes]:
    """Join lines greedily into records of at most MAX_RECORD_BYTES."""
    records: list[bytes] = []
    held: list[bytes] = []
    size = 0
    for line in lines:
        if size + len(line) > MAX_RECORD_BYTES and held:
            records.append(b"".join(held))
            held, size = [], 0
        held.append(line)
        size += len(line)
    if held:
        records.append(b"".join(held))
    return records


def digest(records: Iterable[bytes]) -> Digest:
    """The digest of NDJSON records with the base's column names.

    Raises ValueError when a record is over the limit.
    """
    return Digest.of(rows(records))


def rows(records: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The rows of NDJSON records.

    Raises ValueError when a record is over the limit.
    """
    for record in records:
        if len(record) > MAX_RECORD_BYTES:
            raise ValueError(f"record of {len(record)} bytes, at most {MAX_RECORD_BYTES} allowed")
        for line in record.splitlines():
            yield json.loads(line)
