"""Parameter overrides of samconfig.toml, read as SAM reads them, and refused where it misreads.

Of a value with blanks or quotes that stands in no quotes of its own SAM takes the first word, and
says nothing.

Source: aws-sam-cli, `samcli.cli.types.CfnParameterOverridesType` (held to it by a test).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.errors import UsageError

QUOTED = r"""\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'"""
WORD = re.compile(rf"([A-Za-z0-9]+)=({QUOTED}|[^\s\"'\\]+)")
WORDS = re.compile(rf"{WORD.pattern}(?: +{WORD.pattern})*")
OLDER = "ParameterKey="
PLAIN = re.compile(r"[^\s\"'\\]+")
SHOWN = 200
FIX = (
    "write Name=value; a value with blanks or quotes, or an empty one, in quotes of its own, and"
    ' quotes within as \\": \'Sources="{\\"/aws/waf\\": \\"waf\\"}"\''
)


def overrides(written: Any, where: str) -> dict[str, str]:
    """Values by parameter: of `A=1 B=2`, a list of such texts, or a table.

    Raises UsageError for what SAM would read otherwise than it looks, or not at all.
    """
    if isinstance(written, Mapping):
        return {name: _unquoted(value) for name, value in _of_table(written, where)}
    if not isinstance(written, str | list):
        raise UsageError(f"these are no overrides: {written}", where, FIX)
    found: dict[str, str] = {}
    for text in [written] if isinstance(written, str) else written:
        for name, value in _of_text(text, where):
            if name in found:
                raise UsageError(f"{name} is set twice", where, "leave one of them")
            found[name] = _unquoted(value)
    return found


def as_words(values: Mapping[str, str], where: str) -> list[str]:
    """Words of a command line of which SAM makes these values.

    Raises UsageError for a value of which it would make another.
    """
    return [f"{name}={_quoted(name, value, where)}" for name, value in values.items()]


def _quoted(name: str, value: str, where: str) -> str:
    if PLAIN.fullmatch(value):
        return value
    escaped = re.sub(r"[ \"']", r"\\\g<0>", value)
    # What stands behind a backslash ends one kind of quotes, but not the other.
    for written in (f'"{value}"', f'"{escaped}"', f"'{escaped}'"):
        if WORD.fullmatch(f"{name}={written}") and _unquoted(written) == value:
            return written
    fix = "leave out the backslash, or the quotes of one kind"
    raise UsageError(f"SAM cannot be given this {name}: {value[:SHOWN]}", where, fix)


def _of_text(text: Any, where: str) -> Iterator[tuple[str, str]]:
    if text == "":
        return
    # SAM takes blanks off the ends, knows no other mark between two words than a blank, and
    # where the older form stands anywhere nothing but that.
    if not isinstance(text, str) or OLDER in text or not WORDS.fullmatch(text.strip()):
        raise UsageError(f"SAM would not read this override: {str(text)[:SHOWN]}", where, FIX)
    for word in WORD.finditer(text.strip()):
        yield word[1], word[2]


def _of_table(written: Mapping[Any, Any], where: str) -> Iterator[tuple[str, str]]:
    for name, value in written.items():
        if name == "$include" or isinstance(value, Mapping):
            fix = "write it as Name = 'value'"
            raise UsageError(f"this override is not read: {name}", where, fix)
        if isinstance(value, list):
            value = ",".join(str(each).strip() for each in value if each not in (None, ""))
        yield str(name), str(value)


def _unquoted(value: str) -> str:
    if value and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    return value.replace("\\ ", " ").replace('\\"', '"').replace("\\'", "'")
