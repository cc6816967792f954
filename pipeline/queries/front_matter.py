"""A saved query: one file of Athena SQL with its description in the comments above it.

    -- name: top_talkers
    -- title: Top talkers
    -- description: Addresses that sent most of the accepted bytes.
    -- subject: traffic                                one of SUBJECTS: where a list shows it
    -- panel: ranking                                  how a page draws it
    -- since: 1h                                       the window when none is asked for
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
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.queries.parameters import Parameter
from pipeline.settings import Prices

ONCE = ("name", "title", "description", "subject", "panel", "since", "lookback")
# In the order of lists, and what each is called there.
SUBJECTS = {
    "traffic": "Traffic",
    "security": "Security",
    "cost": "Cost",
    "applications": "Applications",
    "health": "Is anything missing?",
}
PRICES = Prices()
PRICE = "prices."
_LINE = re.compile(r"-- (\w+): (\S.*)")
_PARAM = re.compile(
    r"(?P<name>\w+) (?P<type>\w+)(?: (?P<low>-?\d+)\.\.(?P<high>-?\d+))?"
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
    lookback: str = ""
    params: tuple[Parameter, ...] = ()
    columns: tuple[Column, ...] = ()
    path: Path | None = None

    def at(self, prices: Prices) -> "SavedQuery":
        """The same query with the prices in force as defaults."""
        return replace(self, params=tuple(_priced(each, prices) for each in self.params))


def read(path: Path, prices: Prices = PRICES) -> SavedQuery:
    """The saved query of a file; `prices` are the defaults of parameters that ask for one.

    Raises ValueError, naming file and line, for front matter that is not of the form above.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    said: dict[str, list[str]] = defaultdict(list)
    for number, line in enumerate(lines, 1):
        found = _LINE.fullmatch(line)
        if not found:
            break
        key, text = found.groups()
        if key not in (*ONCE, "param", "column") or (key in ONCE and said[key]):
            raise ValueError(f"{path}:{number}: {key} is unknown or said twice")
        said[key].append(text)
    if said["subject"] and said["subject"][0] not in SUBJECTS:
        raise ValueError(f"{path}: the subject is one of {', '.join(SUBJECTS)}")
    missing = [key for key in ONCE if key != "lookback" and not said[key]]
    if missing:
        raise ValueError(f"{path}: the front matter does not say {', '.join(missing)}")
    return SavedQuery(
        **{key: said[key][0] for key in ONCE if said[key]},
        sql=_statement(lines),
        params=tuple(_param(path, text) for text in said["param"]),
        columns=tuple(_column(path, text) for text in said["column"]),
        path=path,
    ).at(prices)


def _priced(parameter: Parameter, prices: Prices) -> Parameter:
    if not parameter.price:
        return parameter
    return replace(parameter, default=str(getattr(prices, parameter.price)))


def _statement(lines: list[str]) -> str:
    first = next((n for n, line in enumerate(lines) if line and not line.startswith("--")), 0)
    return "\n".join(lines[first:])


def _param(path: Path, text: str) -> Parameter:
    found = _PARAM.fullmatch(text)
    if not found:
        raise ValueError(f"{path}: not a parameter: {text}")
    low, high = found["low"], found["high"]
    limits = (int(low), int(high)) if low else None
    default, price = found["default"], ""
    if default is not None and default.startswith(PRICE):
        price = default.removeprefix(PRICE)
        if price not in Prices.__struct_fields__ or found["type"] != "double":
            known = ", ".join(Prices.__struct_fields__)
            raise ValueError(f"{path}: not a price: {text}; known as double: {known}")
    return Parameter(found["name"], found["type"], default, limits, found["doc"] or "", price)


def _column(path: Path, text: str) -> Column:
    found = _COLUMN.fullmatch(text)
    if not found:
        raise ValueError(f"{path}: not a column: {text}")
    return Column(found["name"], found["type"], found["unit"] or "", found["doc"] or "")
