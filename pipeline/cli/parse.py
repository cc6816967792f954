"""tailrace parse: lines in, one JSON object a line out; no state."""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, BinaryIO

import typer

from pipeline.cli.options import Config, Files, Format, SourceName, settings_of
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
    strict: Annotated[bool, typer.Option("--strict", help="End with 1 when a line is refused.")] = (
        False
    ),
    config: Config = None,
) -> None:
    """Read lines strictly and print each accepted one as a JSON object; nothing is kept.

    Refused lines go to stderr (or --rejects) as {"line", "reason", "detail", "raw"}, lines counted
    from 1; the last line of stderr is accepted=A rejected=R skipped=S.

    \b
    tailrace parse vpc-flow flows.log.gz | jq .srcaddr
    zcat flows.log.gz | tailrace parse vpc-flow - --format '${srcaddr} ${dstaddr} ${bytes} ${end}'
    """
    from pipeline.cli.inputs import check_files, check_formats
    from pipeline.home import context_of
    from pipeline.sources import find

    settings = settings_of(config, None)
    found = find(source)
    check_formats(found, formats or (), settings)
    paths = check_files(files)
    with ExitStack() as stack:
        to = stack.enter_context(_opened(rejects)) if rejects else sys.stderr
        run = _Run(found, context_of(settings), tuple(formats or ()), to)
        for path in paths:
            run.file(path)
    run.hint()
    sys.stdout.flush()
    sys.stderr.write(f"accepted={run.accepted} rejected={run.rejected} skipped={run.skipped}\n")
    if strict and run.rejected:
        raise typer.Exit(1)


def _opened(path: Path) -> IO[str]:
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
    rejects: IO[str]
    accepted: int = 0
    rejected: int = 0
    skipped: int = 0
    miscounts: Counter[tuple[int, int]] = field(default_factory=Counter)

    def file(self, path: str) -> None:
        """Read one file, or standard input, in pieces."""
        from pipeline.decode import Refused

        with ExitStack() as stack:
            stream = sys.stdin.buffer if path == "-" else stack.enter_context(open(path, "rb"))
            try:
                for record in self._records(path, stream):
                    self._read(record)
            except Refused as refused:
                self._refuse(None, str(refused.reason), refused.detail, b"")

    def _records(self, path: str, stream: BinaryIO) -> Iterator["Record"]:
        from pipeline.decode import inflate
        from pipeline.stream.files import Carry, cut, scan
        from pipeline.triggers import Record

        now_ms = int(time.time() * 1000)
        limits = self.context.limits
        read = (
            partial(os.read, stream.fileno(), PIECE) if path == "-" else partial(stream.read, PIECE)
        )
        found = scan(Path(path), limits) if path != "-" else None
        if found is not None and found.whole:
            payload = stream.read(RAW_HEAD if found.refused else -1)
            refused = found.refused
            yield Record(payload, path, now_ms, path, formats=self.formats, refused=refused)
            return
        carry, line = Carry(), 0
        for piece in cut(inflate(iter(read, b""), limits), PIECE, limits.record_bytes):
            formats = carry.formats or self.formats
            yield Record(
                piece, path, now_ms, path, line, formats, time_ms=carry.time_ms, opened=True
            )
            carry = carry.after(self.source, piece)
            line += piece.count(b"\n")

    def _read(self, record: "Record") -> None:
        from pipeline.batch import read
        from pipeline.cli.output import json_lines

        batch, parsed, refusals = read([record], self.source, self.context)
        sys.stdout.writelines(json_lines(parsed.rows))
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

        text = raw.decode("utf-8", "backslashreplace")
        refused = {"line": line, "reason": reason, "detail": detail, "raw": text}
        self.rejects.write(msgspec.json.encode(refused).decode() + "\n")
        self.rejected += 1

    def hint(self) -> None:
        """Say so when most lines have another number of fields than was declared."""
        from pipeline.cli.inputs import format_hint

        events = self.accepted + self.rejected
        hint = format_hint(self.source, self.formats, self.miscounts, events)
        if hint:
            sys.stderr.write(hint)
