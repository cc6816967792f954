"""Templates of CloudFormation as YAML that people can read: the few forms that ours have.

JSON would do for machines, but has no comments and no lines in a text.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

WIDTH = 98
_MADE = "# Made from the declarations by `python -m pipeline.derive`; do not edit.\n"
# What YAML 1.1 takes for nothing but a text, whichever reader it has.
_PLAIN = re.compile(r"[A-Za-z/_][A-Za-z0-9_./:-]*[A-Za-z0-9_/]|[A-Za-z]")
_WORDS = ("true", "false", "yes", "no", "on", "off", "null", "y", "n")


def page(about: str, template: dict[str, Any]) -> str:
    """A file: what it is about, as comments, and the template."""
    head = "".join(f"# {line}\n" for line in about.splitlines())
    sections = ["\n".join(_lines({name: part})) for name, part in template.items()]
    return f"{_MADE}{head}\n" + "\n\n".join(sections) + "\n"


def _lines(value: Any) -> Iterator[str]:
    """The lines of a map or a list that is not empty."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _entry(f"{_scalar(key)}:", part)
    else:
        for part in value:
            yield from _entry("-", part)


def _entry(head: str, value: Any) -> Iterator[str]:
    """A key, or the dash of a list, with its value: on its line when there is room for it."""
    if isinstance(value, str) and ("\n" in value or len(head) + len(value) > WIDTH):
        yield f"{head} |-"
        yield from (f"  {line}" if line else "" for line in value.split("\n"))
        return
    short = f"{head} {_flow(value)}"
    fits = len(short) <= WIDTH and "\\n" not in short
    if fits or not value or not isinstance(value, dict | list):
        yield short
        return
    inner = [f"  {line}" if line else "" for line in _lines(value)]
    if head == "-":
        yield f"- {inner[0][2:]}"
        yield from inner[1:]
    else:
        yield head
        yield from inner


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(k)}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)
