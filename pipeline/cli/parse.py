"""tailrace parse: lines in, one JSON object a line out; no state."""

import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, TextIO

import typer

from pipeline.cli.options import Config, Files, Format, SourceName, Strict, settings_of
from pipeline.cli.output import say
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.batch import Context
    from pipeline.sources import Source
    from pipeline.triggers import Record

PIECE = 1 << 20
RAW_HEAD = 1024


def parse(
    source: SourceName,
    files: Files = None,
    formats: Format = None,
    rejects: Annotated[
        Path | None,
        typer.Option("--rejects", metavar="FILE", help="Write rejects there, not to stderr."),
    ] = None,
    strict: Strict = False,
    config: Config = None,
) -> None:
    """Read lines strictly and print each accepted one as a JSON object; nothing is kept.

    Refused lines go to stderr (or --rejects) as {"line", "reason", "detail", "raw"}, lines counted
    from 1; the last line of stderr is accepted=A rejected=R skipped=S.

    \b
    tailrace parse vpc-flow flows.log.gz | jq .srcaddr
    zcat flows.log.gz | tailrace parse vpc-flow - --format '${srcaddr} ${dstaddr} ${bytes} ${end}'
    """
    from pipeline.batch.context import context_of
    from pipeline.cli.inputs import check_files, check_formats, check_rejects
    from pipeline.cli.streams import as_data
    from pipeline.enrich.aws_ranges import NONE
    from pipeline.sources import find

    settings = settings_of(config, None)
    found = find(source)
    check_formats(found, formats or (), settings)
    paths = check_files(files)
    if rejects:
        check_rejects(rejects, paths)
    as_data(sys.stdout, sys.stderr)
    with ExitStack() as stack:
        to = stack.enter_context(_opened(rejects)) if rejects else sys.stderr
        run = _Run(found, context_of(settings, aws_ranges=NONE), tuple(formats or ()), to)
        for path in paths:
            run.file(path)
    run.hint()
    sys.stdout.flush()
    sys.stderr.write(f"accepted={run.accepted} rejected={run.rejected} skipped={run.skipped}\n")
    if strict and run.rejected:
        raise typer.Exit(1)


def _opened(path: Path) -> TextIO:
    try:
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"the rejects cannot be written: {error.strerror}", f"at {path}", "name another file"
        ) from error


@dataclass(slots=True)
class _Run:
    source: "Source"
    context: "Context"
    formats: tuple[str, ...]
    rejects: TextIO
    accepted: int = 0
    rejected: int = 0
    skipped: int = 0
    miscounts: Counter[tuple[int, int]] = field(default_factory=Counter)

    def file(self, path: str) -> None:
        """Read one file, or standard input, in pieces."""
        from pipeline.cli.inputs import opened
        from pipeline.decode import Refused

        with opened(path) as stream:
            try:
                for record in self._records(path, stream):
                    self._read(record)
            except Refused as refused:
                self._refuse(None, str(refused.reason), refused.detail, b"")

    def _records(self, path: str, stream: BinaryIO) -> Iterator["Record"]:
        from pipeline.cli.inputs import read_once
        from pipeline.decode import BASE64_OF_GZIP, inflate, may_be_base64_of_gzip
        from pipeline.stream.carry import Carry, Origin
        from pipeline.stream.pipe import Patience, gathered
        from pipeline.stream.scan import scan
        from pipeline.stream.slices import cut, slices
        from pipeline.triggers import Record

        limits = self.context.limits
        origin = Origin(self.source, self.formats, "", int(time.time() * 1000))
        template = Record(b"", path, origin.arrival_ms, path, formats=self.formats)
        once = read_once(path)
        found = None if once else scan(stream, path, limits)
        if found is not None:
            stream.seek(0)
        if found is not None and found.whole:
            payload = stream.read(RAW_HEAD if found.refused else -1)
            yield replace(template, payload=payload, refused=found.refused)
            return
        chunks = Patience().chunks(stream) if once else iter(partial(stream.read, PIECE), b"")
        head = next(chunks, b"")
        chunks = chain((head,), chunks)
        if head.startswith(BASE64_OF_GZIP) and may_be_base64_of_gzip(head):
            yield replace(template, payload=b"".join(chunks))
            return
        carry, content = Carry(), inflate(chunks, limits)
        if once:
            # A pipe may pause: what has come is printed then.
            content = gathered(content, PIECE)
        for each in slices(cut(content, 1 if once else PIECE, limits.record_bytes)):
            record = replace(template, payload=each.payload, first_ordinal=each.first, opened=True)
            yield replace(record, header=carry.header, time_ms=carry.time_ms, plain=carry.plain)
            carry = carry.after(origin, each.payload)

    def _read(self, record: "Record") -> None:
        from pipeline.batch import read
        from pipeline.cli.output import write_json_lines

        batch, parsed, refusals = read([record], self.source, self.context)
        write_json_lines(parsed.rows, sys.stdout)
        sys.stdout.flush()
        for refusal in refusals:
            ordinal = None if refusal.line is None else int(batch.ordinal[refusal.line]) + 1
            raw = record.payload[:RAW_HEAD] if refusal.line is None else batch.lines[refusal.line]
            self._refuse(ordinal, str(refusal.reason), refusal.detail, raw)
        self.accepted += len(parsed.rows)
        self.skipped += sum(len(lines) for lines in parsed.dropped.values())
        self.skipped += sum(batch.dropped.values())
        self.miscounts.update(parsed.miscounts)

    def _refuse(self, line: int | None, reason: str, detail: str, raw: bytes) -> None:
        import msgspec

        from pipeline.cli.output import as_json

        text = raw.decode("utf-8", "backslashreplace")
        refused = {"line": line, "reason": reason, "detail": detail, "raw": text}
        line_of_it = msgspec.json.encode(refused).decode() + "\n"
        self.rejects.write(as_json(line_of_it, self.rejects))
        self.rejected += 1

    def hint(self) -> None:
        """Say so when most lines have another number of fields than was declared."""
        from pipeline.cli.inputs import format_hint

        events = self.accepted + self.rejected
        hint = format_hint(self.source, self.formats, self.miscounts, events)
        if hint:
            say(hint)
