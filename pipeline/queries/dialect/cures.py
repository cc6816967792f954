"""What DuckDB would silently answer differently from Trino, rewritten until it does not.

A cure takes a typed node of Athena's tree and returns what takes its place, or None to leave it.
Where no short cure exists the node is refused. The values were measured on Trino 476.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from sqlglot import exp

from pipeline.queries.dialect import casts
from pipeline.queries.dialect.trees import FLOATS, TEXTS, WHOLES, call, refuse

Cure = Callable[[exp.Expr], exp.Expr | None]
_WHOLE_UNITS = ("second", "minute", "hour", "day", "week", "month", "quarter", "year")
_PARTS = ("year", "quarter", "month", "week", "day", "dow", "doy", "hour", "minute", "second")
_TIMES = ("date", "timestamp", "timestamptz")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_FAMILIES = (
    ("text", TEXTS),
    ("a number", (*WHOLES, *FLOATS, "decimal")),
    ("a time", _TIMES),
    ("true or false", ("boolean",)),
)


def apply(tree: exp.Expr) -> exp.Expr:
    """Cure a whole tree, innermost first: a cure may look at the types of what is inside."""
    # Around the tree, so that its root can be replaced like any other node.
    root = exp.Paren(this=tree)
    for node in reversed(list(tree.walk())):
        cure = CURES.get(type(node))
        cured = cure(node) if cure else None
        if cured is not None:
            cured.type = node.type
            node.replace(cured)
    cured_tree: exp.Expr = root.this
    return cured_tree


def _whole_units(node: exp.Expr) -> exp.Expr | None:
    unit = node.args["unit"].name.lower()
    if unit not in _WHOLE_UNITS:
        return None if unit == "millisecond" else _no_unit(node)
    return call("date_sub", exp.Literal.string(unit), node.expression, node.this)


def _no_unit(node: exp.Expr) -> exp.Expr:
    raise refuse(node, "the unit is unknown", f"known: {', '.join(_WHOLE_UNITS)}, millisecond")


def _as_bigint(node: exp.Expr) -> exp.Expr | None:
    """sum and count_if: DuckDB's are 128 bits wide. Around the window, not inside it."""
    if isinstance(node.parent, exp.Window | exp.Filter) and node.arg_key == "this":
        return None
    core = node
    while isinstance(core, exp.Window | exp.Filter):
        core = core.this
    if isinstance(core, exp.Sum | exp.CountIf) and core.is_type("bigint"):
        return exp.Cast(this=node.copy(), to=exp.DataType.build("bigint"))
    return None


def _divide(node: exp.Expr) -> exp.Expr | None:
    if node.is_type("decimal"):
        fix = "write one side as 1e0, or CAST(x AS double)"
        raise refuse(node, "Athena divides decimals to few digits", fix)
    # The engine divides whole numbers whole by itself; sqlglot would go through a double.
    node.set("typed", False)
    node.set("safe", False)
    return None


def _mean(node: exp.Expr) -> exp.Expr | None:
    if node.this.is_type("decimal"):
        raise refuse(node, "Athena averages decimals to few digits", "write avg(CAST(x AS double))")
    return None


def _round(node: exp.Expr) -> exp.Expr | None:
    places = node.args.get("decimals")
    if places is None or not node.this.is_type(*FLOATS):
        return None
    scale = exp.Paren(this=call("pow", exp.Literal.number("1e1"), places))
    scaled = exp.Mul(this=exp.Paren(this=node.this.copy()), expression=scale)
    return exp.Paren(this=exp.Div(this=call("round", scaled), expression=scale.copy()))


def _keep_date(node: exp.Expr) -> exp.Expr | None:
    """date_trunc and date_add of a date: DuckDB makes it a timestamp."""
    if node.this.is_type("date"):
        return exp.Cast(this=node.copy(), to=exp.DataType.build("date"))
    return None


def _shift(node: exp.Expr) -> exp.Expr | None:
    sides = (node.this, node.expression)
    dates = [side for side in sides if side.is_type(*_TIMES)]
    spans = [side for side in sides if isinstance(side, exp.Interval)]
    if len(dates) == 2 or len(spans) == 2:
        raise refuse(node, "the engine here has no such lengths", "write date_diff('second', a, b)")
    if dates and dates[0].is_type("date"):
        if any(span.text("unit").lower() in ("hour", "minute", "second") for span in spans):
            raise refuse(node, "a date has no hours", "cast it to timestamp before")
        return exp.Cast(this=exp.Paren(this=node.copy()), to=exp.DataType.build("date"))
    return None


def _extract(node: exp.Expr) -> exp.Expr | None:
    part = node.name.lower()
    if part not in _PARTS:
        raise refuse(node, "this part of a time is unknown", f"known: {', '.join(_PARTS)}")
    if part == "dow":
        return call("isodow", node.expression)
    return None


def _by(name: str) -> Cure:
    def cure(node: exp.Expr) -> exp.Expr:
        if node.args.get("count"):
            raise refuse(node, "only one value can be asked for", "use ORDER BY and LIMIT")
        return call(name, node.this, node.expression)

    return cure


