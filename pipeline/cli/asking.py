"""Questions to whoever sits at the terminal, before what cannot be taken back."""

import sys

import typer

from pipeline.cli.output import say
from pipeline.errors import UsageError


def must_be_asked() -> None:
    """Raise UsageError where nobody can be asked."""
    if not sys.stdin.isatty():
        raise UsageError("nobody can be asked", "standard input is no terminal", "give --yes")


def ask(question: str, nothing: str) -> None:
    """Ask on the terminal; whoever does not say yes is done.

    nothing  what has not been done then: "nothing was erased"

    Raises UsageError where nobody can be asked.
    """
    must_be_asked()
    try:
        if typer.confirm(question, err=True):
            return
    except typer.Abort:
        # Ctrl-C and Ctrl-D are a no as well.
        say("\n")
    say(f"{nothing}\n")
    raise typer.Exit(1)
