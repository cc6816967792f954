"""Homes filled with literal flow lines, through the whole pipeline."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pipeline.enrich.networks import Network, Networks
from pipeline.home import context_of, writing
from pipeline.settings import Settings
from pipeline.stream.log import Incoming

FORMAT = (
    "account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes end action"
    " log-status flow-direction"
)
NETWORKS = Networks.of((Network("10.0.1.0/24", "web"), Network("10.0.2.0/24", "db")))
NOON = "2026-11-25T12:00:00"


def moment(text: str) -> datetime:
    """A time as people write it, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def lines_at(text: str, day: str = "2026-11-25") -> list[str]:
    """Flow lines; their `end` is written as a time of day."""
    found = []
    for line in text.strip().splitlines():
        tokens = line.split()
        tokens[9] = str(int(moment(f"{day}T{tokens[9]}").timestamp()))
        found.append(" ".join(tokens))
    return found


def bring(home: Path, lines: Sequence[str], identity: str = "a", arrival: str = NOON) -> None:
    """One record of flow lines into the lake of a home."""
    payload = "".join(f"{line}\n" for line in lines).encode()
    arrival_ms = int(moment(arrival).timestamp() * 1000)
    record = Incoming("vpc-flow", "key", payload, arrival_ms, f"file/{identity}", formats=(FORMAT,))
    with writing(home, context_of(Settings(), NETWORKS)) as opened:
        opened.log.append([record])
        opened.worker.drain()
