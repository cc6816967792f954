"""tailrace ingest: files through the whole pipeline, until all of it can be queried."""

import json
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.options import Config, Files, Format, Home, SourceName, settings_of
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.home import WritingHome
    from pipeline.settings import Limits
    from pipeline.sources import Source
    from pipeline.stream.files import Origin


def ingest(
    source: SourceName,
    files: Files = None,
    formats: Format = None,
    log_group: Annotated[
        str, typer.Option("--log-group", metavar="G", help="Log group the lines come from.")
    ] = "",
    key: Annotated[
        str,
        typer.Option(
            "--idempotency-key", metavar="K", help="Name of what stdin brings: twice is once."
        ),
    ] = "",
    strict: Annotated[bool, typer.Option("--strict", help="End with 1 when a line is refused.")] = (
        False
    ),
    config: Config = None,
    home: Home = None,
) -> None:
    """Bring files into the lake; the same file again changes nothing, under any name.

    Ends when all of it can be queried. Killed at any moment and run again, it goes on where it
    stopped.

    \b
    tailrace ingest vpc-flow flows-*.log.gz
    tailrace ingest vpc-flow flows.log --format '${srcaddr} ${dstaddr} ${bytes} ${end}'
    aws logs tail ... | tailrace ingest app-log - --log-group /ecs/web
    """
    from pipeline.cli.inputs import STDIN, check_files, check_formats, check_times
    from pipeline.home import context_of, writing
    from pipeline.sources import find
    from pipeline.stream.files import Origin

    settings = settings_of(config, home)
    found = find(source)
    check_formats(found, formats or (), settings)
    check_times(found, formats or (), log_group, settings)
    paths = check_files(files)
    if key and paths != [STDIN]:
        raise UsageError(
            "--idempotency-key is for standard input", "", "files are known by their content"
        )
    started = time.monotonic()
    with writing(settings.home_path, context_of(settings)) as opened:
        opened.worker.drain()  # what an earlier run left waiting is not part of this one
        run = _Run(opened, settings.limits, tuple(formats or ()))
        origin = Origin(found, tuple(formats or ()), log_group, int(time.time() * 1000))
        with _progress(len(paths)) as show:
            for path in paths:
                run.read(path, origin, key, show)
        run.report(found, time.monotonic() - started)
    if strict and run.rejected:
        raise typer.Exit(1)


@dataclass(slots=True)
class _Run:
    home: "WritingHome"
    limits: "Limits"
    formats: tuple[str, ...]
    notes: list[str] = field(default_factory=list)
    before: tuple[int, int, int] = (0, 0, 0)
    mended: int = 0

    def __post_init__(self) -> None:
        worker = self.home.worker
        self.before = (worker.rows, worker.rejected, worker.dropped)
        worker.miscounts.clear()

    @property
    def rejected(self) -> int:
        """Events that were refused since the run began."""
        return self.home.worker.rejected - self.before[1]

    def read(
        self, path: str, origin: "Origin", key: str, show: Callable[[str, int, int], None]
    ) -> None:
        """Bring one input in, and show how far it is."""
        from pipeline.stream.files import feed, feed_stdin, first_arrival, known_input, scan

        worker, store = self.home.worker, self.home.store
        if path == "-":
            source = origin.source.name
            identity = f"request/{source}/{key or uuid.uuid4()}"
            if key:
                arrival_ms = first_arrival(store, source, identity, origin.arrival_ms)
                origin = replace(origin, arrival_ms=arrival_ms)
            stream = feed_stdin(store, sys.stdin.buffer, identity, origin, self.limits)
        else:
            show(path, 0, 0)
            found = scan(Path(path), self.limits)
            known = known_input(store, origin.source.name, found.digest)
            if found.length == 0:
                self.notes.append(f"{path} is empty")
            elif known is not None and known["done_bytes"] >= found.length:
                self.notes.append(self._again(path, origin, found.digest, known))
            stream = feed(store, Path(path), found, origin, self.limits)
        for progress in stream:
            worker.drain()
            show(path, progress.done, progress.total)
        worker.drain()

    def _again(self, path: str, origin: "Origin", digest: str, known: dict[str, Any]) -> str:
        """Deal with a file that was ingested before; other formats may read what was refused."""
        from pipeline.home import retry

        before = f"{path} was ingested before (as {known['name']})"
        if tuple(json.loads(known["formats"])) == origin.formats:
            return f"{before}: nothing new"
        mended = retry(self.home, origin.source.name, digest, origin.formats)
        self.mended += mended
        return f"{before}: with this format {mended:,} of its refused lines became rows"

    def report(self, found: "Source", seconds: float) -> None:
        """Say on stderr what became of it all."""
        from pipeline.cli.inputs import format_hint
        from pipeline.cli.output import visible

        worker = self.home.worker
        rows, rejected, dropped = (
            now - before
            for now, before in zip(
                (worker.rows, worker.rejected, worker.dropped), self.before, strict=True
            )
        )
        for note in self.notes:
            sys.stderr.write(visible(note) + "\n")
        hint = format_hint(found, self.formats, worker.miscounts, rows + rejected)
        sys.stderr.write(hint)
        if rejected:
            sys.stderr.write(
                f"{rejected:,} refused {'line' if rejected == 1 else 'lines'} kept:"
                " tailrace query rejects --since 1h\n"
            )
        events = rows + rejected + dropped
        speed = f" ({events / seconds:,.0f} lines/s)" if events and seconds else ""
        sys.stderr.write(
            f"rows={rows + self.mended} rejected={rejected} dropped={dropped}"
            f" in {seconds:.1f} s{speed}\n"
        )


@contextmanager
def _progress(files: int) -> Iterator[Callable[[str, int, int], None]]:
    """Shows (path, bytes done, bytes in all); a bar on a terminal, silent elsewhere."""
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
                name = path if len(path) < 30 else "…" + path[-29:]
                tasks[path] = bar.add_task(f"{len(tasks) + 1}/{files} {name}", total=None)
            bar.update(tasks[path], completed=done, total=total or None)  # type: ignore[arg-type]

        yield show
