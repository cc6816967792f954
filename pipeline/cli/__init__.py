"""The command `tailrace`: data on stdout, everything else on stderr."""

import os
import sys
from contextlib import suppress
from typing import NoReturn

from pipeline.cli import streams
from pipeline.errors import TailraceError

# Else it is called after whatever process it runs in (`python -m pytest`).
NAME = "tailrace"
INTERRUPTED = 130
UNWANTED = ("pandas", "dateutil")


class _Without:
    """Makes modules look absent that pyarrow imports where they are installed, needed or not.

    pandas comes with its first array: 0.25 s of CPU, as much as a command's whole start, and no
    command but those that ask AWS needs it. So does dateutil, and a Ctrl-C that comes meanwhile is
    lost.
    """

    def __init__(self, *names: str) -> None:
        self._names = names

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        """Refuse these, leave everything else to the other finders."""
        if name in self._names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def let_all_in() -> None:
    """For a command that asks AWS: boto3 needs dateutil, awswrangler pandas."""
    sys.meta_path[:] = [each for each in sys.meta_path if not isinstance(each, _Without)]


def leave_out(*names: str) -> None:
    """For a command that needs less than others."""
    sys.meta_path.insert(0, _Without(*names))


def main() -> NoReturn:
    """Run the command line and end the process with its code."""
    # numpy would start a thread a core for linear algebra, which nothing here does on the floating
    # point numbers that it is for: 0.05 s of CPU.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    code = INTERRUPTED
    try:
        code = exit_code()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        # Not by sys.exit: the engine would wait on the way out for a statement that was left to
        # itself in the midst of a step, which may take minutes (DuckDB 2.0.1). Nor where another
        # Ctrl-C comes while the end is being told.
        os._exit(code)


def exit_code() -> int:
    """The code of the command line when it has run; the one place that ends for any error."""
    leave_out(*UNWANTED)
    streams.prepare()
    try:
        code = _run()
        if code != INTERRUPTED:
            sys.stdout.flush()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        # The reader has had enough (`| head`): as much as was wanted was said.
        code = 0
    except TailraceError as error:
        _say(_traceback() if _debugging() else f"error: {error}\n")
        code = error.exit_code
    except Exception as error:  # noqa: BLE001 - nobody is left to take it
        refused = streams.refusal(error) if isinstance(error, OSError) else None
        _say(
            f"error: {refused}\n"
            if refused and not _debugging()
            else _traceback()
            if _debugging()
            else f"error: this is a defect of Tailrace: {type(error).__name__}: {error}\n"
            "  run it again with: tailrace --debug ...\n  and report what it prints\n"
        )
        code = 1
    if code == INTERRUPTED:
        _say("interrupted\n")
    return streams.flushed(code)


def _traceback() -> str:
    import traceback

    return traceback.format_exc()


def _say(text: str) -> None:
    from pipeline.cli.output import say

    # Where standard error itself takes nothing, the code says all that can be said.
    with suppress(OSError):
        say(text)


def _run() -> int:
    # Imported here: Ctrl-C while a command is still loading ends like any other.
    from typer import TyperException

    from pipeline.cli.app import app
    from pipeline.cli.usage import said

    try:
        return int(app(prog_name=NAME, standalone_mode=False) or 0)
    except TyperException as error:
        _say(said(error))
        return error.exit_code
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):
            raise end.__context__ from None
        raise


def _debugging() -> bool:
    from pipeline.cli.app import debugging

    return debugging()