def _macro(name: str, *keys: str) -> Cure:
    def cure(node: exp.Expr) -> exp.Expr:
        return call(name, *(node.args[key] for key in keys if node.args.get(key) is not None))

    return cure


def _without(*keys: str) -> Cure:
    def cure(node: exp.Expr) -> None:
        if any(node.args.get(key) for key in keys):
            raise refuse(node, "one argument too many for the engine here", "leave the last out")

    return cure


def _regexp_extract(node: exp.Expr) -> exp.Expr:
    pattern, group = node.expression, node.args["group"]
    optional = re.search(r"\)[?*{]|\|", pattern.name)
    if group.name != "0" and (optional or not isinstance(pattern, exp.Literal)):
        raise refuse(node, "a group that may take no part", "extract the whole match, or use split")
    return call("tr_regexp_extract", node.this, pattern, group)


def _regexp_replace(node: exp.Expr) -> exp.Expr:
    text = node.args.get("replacement") or exp.Literal.string("")
    if not isinstance(text, exp.Literal) or re.search(r"\\|\$(?![0-9](?![0-9]))", text.name):
        raise refuse(node, "only text and $1 to $9 can stand in for a match", "write replace(..)")
    written = exp.Literal.string(re.sub(r"\$([0-9])", r"\\\1", text.name))
    flags = exp.Literal.string("g")
    return call("regexp_replace", node.this, node.expression, written, flags)


def _sequence(node: exp.Expr) -> exp.Expr | None:
    start, end = node.args["start"], node.args["end"]
    if start.is_type("date"):
        raise refuse(node, "a sequence of dates", "write it with timestamps")
    if node.args.get("step") is not None:
        return None
    down = exp.GT(this=start.copy(), expression=end.copy())
    step = exp.Case().when(down, exp.Literal.number(-1)).else_(exp.Literal.number(1))
    return call("generate_series", start, end, step)


def _reverse(node: exp.Expr) -> exp.Expr | None:
    return None if node.this.is_type(*TEXTS) else call("list_reverse", node.this)


def _cardinality(node: exp.Expr) -> exp.Expr | None:
    return call("cardinality", node.this) if node.this.is_type("map") else None


def _comparable(node: exp.Expr) -> exp.Expr | None:
    """Athena compares like with like only; DuckDB would cast."""
    if isinstance(node.args.get("expression"), exp.Any | exp.All):
        return None
    others = (node.args.get(key) for key in ("expression", "low", "high"))
    sides = [node.this, *(side for side in others if side), *node.expressions]
    kinds = [kind for kind in map(_family, sides) if kind]
    other = next((kind for kind in kinds if kind != kinds[0]), None)
    if other:
        raise refuse(node, f"Athena does not compare {kinds[0]} with {other}", _to_compare(sides))
    return None


def _family(node: exp.Expr) -> str | None:
    return next((name for name, types in _FAMILIES if node.is_type(*types)), None)


def _to_compare(sides: Sequence[exp.Expr]) -> str:
    wanted = next((_family(side) for side in sides if not isinstance(side, exp.Literal)), None)
    for literal in (side for side in sides if isinstance(side, exp.Literal)):
        if wanted == "a number" and literal.is_string and _NUMBER.fullmatch(literal.name):
            return f"write {literal.name} without quotes"
        if wanted == "text" and not literal.is_string:
            return f"write '{literal.name}' in single quotes"
    return "write a time as TIMESTAMP '2026-11-25 14:00:00', text in quotes, or CAST one side"


CURES: Mapping[type[exp.Expr], Cure] = {
    exp.DateDiff: _whole_units,
    exp.Cast: casts.cure,
    exp.TryCast: casts.cure,
    **dict.fromkeys((exp.Sum, exp.CountIf, exp.Window, exp.Filter), _as_bigint),
    exp.Div: _divide,
    exp.Avg: _mean,
    exp.Round: _round,
    **dict.fromkeys((exp.TimestampTrunc, exp.DateTrunc, exp.DateAdd), _keep_date),
    **dict.fromkeys((exp.Add, exp.Sub), _shift),
    exp.Extract: _extract,
    exp.ArgMax: _by("arg_max_null"),
    exp.ArgMin: _by("arg_min_null"),
    exp.SplitPart: _macro("tr_split_part", "this", "delimiter", "part_index"),
    exp.Substring: _macro("tr_substr", "this", "start", "length"),
    exp.ArrayContains: _macro("tr_contains", "this", "expression"),
    exp.JSONExtractScalar: _macro("tr_json_scalar", "this", "expression"),
    exp.Split: _without("limit"),
    exp.StrPosition: _without("occurrence", "position"),
    exp.RegexpExtract: _regexp_extract,
    exp.RegexpReplace: _regexp_replace,
    exp.ArraySize: _cardinality,
    exp.GenerateSeries: _sequence,
    exp.Reverse: _reverse,
    exp.UnixToTime: _without("zone", "hours", "minutes", "format"),
    **dict.fromkeys(
        (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between, exp.In, exp.NullSafeNEQ),
        _comparable,
    ),
}
