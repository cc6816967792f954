"""Standard output and error: what they can say, how wide they are, what their end means."""

import codecs
import errno
import os
import shutil
import sys
from io import BufferedReader, BufferedWriter, FileIO, TextIOWrapper
from typing import TextIO

from pipeline.errors import OutputError

# What stands for a mark where the locale has no such character.
ASCII = {
    "✓": "ok",
    "✗": "!!",
    "─": "-",
    "\u2013": "-",
    "·": "-",
    "…": "~",
    **dict(zip("▲▼●◆■○░", "^v*!!o:", strict=True)),
    **dict(zip("▏▎▍▌▋▊▉", "   ####", strict=True)),
    # Bars, by their heights.
    **dict(zip("▁▂▃▄▅▆▇█", "_.:-=+*#", strict=True)),
}
WRITTEN_OUT = "tailrace.written_out"
USUAL_WIDTH = 80
REFUSALS = (errno.EBADF, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def prepare() -> None:
    """Let no character end a command: those that a stream cannot say are written out."""
    codecs.register_error(WRITTEN_OUT, _write_out)
    _open_closed()
    for stream in (sys.stdout, sys.stderr):
        _reconfigure(stream, errors=WRITTEN_OUT)


def _open_closed() -> None:
    """Put something in the place of what was closed (`<&-`): else the next file would lie there.

    Standard input can then not be read, nor standard output written; what is said goes nowhere.
    """
    if sys.stdin is None:
        _take(0, os.O_WRONLY)
        sys.stdin = TextIOWrapper(BufferedReader(FileIO(0, closefd=False)), "utf-8")
    if sys.stdout is None:
        _take(1, os.O_RDONLY)
        sys.stdout = _wrapped(FileIO(1, "wb", closefd=False), "utf-8")
    if sys.stderr is None:
        _take(2, os.O_WRONLY)
        sys.stderr = _wrapped(FileIO(2, "wb", closefd=False), "utf-8")


def _take(number: int, flags: int) -> None:
    descriptor = os.open(os.devnull, flags)
    if descriptor != number:
        os.dup2(descriptor, number)
        os.close(descriptor)


def _wrapped(raw: FileIO, encoding: str) -> TextIO:
    return TextIOWrapper(BufferedWriter(raw), encoding, line_buffering=raw.fileno() == 2)


def refusal(error: OSError) -> OutputError | None:
    """What to tell when standard output or error took nothing; None when the error is another's.

    What is raised about a file by its name carries that name.
    """
    if error.filename is not None or error.errno not in REFUSALS:
        return None
    what = f"the output cannot be written: {error.strerror}"
    return OutputError(what, "standard output or error", "free some space, or open it")


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


def flushed(code: int) -> int:
    """The code to end with: 1 instead of 0 where not all was written.

    That a reader has had enough (`| head`) is no failure.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            pass
        except OSError:
            code = code or 1
    return code
