"""How far files are: a bar each on a terminal, nothing elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipeline.cli.output import visible


@contextmanager
def shown(files: int) -> Iterator[Callable[[str, int, int], None]]:
    """What to call with (path, bytes done, bytes in all) as files are read."""
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
                tasks[path] = bar.add_task(f"{len(tasks) + 1}/{files} {name}", total=None)
            bar.update(tasks[path], completed=done, total=total or None)  # type: ignore[arg-type]

        yield show
