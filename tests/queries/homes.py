"""Homes filled with literal flow lines, through the whole pipeline."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.batch.context import context_of
from pipeline.enrich.networks import Network, Networks
from pipeline.home import MACHINE, Machine, writing
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


def bring(
    home: Path,
    lines: Sequence[str],
    identity: str = "a",
    arrival: str = NOON,
    *,
    copies: int = 1,
    landed: str = "",
    networks: Networks = NETWORKS,
    **record: Any,
) -> None:
    """One record of lines into the lake of a home: flow lines of FORMAT, unless `record` says more.

    copies  how often it is delivered
    landed  when it lands, as the home's clock says; "" for now
    record  fields of `Incoming`
    """
    record = {"payload": "".join(f"{line}\n" for line in lines).encode()} | record
    if "source" not in record:
        record = {"source": "vpc-flow", "formats": (FORMAT,)} | record
    arrival_ms = int(moment(arrival).timestamp() * 1000)
    came = Incoming(key="key", arrival_ms=arrival_ms, identity=f"file/{identity}", **record)
    machine = Machine(clock=moment(landed).timestamp) if landed else MACHINE
    with writing(home, context_of(Settings(), networks), machine=machine) as opened:
        opened.log.append([came] * copies)
        opened.worker.drain()
