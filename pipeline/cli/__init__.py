"""The command `tailrace`: data on stdout, everything else on stderr."""

import sys
from importlib.abc import MetaPathFinder

from pipeline.errors import TailraceError

INTERRUPTED = 130


class _WithoutPandas(MetaPathFinder):
    """Makes pandas look absent: where it is installed pyarrow imports it with its first array.

    That is 0.25 s of CPU, as much as a command's whole start, and no command needs it.
    """

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        """Refuse pandas, leave everything else to the other finders."""
        if name == "pandas":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def main() -> None:
    """Run the command line and exit with its code; the one place that ends for any error."""
    sys.meta_path.insert(0, _WithoutPandas())
    try:
        _run()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader has had enough (`| head`); Python would complain again while it ends.
        sys.stderr.close()
        sys.exit(1)
    except TailraceError as error:
        if _debugging():
            raise
        sys.stderr.write(f"error: {error}\n")
        sys.exit(error.exit_code)
    except Exception as error:
        if _debugging():
            raise
        sys.stderr.write(
            f"error: this is a defect of Tailrace: {type(error).__name__}: {error}\n"
            "  run it again with: tailrace --debug ...\n  and report what it prints\n"
        )
        sys.exit(1)


def _run() -> None:
    # Imported here: Ctrl-C while a command is still loading ends like any other.
    from pipeline.cli.app import app

    app(standalone_mode=True)


def _debugging() -> bool:
    from pipeline.cli.app import debugging

    return debugging()
