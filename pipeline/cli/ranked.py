"""tailrace audit --ranking: has the live ranking counted what the table of page views holds?"""

import sys
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from pipeline.cli import streams
from pipeline.cli.output import as_json as json_for
from pipeline.cli.output import counted, say, visible

if TYPE_CHECKING:
    from pipeline.counters.file import CountersFile
    from pipeline.queries import Window
    from pipeline.queries.reconciled import Reconciled
    from pipeline.settings import Settings
    from pipeline.store import Store

SHOWN = 20
# A server lands within seconds.
LANDING_MINUTES = 1
WAITING = "note: something waits to be landed or counted: only minutes that are over are compared\n"


def ranking(settings: "Settings", stage: str | None, window: "Window | None", json: bool) -> None:
    """Compare and print; ends with 1 where a difference is found."""
    from pipeline.cli import staged
    from pipeline.queries.reconciled import kept

    now = datetime.now(UTC)
    wanted = kept(now, window.from_time if window else None)
    if stage:
        _tell(staged.ranked(settings, stage, wanted, now), json)
    else:
        _tell(_of_home(settings, wanted, now), json)


def _of_home(settings: "Settings", window: "Window", now: datetime) -> "Reconciled":
    """Of a home: all minutes where nothing waits, else those to which nothing comes any more."""
    from pipeline.cli.homes import to_read
    from pipeline.counters.file import CountersFile
    from pipeline.home import readable
    from pipeline.queries import reconciled
    from pipeline.queries.runner import run

    home = to_read(settings.home_path)

    def ask(name: str, params: Any, window: "Window") -> list[dict[str, Any]]:
        answer = run(name, params=params, window=window, home=home, now=now, prices=settings.prices)
        rows: list[dict[str, Any]] = answer.table.to_pylist()
        return rows

    with readable(home) as opened, closing(CountersFile(home, writer=False)) as counters:
        before = _settled(opened.store, counters, now)
        if before is not None:
            found = reconciled.reconciled(counters, ask, window)
            if _settled(opened.store, counters, now) == before:
                return found
        say(WAITING)
        window = reconciled.closed(window, now, LANDING_MINUTES)
        return reconciled.reconciled(counters, ask, window)


def _settled(store: "Store", counters: "CountersFile", now: datetime) -> int | None:
    """The newest sequence number, where all is landed and counted; None where something waits."""
    from pipeline.counters.board import KEPT_MINUTES, MINUTE_MS
    from pipeline.settings import Limits
    from pipeline.stream.log import Log

    log, first = Log(store), Limits(batch_records=1)
    since_ms = int(now.timestamp() * 1000) - KEPT_MINUTES * MINUTE_MS
    waits = log.backlog() or any(
        log.heads_behind(shard, int(counters.place(shard) or 0), since_ms, first)
        for shard in log.shards
    )
    return None if waits else log.newest()


def _tell(found: "Reconciled", json: bool) -> None:
    """Print what came of it; ends with 1 where a difference is found."""
    import msgspec

    if json:
        streams.as_data(sys.stdout)
        text = msgspec.json.format(msgspec.json.encode(found.as_json())).decode()
        sys.stdout.write(json_for(text + "\n", sys.stdout))
    else:
        sys.stdout.write(_text(found))
    sys.stdout.flush()
    if not found.agrees:
        raise typer.Exit(1)


def _text(found: "Reconciled") -> str:
    from pipeline.cli.table import Column, table

    first, last = (
        f"{end:%Y-%m-%d %H:%M}Z" for end in (found.window.from_time, found.window.to_time)
    )
    late = f"; {counted(found.late, 'view')} came too late for it" if found.late else ""
    said = f"{counted(found.counted, 'view')} in the ranking, {first} to {last}{late}"
    if found.agrees:
        return f"✓ {said}: the table holds the same\n"
    some = found.differences[:SHOWN]
    columns = (
        Column("of", [visible(each.where) for each in some]),
        Column("in the table", [f"{each.table:,}" for each in some], number=True),
        Column("counted", [f"{each.counted:,}" for each in some], number=True),
        Column("difference", [f"{each.counted - each.table:+,}" for each in some], number=True),
    )
    more = len(found.differences) - SHOWN
    rest = f"and {more:,} more; all with --json\n" if more > 0 else ""
    return f"{table(columns, streams.width())}\n{rest}✗ {said}: the table holds others\n"
