"""A saved query: one file of Athena SQL with its description in the comments above it.

    -- name: top_talkers
    -- title: Top talkers
    -- description: Addresses that sent most of the accepted bytes.
    -- subject: traffic                                one of SUBJECTS: where a list shows it
    -- panel: ranking                                  how a page draws it
    -- since: 1h                                       the window when none is asked for
    -- needs: encryption-status in ..                  optional: what a log may not have
    -- lookback: 7d                                    optional: it also reads that far back
    -- param: NAME TYPE [LOW..HIGH] [= DEFAULT] [-- doc]
    -- column: NAME TYPE [(unit)] [-- doc]             in the order of SELECT

A default of the form prices.KEY is the setting of that name; the value is bound like any other.

Units: bytes, share (a part of one), usd and seconds are drawn as such; every other is the noun of
what was counted. An empty comment ends the front matter; what follows up to the statement is for
who reads the file.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.errors import HomeError, UsageError
from pipeline.queries import window
from pipeline.queries.parameters import TYPES, Parameter
from pipeline.settings import Prices

ONCE = ("name", "title", "description", "subject", "panel", "since", "needs", "lookback")
OPTIONAL = ("needs", "lookback")
# In the order of lists, and what each is called there.
SUBJECTS = {
    "traffic": "Traffic",
    "web": "Web",
    "security": "Security",
    "cost": "Cost",
    "applications": "Applications",
    "health": "Is anything missing?",
}
PRICES = Prices()
PRICE = "prices."
FIX = "correct the file"
# Where something is said, and what.
Said = tuple[int, str]
_LINE = re.compile(r"-- (\w+): (\S.*)")
_PARAM = re.compile(
    r"(?P<name>\w+) (?P<type>\w+)(?: (?P<low>-?[0-9]{1,19})\.\.(?P<high>-?[0-9]{1,19}))?"
    r"(?: = (?P<default>.*?))?(?: -- (?P<doc>.*))?"
)
_COLUMN = re.compile(
    r"(?P<name>\w+) (?P<type>\w+(?:\(.*?\))?)(?: \((?P<unit>\w+)\))?(?: -- (?P<doc>.*))?"
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the answer; `type` as Athena says it."""

    name: str
    type: str
    unit: str = ""
    doc: str = ""


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A query and what is known about it; `sql` is the statement, in Athena's dialect."""

    name: str
    sql: str
    title: str = ""
    description: str = ""
    subject: str = ""
    panel: str = ""
    since: str = ""
    needs: str = ""
    lookback: str = ""
    params: tuple[Parameter, ...] = ()
    columns: tuple[Column, ...] = ()
    path: Path | None = None

    def at(self, prices: Prices) -> "SavedQuery":
        """The same query with the prices in force as defaults."""
        return replace(self, params=tuple(_priced(each, prices) for each in self.params))


def read(path: Path, prices: Prices = PRICES) -> SavedQuery:
    """The saved query of a file; `prices` are the defaults of parameters that ask for one.

    Raises HomeError, naming file and line, for a file that cannot be read, or whose front matter is
    not of the form above.
    """
    lines = _lines(path)
    said = _said(path, lines)
    missing = [key for key in ONCE if key not in OPTIONAL and not said[key]]
    if missing:
        raise _wrong(path, 1, f"the front matter does not say {', '.join(missing)}")
    _check_once(path, said)
    names = [text.split()[0] for _, text in said["param"]]
    return SavedQuery(
        **{key: said[key][0][1] for key in ONCE if said[key]},
        sql=_statement(path, lines),
        params=tuple(
            _param(path, number, text, names[:place])
            for place, (number, text) in enumerate(said["param"])
        ),
        columns=tuple(_column(path, number, text) for number, text in said["column"]),
        path=path,
    ).at(prices)


def _wrong(path: Path, number: int, what: str) -> HomeError:
    return HomeError(f"a saved query is not as it must be: {what}", f"at {path}:{number}", FIX)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        what = f"a saved query cannot be read: {error.strerror}"
        raise HomeError(what, f"at {path}", "take the file away, or let it be read") from error
    except UnicodeDecodeError as error:
        number = error.object[: error.start].count(b"\n") + 1
        raise _wrong(path, number, "it is no UTF-8") from error


def _said(path: Path, lines: list[str]) -> dict[str, list[Said]]:
    """What the front matter says, by its key."""
    said: dict[str, list[Said]] = defaultdict(list)
    for number, line in enumerate(lines, 1):
        found = _LINE.fullmatch(line)
        if not found:
            break
        key, text = found.groups()
        if key not in (*ONCE, "param", "column") or (key in ONCE and said[key]):
            raise _wrong(path, number, f"{key} is unknown or said twice")
        said[key].append((number, text))
    return said


def _check_once(path: Path, said: dict[str, list[Said]]) -> None:
    ((number, name),), ((at, subject),) = said["name"], said["subject"]
    if name != path.stem:
        raise _wrong(path, number, f"the name is {name}, the file's is {path.stem}")
    if subject not in SUBJECTS:
        raise _wrong(path, at, f"the subject is one of {', '.join(SUBJECTS)}")
    for number, length in (*said["since"], *said["lookback"]):
        try:
            window.span(length)
        except UsageError as error:
            raise _wrong(path, number, f"{error.what}; {error.fix}") from error


def _priced(parameter: Parameter, prices: Prices) -> Parameter:
    if not parameter.price:
        return parameter
    return replace(parameter, default=str(getattr(prices, parameter.price)))


def _statement(path: Path, lines: list[str]) -> str:
    for place, line in enumerate(lines):
        if line and not line.startswith("--"):
            return "\n".join(lines[place:])
    raise _wrong(path, len(lines), "there is no statement")


def _param(path: Path, number: int, text: str, before: list[str]) -> Parameter:
    found = _PARAM.fullmatch(text)
    if not found:
        raise _wrong(path, number, f"not a parameter: {text}")
    low, high = found["low"], found["high"]
    limits = (int(low), int(high)) if low else None
    default, price = found["default"], ""
    if default is not None and default.startswith(PRICE):
        price = default.removeprefix(PRICE)
    parameter = Parameter(found["name"], found["type"], default, limits, found["doc"] or "", price)
    for what in _faults(parameter, before):
        raise _wrong(path, number, f"{what}: {text}")
    return parameter


def _faults(parameter: Parameter, before: list[str]) -> Iterator[str]:
    """What is wrong with a parameter; `before`: the names of those that stand above it."""
    limits = parameter.limits
    if parameter.name in before:
        yield "the parameter is declared twice"
    if parameter.name in window.TYPES:
        yield "the parameter has a name of the window's"
    if parameter.type not in TYPES:
        yield f"the type is one of {', '.join(TYPES)}"
    if limits and (parameter.type in ("varchar", "boolean") or limits[0] > limits[1]):
        yield "only a number has limits, the lower one first"
    if parameter.price:
        if parameter.price not in Prices.__struct_fields__ or parameter.type != "double":
            yield f"not a price; known as double: {', '.join(Prices.__struct_fields__)}"
    elif parameter.default is not None:
        try:
            parameter.read(parameter.default)
        except ValueError as error:
            yield f"the default is not {error}"


def _column(path: Path, number: int, text: str) -> Column:
    found = _COLUMN.fullmatch(text)
    if not found:
        raise _wrong(path, number, f"not a column: {text}")
    return Column(found["name"], found["type"], found["unit"] or "", found["doc"] or "")
