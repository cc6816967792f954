"""Parameters of queries: declared with a type, read from text, bound by name, never formatted."""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.errors import UsageError

Value = str | int | float | bool | datetime | None
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
_RANGES = {"integer": (-(2**31), 2**31 - 1), "bigint": (-(2**63), 2**63 - 1)}
# As long as JSON writes a double.
_NUMBER = re.compile(r"[+-]?[0-9]{1,17}(\.[0-9]{1,21})?([eE][+-]?[0-9]{1,3})?")
MOST = sys.float_info.max
TYPES = ("varchar", "boolean", "double", *_RANGES)
_WORDS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A declared parameter; `default` is text, None: it must be given. `limits` both included.

    price  name of the price among the settings that is its default; "" for none
    """

    name: str
    type: str
    default: str | None = None
    limits: tuple[int, int] | None = None
    doc: str = ""
    price: str = ""

    def read(self, given: object) -> Value:
        """The value of what was given, text or already a value.

        Raises ValueError saying what was expected.
        """
        text = str(given)
        if self.type == "varchar":
            return _text(text)
        if self.type == "boolean":
            return _truth(text)
        if self.type == "double":
            return self._number(text)
        return self._whole(text)

    def _whole(self, text: str) -> int:
        low, high = self.limits or _RANGES[self.type]
        if not _WHOLE.fullmatch(text) or not low <= int(text) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    def _number(self, text: str) -> float:
        low, high = self.limits or (-MOST, MOST)
        if not _NUMBER.fullmatch(text) or not low <= float(text) <= high:
            raise ValueError(f"a number from {low} to {high}" if self.limits else "a number")
        return float(text)


def _text(text: str) -> str:
    # Bytes of a command line that are no UTF-8 arrive as surrogates.
    if text.encode("utf-8", "replace").decode() != text:
        raise ValueError("valid text")
    return text


def _truth(text: str) -> bool:
    if text.lower() not in _WORDS:
        raise ValueError("true or false")
    return _WORDS[text.lower()]


def read_all(
    query: str, declared: Sequence[Parameter], given: Mapping[str, object]
) -> dict[str, Value]:
    """Values of all declared parameters of a query, by name.

    Raises UsageError for an unknown name, a wrong value or one that is missing.
    """
    names = [parameter.name for parameter in declared]
    for name in given:
        if name not in names:
            raise UsageError(
                f"{query} has no parameter {name}", "", f"it takes: {described(declared)}"
            )
    return {
        parameter.name: _read(query, parameter, given.get(parameter.name, parameter.default))
        for parameter in declared
    }


def described(declared: Sequence[Parameter]) -> str:
    """The parameters and their defaults in one line."""
    shown = [f"{p.name}={'' if p.default is None else p.default}" for p in declared]
    return " ".join(shown) or "none"


def _read(query: str, parameter: Parameter, given: object) -> Value:
    if given is None:
        raise UsageError(
            f"{query} needs the parameter {parameter.name}",
            parameter.doc,
            f"try: -p {parameter.name}=VALUE",
        )
    try:
        return parameter.read(given)
    except ValueError as error:
        raise UsageError(
            f"parameter {parameter.name} of {query} is not {error}: {given!r}",
            parameter.doc,
            f"it is of type {parameter.type}, by default {parameter.default}",
        ) from error
