"""How calls are written; and those that are wrong, said as every other error."""

import sys
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand

from pipeline.errors import UsageError

if TYPE_CHECKING:
    from typer import TyperException

HELP = "Usage: "


class Plain(TyperCommand):
    """A command whose usage is written as everywhere else: SOURCE, where typer has {SOURCE}."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The words of the usage behind the command's name."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]


def said(error: "TyperException") -> str:
    """What to tell on stderr about a call that cannot be read."""
    message = error.format_message()
    if message.startswith(HELP):
        # A call without any word is answered with the help.
        return message + "\n"
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "tailrace"
    what, _, hint = message.partition(". " if "Did you mean" in message else " (Possible options: ")
    nearest = hint.rstrip(")?").replace("Did you mean ", "").replace("'", "")
    see = f"all there is: {command} --help"
    option = getattr(error, "option_name", "")
    parameter = _as_parameter(option) if command.endswith(" query") and option else ""
    if parameter:
        nearest, see = "", f"a parameter of a query is given so: {parameter}"
    what = (what[:1].lower() + what[1:]).rstrip(".")
    return f"error: {UsageError(what, nearest and f'nearest: {nearest}', see)}\n"


def _as_parameter(option: str) -> str:
    """How what was given as an option is given to a saved query; "" when no query takes it."""
    from pipeline.queries import catalogue

    name = option.lstrip("-").replace("-", "_")
    names = {parameter.name for query in catalogue.readable() for parameter in query.params}
    return f"-p {name}={_value_of(option)}" if name in names else ""


def _value_of(option: str) -> str:
    words = sys.argv[1:]
    for word, after in zip(words, [*words[1:], ""], strict=True):
        if word.partition("=")[0] == option:
            return word.partition("=")[2] or after or "VALUE"
    return "VALUE"
