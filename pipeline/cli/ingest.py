"""tailrace ingest: files through the whole pipeline, until all of it can be queried."""

import json
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from pipeline.cli.options import Config, Files, Format, Home, SourceName, Strict, settings_of
from pipeline.cli.output import counted, say, visible
from pipeline.cli.progress import shown

if TYPE_CHECKING:
    from pipeline.home import WritingHome
    from pipeline.settings import Limits, Settings
    from pipeline.stream.carry import Origin
    from pipeline.stream.files import Progress
    from pipeline.stream.scan import Scan


PRUNE_EVERY_S = 60.0

LogGroup = Annotated[
    str, typer.Option("--log-group", metavar="G", help="Log group the lines come from.")
]
Key = Annotated[
    str,
    typer.Option(
        "--idempotency-key", metavar="K", help="Name of what stdin brings: twice is once."
    ),
]


def ingest(
    source: SourceName,
    files: Files = None,
    formats: Format = None,
    log_group: LogGroup = "",
    key: Key = "",
    strict: Strict = False,
    config: Config = None,
    home: Home = None,
) -> None:
    """Bring files into the lake; the same file again changes nothing, under any name.

    Ends when all of it can be queried. Killed at any moment and run again, it goes on where it
    stopped. Of a file that has grown only the new lines come in. Lines from a pipe can be queried
    about a second after they came, while it stays open.

    \b
    tailrace ingest vpc-flow flows-*.log.gz
    tailrace ingest vpc-flow flows.log --format '${srcaddr} ${dstaddr} ${bytes} ${end}'
    tailrace ingest http-access access.log* --format '$remote_addr [$time_local] "$request" $status'
    tail -n 0 -F access.log | tailrace ingest http-access -
    """
    from pipeline.cli.homes import to_write
    from pipeline.cli.inputs import check_files, check_key, format_notes, group_note
    from pipeline.home import writing

    settings = settings_of(config, home)
    origin = _origin(source, formats or (), log_group, settings)
    paths = check_files(files)
    check_key(key, paths)
    if origin.source.check_format is not None:
        say(group_note(log_group, formats or (), settings))
        say(format_notes(origin.source, formats or ()))
    with writing(settings.home_path, to_write(settings)) as opened:
        run = _Run(opened, settings.limits, origin, key)
        with shown(paths) as show:
            try:
                for path in paths:
                    run.read(path, show)
            except KeyboardInterrupt:
                run.report()
                raise
        run.report()
    if strict and (run.rejected or run.left):
        raise typer.Exit(1)


def _origin(source: str, formats: Sequence[str], log_group: str, settings: "Settings") -> "Origin":
    """What was said about the lines to come.

    Raises UsageError where that cannot be.
    """
    from pipeline.cli import inputs
    from pipeline.sources import find
    from pipeline.stream.carry import Origin

    inputs.check_text("--log-group", log_group)
    found = find(source)
    inputs.check_formats(found, formats, settings)
    inputs.check_times(found, formats, log_group, settings)
    in_force = inputs.formats_of(formats, log_group, settings)
    return Origin(found, in_force, log_group, int(time.time() * 1000))


def _still_refused(count: int) -> str:
    return f", {count:,} {'is' if count == 1 else 'are'} still refused" if count else ""


