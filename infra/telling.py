"""Words to a person: data to stdout, everything else to stderr."""

import sys
from collections.abc import Sequence


def tell(text: str) -> None:
    """Print what was asked for."""
    sys.stdout.write(f"{text}\n")


def say(text: str) -> None:
    """Print what happens, or what somebody should know."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()  # before what a command that we run says


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows of text under a head, in columns."""
    lines = [head, *rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
