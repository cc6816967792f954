"""What `ingest` and `parse` check before they read, and say when a format does not fit."""

import os
import stat
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from io import BufferedReader, FileIO, UnsupportedOperation
from pathlib import Path
from typing import BinaryIO

from pipeline.cli.output import counted
from pipeline.errors import InputError, NotConfigured, UsageError
from pipeline.settings import Settings
from pipeline.sources import NAMES, Source, all_sources

STDIN = "-"
SHOWN = 300


def check_files(files: Sequence[str] | None) -> list[str]:
    """The inputs to read; none given means standard input.

    Raises UsageError for a file that is not there, NotConfigured for s3://.
    """
    paths = list(files or (STDIN,))
    if STDIN in paths:
        _check_stdin()
    if STDIN in paths and sys.stdin.isatty():
        raise UsageError(
            "no input", "standard input is a terminal", "name a file, or pipe lines in"
        )
    remote = [path for path in paths if path.startswith("s3://")]
    for path in paths:
        if path != STDIN and path not in remote:
            _check_file(path)
    if remote:
        raise NotConfigured(
            f"{remote[0]} needs the AWS part, which this version does not have yet",
            "",
            f"copy it here first: aws s3 cp {remote[0]} .",
        )
    return paths


def _check_stdin() -> None:
    try:
        # Nothing is taken: it only tells whether something could be.
        os.read(sys.stdin.fileno(), 0)
    except UnsupportedOperation:
        return
    except OSError as error:
        raise InputError(
            f"standard input cannot be read: {error.strerror}",
            "",
            "it is closed, or a folder: name a file, or pipe lines in",
        ) from error


def _check_file(path: str) -> None:
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError as error:
        raise UsageError("there is no such file", f"at {path}", "check the path") from error
    except OSError as error:
        what = f"there is no such file: {error.strerror}"
        raise UsageError(what, f"at {path[:SHOWN]}", "check the path") from error
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
        raise UsageError(
            "this is no regular file", f"at {path}", "name files, a pipe or - for what is piped"
        )


def check_key(key: str, paths: Sequence[str]) -> None:
    """Raise UsageError for an idempotency key that is none, or that names more than one input."""
    check_text("--idempotency-key", key)
    if key and list(paths) != [STDIN]:
        raise UsageError(
            "--idempotency-key is for standard input", "", "files are known by their content"
        )


def check_text(option: str, text: str) -> None:
    """Raise UsageError for a word of the command line that is no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"this is no UTF-8: {text!a}", option, "write it in UTF-8") from error


def check_rejects(rejects: Path, paths: Sequence[str]) -> None:
    """Raise UsageError when the rejects would be written over an input."""
    if not os.path.isfile(rejects):
        return
    for path in paths:
        read = os.fstat(sys.stdin.fileno()) if path == STDIN else os.stat(path)
        if os.path.samestat(read, rejects.stat()):
            raise UsageError(
                "the rejects would overwrite an input", f"at {rejects}", "name another file"
            )


def read_once(path: str) -> bool:
    """Whether an input can be read only once: standard input, or a pipe such as `<(command)`."""
    return path == STDIN or stat.S_ISFIFO(os.stat(path).st_mode)


class _Input(FileIO):
    """A file that says so when it cannot be read to its end."""

    def readinto(self, buffer: object) -> int:
        """Read as much as there is room for. Raises InputError where that fails."""
        try:
            return super().readinto(buffer) or 0  # type: ignore[arg-type]
        except OSError as error:
            raise self._unreadable(error) from error

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place. Raises InputError where that fails."""
        try:
            return super().seek(offset, whence)
        except OSError as error:
            raise self._unreadable(error) from error

    def readall(self) -> bytes:
        """Read all that is left. Raises InputError where that fails."""
        try:
            return super().readall() or b""
        except OSError as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: OSError) -> InputError:
        return InputError(
            f"the file cannot be read: {error.strerror}",
            f"at {self.name!s}",
            "what was accepted of it stands; look after the disk, then run it again",
        )


@contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """An input, opened.

    Raises InputError when it cannot be.
    """
    if path == STDIN:
        yield sys.stdin.buffer
        return
    try:
        file = BufferedReader(_Input(path))
    except OSError as error:
        raise InputError(
            f"the file cannot be opened: {error.strerror}", f"at {path}", "mend its permissions"
        ) from error
    with file:
        yield file


def group_note(log_group: str, formats: Sequence[str], settings: Settings) -> str:
    """What to tell about a log group without a format that is called nearly as one with; "" else.

    It may be right as it is, or mistyped.
    """
    declared = {name.partition(":")[0] for name in settings.declared_formats()}
    if not log_group or formats or log_group in declared:
        return ""
    near = get_close_matches(log_group, sorted(declared), 1)
    return f"note: no format is declared for {log_group}; nearest: {near[0]}\n" if near else ""


def check_formats(source: Source, formats: Sequence[str], settings: Settings) -> None:
    """Raise UsageError for a format, given or in the settings, that is none."""
    source.check_formats(formats)
    check_declared(settings)


def check_declared(settings: Settings) -> None:
    """Raise UsageError for a format in the settings that no source reads."""
    checks = [each.check_format for each in all_sources().values() if each.check_format is not None]
    for text in (each for several in settings.declared_formats().values() for each in several):
        errors = [error for check in checks if (error := _refusal(check, text)) is not None]
        if len(errors) == len(checks):
            raise errors[0]


def _refusal(check: Callable[[str], object], text: str) -> UsageError | None:
    try:
        check(text)
    except UsageError as error:
        return error
    return None


def format_hint(
    source: Source, formats: Sequence[str], miscounts: Counter[tuple[int, int]], events: int
) -> str:
    """What to tell when most lines have another number of fields than declared; "" when not."""
    if not miscounts or miscounts.total() * 2 <= events:
        return ""
    (declared, found), count = miscounts.most_common(1)[0]
    shown = formats[0][:200] if formats else f"the default of {source.name}"
    came = (
        f"  declared: {counted(declared, 'field')} ({shown})\n"
        f"  came:     {counted(found, 'field')} in {count:,} of {counted(events, 'line')}\n"
    )
    if not source.format_from:
        return (
            f"warning: most lines are none of {source.name}\n{came}  sources: {', '.join(NAMES)}\n"
        )
    return (
        f"warning: most lines do not fit the declared format\n{came}"
        f"  find the format {source.format_from}\n"
        f"  then run again with --format '...', or declare it under [formats] in\n"
        f"  tailrace.toml; the refused lines will be tried again\n"
    )


def refusal_hint(source: Source, rows: int, rejected: int) -> str:
    """What to tell when most lines were refused, for whatever reason; "" when not."""
    if rejected <= rows:
        return ""
    return (
        f"warning: most lines are refused: {rejected:,} of {counted(rows + rejected, 'line')}\n"
        f"  why, line by line: tailrace parse {source.name} FILE\n"
        f"  is it a log of {source.name}? known: {', '.join(NAMES)}\n"
    )


def format_notes(source: Source, formats: Sequence[str]) -> str:
    """What to tell about formats that can be used, but may not be meant; "" when nothing."""
    return "".join(f"note: {said}\n" for each in formats if (said := source.note_of(each)))


def check_times(source: Source, formats: Sequence[str], log_group: str, settings: Settings) -> None:
    """Raise UsageError when the lines to come could not say when they happened."""
    declared = formats_of(formats, log_group, settings)
    if declared and not source.has_time(declared):
        raise UsageError(
            f"the format has no time, such as {source.time_from}",
            f"in {declared[0][:200]!r}",
            "add it where the log is written; tailrace parse reads such lines without it",
        )


def formats_of(formats: Sequence[str], log_group: str, settings: Settings) -> tuple[str, ...]:
    """Formats in force for lines said to come from a log group; empty: the source's default."""
    return tuple(formats) or settings.declared_formats().get(log_group, ())