@dataclass(slots=True)
class _Run:
    home: "WritingHome"
    limits: "Limits"
    origin: "Origin"
    key: str
    started: float = field(default_factory=time.monotonic)
    notes: list[str] = field(default_factory=list)
    before: tuple[int, int, int] = (0, 0, 0)
    mended: int = 0
    left: int = 0

    def __post_init__(self) -> None:
        worker = self.home.worker
        worker.drain()  # what an earlier run left waiting is not part of this one
        if earlier := worker.rows:
            were = "was" if earlier == 1 else "were"
            say(f"{counted(earlier, 'row')} of an earlier run {were} brought in first\n")
        self.before = (worker.rows, worker.rejected, worker.dropped)
        worker.miscounts.clear()

    @property
    def rejected(self) -> int:
        """Events that were refused since the run began."""
        return self.home.worker.rejected - self.before[1]

    def read(self, path: str, show: Callable[[str, int, int], None]) -> None:
        """Bring one input in, and show how far it is."""
        from pipeline.cli.inputs import opened, read_once
        from pipeline.cli.interrupts import stoppable

        with opened(path) as file:
            if not read_once(path):
                self._land(path, self._from_file(path, file), show)
                return
            with stoppable() as stop:
                self._land(path, self._from_pipe(file, stop), show)

    def _land(
        self, path: str, records: "Iterator[Progress]", show: Callable[[str, int, int], None]
    ) -> None:
        worker, pruned = self.home.worker, time.monotonic()
        for progress in records:
            worker.drain()
            show(path, progress.done, progress.total)
            if time.monotonic() - pruned > PRUNE_EVERY_S:
                # A pipe may never end; what it brought must.
                worker.prune()
                pruned = time.monotonic()
        worker.drain()

    def _from_pipe(self, file: BinaryIO, stop: int) -> "Iterator[Progress]":
        from pipeline.stream.pipe import Patience, feed_stdin, first_arrival

        store, origin = self.home.store, self.origin
        identity = f"request/{origin.source.name}/{self.key or uuid.uuid4()}"
        if self.key:
            arrival_ms = first_arrival(store, origin.source.name, identity, origin.arrival_ms)
            origin = replace(origin, arrival_ms=arrival_ms)
        patience = Patience(self.limits.flush_seconds, stop)
        return feed_stdin(store, file, identity, origin, self.limits, patience)

    def _from_file(self, path: str, file: BinaryIO) -> "Iterator[Progress]":
        from pipeline.stream.files import feed
        from pipeline.stream.growth import lengths_known
        from pipeline.stream.scan import scan
        from pipeline.triggers import name_of

        wanted = lengths_known(self.home.store, self.origin.source.name)
        found = scan(file, name_of(path), self.limits, wanted)
        self._note(path, found)
        return feed(self.home.store, file, found, self.origin, self.limits)

    def _note(self, path: str, found: "Scan") -> None:
        """Say so when a file is empty or known; other formats may read what was refused of it."""
        from pipeline.stream.files import is_in, known_input
        from pipeline.stream.growth import base_of

        store, source = self.home.store, self.origin.source.name
        if found.length == 0:
            self.notes.append(f"{path} is empty")
            return
        known = known_input(store, source, found.digest)
        base = base_of(store, source, found) if known is None and not found.whole else None
        if known is not None and is_in(store, source, known):
            said, none, digest = "was ingested before", ": nothing new", found.digest
            name = known["name"]
        elif base is not None:
            said, none, digest = "goes on with a file that was ingested before", "", base.digest
            name = base.name
        else:
            return
        mended, left = self._tried_again(digest)
        if base is not None:
            left = 0  # what was refused of it was said when it came; its last line may go on now
        self.mended += mended
        self.left += left
        note = f"{path} {said}" + (f" (as {name})" if name != path else "")
        note += f": {mended:,} of its refused lines became rows" if mended else none
        self.notes.append(note + _still_refused(left))

    def _tried_again(self, digest: str) -> tuple[int, int]:
        """Refused lines of a known file that became rows by other formats, and those left."""
        from pipeline.home import rejected_of, retry
        from pipeline.stream.files import known_input
        from pipeline.stream.growth import chain_of

        store, name, mended, left = self.home.store, self.origin.source.name, 0, 0
        for each in chain_of(store, name, digest):
            known = known_input(store, name, each)
            # Those that are declared for the log groups of its lines are not noted with it.
            other = known and tuple(json.loads(known["formats"])) != self.origin.formats
            if other or (known and self.home.worker.context.formats.by_group):
                mended += retry(self.home, name, each, self.origin.formats)
            left += rejected_of(self.home, name, each)
        return mended, left

    def report(self) -> None:
        """Say on stderr what became of it all."""
        from pipeline.cli.inputs import format_hint, refusal_hint

        worker, seconds = self.home.worker, time.monotonic() - self.started
        now = (worker.rows, worker.rejected, worker.dropped)
        rows, rejected, dropped = (n - b for n, b in zip(now, self.before, strict=True))
        for note in self.notes:
            say(visible(note) + "\n")
        formats = self.origin.formats
        source, counts = self.origin.source, worker.miscounts
        hint = format_hint(source, formats, counts, rows + rejected)
        say(hint or refusal_hint(source, rows, rejected))
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
