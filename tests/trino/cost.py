"""`python -m tests.trino.cost`: what saved queries read of landing, and of the same rows compacted.

Every saved query that has rows, over the whole window and over an hour, on a real Trino: bytes that
it reads of files, and files there are. What landed is written as Firehose writes it, or as we do
(`--delivery`): our own is the smaller. By hand, for it takes some minutes.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pyarrow import parquet

from pipeline import queries
from pipeline.batch.context import context_of
from pipeline.estimate.plan import DELIVERIES, FIREHOSE
from pipeline.home import writing
from pipeline.queries import Window, load
from pipeline.settings import Settings
from tests.trino.__main__ import BACK_DAYS, SCHEMA, SEED
from tests.trino.asking import on_trino
from tests.trino.fold import Folding
from tests.trino.install import say
from tests.trino.lake import EVENTS_PER_S, QUICK_PER_S, Lake, mirror
from tests.trino.metastore import Metastore
from tests.trino.server import Trino, running


def main(words: Sequence[str] | None = None) -> int:
    """Ask and tell."""
    parser = argparse.ArgumentParser("python -m tests.trino.cost", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    parser.add_argument("--delivery", default=FIREHOSE, choices=DELIVERIES, help="who writes")
    told = parser.parse_args(words)
    quick = told.quick
    with tempfile.TemporaryDirectory(prefix="tailrace-cost-") as name:
        folder = Path(name)
        day = datetime.now(UTC).date() - timedelta(days=BACK_DAYS)
        lake = Lake(folder / "home", day, SEED, QUICK_PER_S if quick else EVENTS_PER_S)
        with writing(lake.home, context_of(Settings())):
            pass
        lake.bring_first()
        with running(folder, SCHEMA) as trino:
            store = Metastore(folder, trino)
            store.declare(since=day)
            mirror(lake.home, folder)
            if told.delivery == FIREHOSE:
                _as_firehose(folder / "lake" / "landing")
            store.set_views(None)
            hour = Window(lake.moment(0, "10:00"), lake.moment(0, "11:00"))
            landed = {each: _bytes(trino, lake, each, hour) for each in _names(trino, lake)}
            _told("landing", folder / "lake" / "landing")
            wrong = [said for _, said in Folding(trino, store).fold(None, lake.end) if said]
            store.set_views(lake.end)
            _told("curated", folder / "lake" / "curated")
            folded = {each: _bytes(trino, lake, each, hour) for each in landed}
            for each in landed:
                _compared(each, landed[each], folded[each])
            sums = [
                [sum(each) for each in zip(*of.values(), strict=True)] for of in (landed, folded)
            ]
            _compared(f"all {len(landed)}", *sums)
    return int(bool(wrong))


def _names(trino: Trino, lake: Lake) -> Iterator[str]:
    for name, query in load().items():
        window = lake.looking_back if query.lookback else lake.window
        if on_trino(trino, queries.ask(name=name, window=window, now=window.to_time)).rows:
            yield name


def _bytes(trino: Trino, lake: Lake, name: str, hour: Window) -> tuple[int, int]:
    query = load()[name]
    whole = lake.looking_back if query.lookback else lake.window
    asked = [queries.ask(name=name, window=each, now=each.to_time) for each in (whole, hour)]
    whole_bytes, hour_bytes = (on_trino(trino, each).read_bytes for each in asked)
    return whole_bytes, hour_bytes


def _as_firehose(landing: Path) -> None:
    """Write files as Firehose's conversion does: plain pages and dictionaries, snappy."""
    for path in landing.rglob("*.parquet"):
        rows = parquet.read_table(path, partitioning=None)
        path.unlink()
        parquet.write_table(rows, path, compression="snappy", store_schema=False)


def _compared(name: str, before: Sequence[int], now: Sequence[int]) -> None:
    whole, part = map(_change, before, now)
    say(f"{name:<22} {whole}   an hour {part}")


def _change(before: int, now: int) -> str:
    return f"{before:>12,} -> {now:>12,} ({now / before:.2f})" if before else f"{now:,}"


def _told(name: str, folder: Path) -> None:
    files = [each for each in folder.rglob("*") if each.is_file()]
    say(f"{name}: {len(files):,} files, {sum(each.stat().st_size for each in files):,} bytes")


if __name__ == "__main__":
    sys.exit(main())
