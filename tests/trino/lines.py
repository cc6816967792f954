"""Flow log lines with every declared field, made from the declarations and a seed."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.schema import Domain, Field, OneOf, Range

Texts = np.ndarray[Any, np.dtype[np.object_]]

ADDRESSES = (
    *(f"10.0.{net}.{host}" for net in range(4) for host in (4, 7, 19, 200)),
    *("172.16.4.9", "192.168.1.1", "100.64.0.9", "169.254.169.254"),
    *("52.94.76.1", "45.33.32.10", "203.0.113.7", "8.8.8.8", "185.220.101.4"),
    *("2600:1f18::a", "2600:1f18::b", "fd00::1", "2001:db8::9", "::ffff:10.0.0.4"),
)
PERCENT = ("web%20server", "caf%C3%A9", "100%25", "a+b", "%E6%9D%B1%E4%BA%AC", "plain", "it%27s")
# What the enrichers and the saved queries look for.
_KINDS = ("nat_gateway", "vpc_endpoint", "gateway_load_balancer", "transit_gateway", "interface")
WORDS = {
    "interface-type": _KINDS,
    "next-hop-interface-type": _KINDS,
    "region": ("us-east-1", "eu-west-1"),
    "az-id": ("use1-az1", "use1-az2", "euw1-az1"),
    "next-hop-az-id": ("use1-az1", "use1-az2", "euw1-az1"),
    "pkt-src-aws-service": ("AMAZON", "S3", "DYNAMODB", "EC2"),
    "pkt-dst-aws-service": ("AMAZON", "S3", "DYNAMODB", "EC2"),
    "flow-direction": ("ingress", "egress"),
}
NUMBERS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 17, 22, 53, 80, 443, 3306, 3389, 5432)
FEW, PROTOCOLS = 255, 17
UNKNOWN = "a-field-of-tomorrow"
FLOW_S = 60
NULL, NULLS = "-", 0.04
MOST = 60_000


def lines_of(
    rng: np.random.Generator, fields: Sequence[Field], ends: Sequence[int]
) -> tuple[str, list[str]]:
    """A format of all these fields and one nobody declared, and a line for each end of a flow."""
    count = len(ends)
    columns = {field.log_name: _texts(rng, field, count) for field in fields}
    columns["end"] = np.array([str(end) for end in ends], object)
    columns["start"] = np.array([str(end - FLOW_S) for end in ends], object)
    columns[UNKNOWN] = _chosen(rng, ("new", "newer", "it's"), count)
    for name, texts in columns.items():
        if name not in ("version", "end"):
            texts[rng.random(count) < NULLS] = NULL
    lines = [" ".join(tokens) for tokens in zip(*columns.values(), strict=True)]
    return " ".join(columns), lines


def _texts(rng: np.random.Generator, field: Field, count: int) -> Texts:
    if field.domain is Domain.ADDRESS:
        return _chosen(rng, ADDRESSES, count)
    if field.domain is Domain.PERCENT:
        return _chosen(rng, PERCENT, count)
    if isinstance(field.domain, OneOf):
        return _chosen(rng, field.domain.words, count)
    if isinstance(field.domain, Range):
        high = min(field.domain.high, MOST)
        numbers = rng.integers(field.domain.low, high + 1, count)
        known = rng.choice(
            [n for n in NUMBERS if n <= PROTOCOLS] if high <= FEW else NUMBERS, count
        )
        return np.array(np.where(rng.random(count) < 0.7, known, numbers).astype(str), object)
    if field.log_name in WORDS:
        return _chosen(rng, WORDS[field.log_name], count)
    return _chosen(rng, [f"{field.log_name}-{number}" for number in range(7)], count)


def _chosen(rng: np.random.Generator, words: Sequence[str], count: int) -> Texts:
    found: Texts = rng.choice(np.array(words, object), count)
    return found
