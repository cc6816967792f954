"""How far files are: a bar on a terminal for each that has something new, nothing elsewhere."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from pipeline.cli.output import visible


@contextmanager
def shown(paths: Sequence[str]) -> Iterator[Callable[[str, int, int], None]]:
    """What to call with (path, bytes done, bytes in all) as files are read, which are these."""
    if not sys.stderr.isatty():
        yield lambda path, done, total: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, object] = {}

        def show(path: str, done: int, total: int) -> None:
            if path not in tasks:
                name = visible(path)
                name = name if len(name) < 30 else "…" + name[-29:]
                place = f"{paths.index(path) + 1}/{len(paths)}"
                tasks[path] = bar.add_task(f"{place} {name}", total=None)
            bar.update(tasks[path], completed=done, total=total or None)  # type: ignore[arg-type]

        yield show
