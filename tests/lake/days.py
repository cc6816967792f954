"""Homes whose events span days, brought in and compacted by tests."""

from pathlib import Path

from pipeline.home import LAKE, writing
from pipeline.lake.compact import Compacted, compact
from pipeline.lake.curated import SIZES, Sizes
from pipeline.stream.log import Incoming
from tests.carriers import ARRIVAL_MS
from tests.homes import flow
from tests.processed import context

MIDNIGHT = 1_418_515_200


def bring(home: Path, *numbers: int, identity: str = "", hours: int = 0) -> None:
    """One record of flows; number n lies n seconds before midnight when odd, behind it when even.

    identity  of the record: the same again is the same events again
    """
    ends = (MIDNIGHT + number * (-1 if number % 2 else 1) for number in numbers)
    payload = b"".join(flow(number, end) for number, end in zip(numbers, ends, strict=True))
    name = identity or f"request/{numbers}"
    record = Incoming("vpc-flow", "a", payload, ARRIVAL_MS + hours * 3_600_000, identity=name)
    with writing(home, context()) as opened:
        opened.log.append([record])
        opened.worker.drain()


def compacted(home: Path, now_ms: int = ARRIVAL_MS, sizes: Sizes = SIZES) -> dict[str, Compacted]:
    """Compact a home; what was done by table."""
    with writing(home, context()) as opened:
        done = compact(opened.store, home, home / LAKE, now_ms, sizes)
    return {each.table: each for each in done}


def curated_files(home: Path, table: str = "vpc_flow") -> list[Path]:
    """Curated files of a table on disk, sorted."""
    return sorted((home / "lake" / "curated" / table).rglob("*.parquet"))
