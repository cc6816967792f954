"""Standard output and error: what they can say, how wide they are, what their end means."""

import codecs
import os
import shutil
import sys
from io import TextIOWrapper
from typing import NoReturn, TextIO

# What stands for a mark where the locale has no such character.
ASCII = {
    "✓": "ok",
    "✗": "!!",
    "─": "-",
    "\u2013": "-",
    "·": "-",
    "…": "~",
}
WRITTEN_OUT = "tailrace.written_out"
USUAL_WIDTH = 80


def prepare() -> None:
    """Let no character end a command: those that a stream cannot say are written out."""
    codecs.register_error(WRITTEN_OUT, _write_out)
    for stream in (sys.stdout, sys.stderr):
        _reconfigure(stream, errors=WRITTEN_OUT)


def _write_out(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    refused = error.object[error.start : error.end]
    shown = (ASCII.get(each) or ascii(each)[1:-1] for each in refused)
    return "".join(shown), error.end


def as_data(*streams: TextIO) -> None:
    """Let streams carry what programs read: UTF-8, whatever the locale."""
    for stream in streams:
        _reconfigure(stream, encoding="utf-8", errors=WRITTEN_OUT)


def _reconfigure(stream: TextIO, errors: str, encoding: str | None = None) -> None:
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(encoding=encoding or stream.encoding, errors=errors)


def width(stream: TextIO | None = None) -> int | None:
    """Columns of a terminal, by default of standard output; None where it is none."""
    stream = stream or sys.stdout
    if not stream.isatty():
        return None
    return shutil.get_terminal_size((0, 0)).columns or _own_width(stream)


def _own_width(stream: TextIO) -> int:
    # Where standard output is no terminal, standard error may still be one.
    try:
        return os.get_terminal_size(stream.fileno()).columns or USUAL_WIDTH
    except OSError:
        return USUAL_WIDTH


def cut(text: str, columns: int | None) -> str:
    """A line that is no longer than some columns."""
    if columns is None or len(text) <= columns:
        return text
    return text[: max(columns - 1, 0)] + "…"


def end(code: int) -> NoReturn:
    """End the process, in silence where a reader has had enough (`| head`)."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            # Python would flush it again on its way out, and complain.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(code)
