"""tailrace ingest: files through the whole pipeline, until all of it can be queried."""

import json
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import Config, Files, Format, Home, SourceName, settings_of
from pipeline.cli.output import counted, say, visible
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.home import WritingHome
    from pipeline.settings import Limits
    from pipeline.sources import Source
    from pipeline.stream.files import Origin
    from pipeline.stream.scan import Scan


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
    from pipeline.cli import inputs
    from pipeline.cli.inputs import STDIN, check_files, formats_of
    from pipeline.home import context_of, writing
    from pipeline.sources import find
    from pipeline.stream.files import Origin

    inputs.check_text("--log-group", log_group)
    inputs.check_text("--idempotency-key", key)
    settings = settings_of(config, home)
    found = find(source)
    inputs.check_formats(found, formats or (), settings)
    inputs.check_times(found, formats or (), log_group, settings)
    paths = check_files(files)
    if key and paths != [STDIN]:
        raise UsageError(
            "--idempotency-key is for standard input", "", "files are known by their content"
        )
    if found.check_format is not None:
        say(inputs.group_note(log_group, formats or (), settings))
    started = time.monotonic()
    with writing(settings.home_path, context_of(settings)) as opened:
        opened.worker.drain()  # what an earlier run left waiting is not part of this one
        if earlier := opened.worker.rows:
            were = "was" if earlier == 1 else "were"
            say(f"{counted(earlier, 'row')} of an earlier run {were} brought in first\n")
        in_force = formats_of(formats or (), log_group, settings)
        run = _Run(opened, settings.limits, in_force)
        origin = Origin(found, in_force, log_group, int(time.time() * 1000))
        with _progress(len(paths)) as show:
            for path in paths:
                run.read(path, origin, key, show)
        run.report(found, time.monotonic() - started)
    if strict and (run.rejected or run.left):
        raise typer.Exit(1)


@dataclass(slots=True)
class _Run:
    home: "WritingHome"
    limits: "Limits"
    formats: tuple[str, ...]
    notes: list[str] = field(default_factory=list)
    before: tuple[int, int, int] = (0, 0, 0)
    mended: int = 0
    left: int = 0

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
        from pipeline.cli.inputs import opened, read_once
        from pipeline.stream.files import feed
        from pipeline.stream.pipe import feed_stdin, first_arrival
        from pipeline.stream.scan import name_of, scan

        store = self.home.store
        with ExitStack() as stack:
            file = stack.enter_context(opened(path))
            if read_once(path):
                source = origin.source.name
                identity = f"request/{source}/{key or uuid.uuid4()}"
                if key:
                    arrival_ms = first_arrival(store, source, identity, origin.arrival_ms)
                    origin = replace(origin, arrival_ms=arrival_ms)
                stream = feed_stdin(store, file, identity, origin, self.limits)
            else:
                show(path, 0, 0)
                found = scan(file, name_of(path), self.limits)
                self._note(path, origin, found)
                stream = feed(store, file, found, origin, self.limits)
            for progress in stream:
                self.home.worker.drain()
                show(path, progress.done, progress.total)
        self.home.worker.drain()

    def _note(self, path: str, origin: "Origin", found: "Scan") -> None:
        """Say so when a file is empty or known; other formats may read what was refused of it."""
        from pipeline.home import rejected_of, retry
        from pipeline.stream.files import known_input

        known = known_input(self.home.store, origin.source.name, found.digest)
        if found.length == 0:
            self.notes.append(f"{path} is empty")
        if known is None or found.length == 0 or known["done_bytes"] < found.length:
            return
        note = f"{path} was ingested before"
        if known["name"] != path:
            note += f" (as {known['name']})"
        mended = 0
        if tuple(json.loads(known["formats"])) != origin.formats:
            mended = retry(self.home, origin.source.name, found.digest, origin.formats)
        self.mended += mended
        left = rejected_of(self.home, origin.source.name, found.digest)
        self.left += left
        note += f": {mended:,} of its refused lines became rows" if mended else ": nothing new"
        self.notes.append(note + (f", {left:,} are still refused" if left else ""))

    def report(self, found: "Source", seconds: float) -> None:
        """Say on stderr what became of it all."""
        from pipeline.cli.inputs import format_hint

        worker = self.home.worker
        rows, rejected, dropped = (
            now - before
            for now, before in zip(
                (worker.rows, worker.rejected, worker.dropped), self.before, strict=True
            )
        )
        for note in self.notes:
            say(visible(note) + "\n")
        hint = format_hint(found, self.formats, worker.miscounts, rows + rejected)
        say(hint)
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
                name = visible(path)
                name = name if len(name) < 30 else "…" + name[-29:]
                tasks[path] = bar.add_task(f"{len(tasks) + 1}/{files} {name}", total=None)
            bar.update(tasks[path], completed=done, total=total or None)  # type: ignore[arg-type]

        yield show
