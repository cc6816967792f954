"""Arrays, and the functions that are given a function: transform, filter, any_match, reduce."""

from collections.abc import Mapping

from sqlglot import exp
from sqlglot.expressions import DType

from pipeline.queries.dialect import nans
from pipeline.queries.dialect.trees import (
    FLOATS,
    TEXTS,
    WHOLES,
    Cure,
    Cures,
    Named,
    call,
    cast,
    element_of,
    is_unknown,
    passed_to,
    refuse,
    renamed,
    text,
)  # fmt: skip


def bind(lambda_: exp.Expr, values: Mapping[str, exp.Expr]) -> exp.Expr:
    """The body of x -> .., with expressions in place of its parameters."""
    body = exp.Paren(this=lambda_.this.copy())
    for name in list(body.find_all(exp.Identifier)):
        value = values.get(name.name)
        if value is not None and not isinstance(name.parent, exp.Column):
            name.replace(value.copy())
    return body


def parameters(lambda_: exp.Expr) -> list[str]:
    """The names before the arrow."""
    return [each.name for each in lambda_.expressions]


def _sequence(node: exp.Expr) -> exp.Expr:
    start, end, step = node.args["start"], node.args["end"], node.args.get("step")
    if start.is_type(DType.DATE):
        step = step or exp.Interval(this=text("1"), unit=exp.var("DAY"))
        return cast(call("tr_few", call("generate_series", start, end, step)), "date[]")
    if step is None and start.is_type(DType.TIMESTAMP, DType.TIMESTAMPTZ):
        raise refuse(node, "a sequence of times needs its step", "add INTERVAL '1' HOUR")
    down = exp.GT(this=start.copy(), expression=end.copy())
    by_one = exp.Case().when(down, exp.Literal.number(-1)).else_(exp.Literal.number(1))
    return call("tr_few", call("generate_series", start, end, step or by_one))


def _size(node: exp.Expr) -> exp.Expr | None:
    return call("cardinality", node.this) if node.this.is_type(DType.MAP) else None


def _at(node: exp.Expr) -> exp.Expr | None:
    """element_at."""
    return call("tr_at", node.this, node.expressions[0]) if node.this.is_type(DType.ARRAY) else None


def _slice(node: exp.Expr) -> exp.Expr:
    return call("tr_slice", node.this, node.args["start"], node.args["end"])


def _join(node: exp.Expr) -> exp.Expr | None:
    element = element_of(node.this)
    if element is None:
        fix = "write array_join(transform(a, x -> CAST(x AS varchar)), ', ')"
        raise refuse(node, "the type of the elements is not known here", fix)
    if not element.is_type(*TEXTS, *WHOLES, DType.BOOLEAN, DType.DATE, DType.UNKNOWN, DType.NULL):
        raise refuse(node, "its elements read differently as text on Athena", "cast them before")
    return None


def _max(node: exp.Expr) -> exp.Expr:
    element = element_of(node.this)
    if element is not None:
        nans.greatest(node, element)
    return call("tr_array_max", node.this)


def _sort(node: exp.Expr) -> exp.Expr | None:
    if node.args.get("expression") is not None:
        fix = "sort where it is made: array_agg(x ORDER BY y DESC)"
        raise refuse(node, "an array is sorted by its values here", fix)
    return None


def _repeat(node: exp.Expr) -> exp.Expr:
    """repeat: an array; DuckDB's repeats text."""
    times = call("range", exp.Literal.number(0), node.args["times"])
    one = exp.Lambda(this=node.this.copy(), expressions=[exp.to_identifier("tr_i")])
    return call("list_transform", times, one)


def _match(name: str, inverse: bool = False) -> Cure:
    def cure(node: exp.Expr) -> exp.Expr:
        array, condition = node.expressions
        matched = call(name, call("list_transform", array, condition))
        return exp.Paren(this=exp.Not(this=matched)) if inverse else matched

    return cure


def _reduce(node: exp.Expr) -> exp.Expr:
    finish, start = node.args["finish"], node.args["initial"]
    merge = node.args["merge"]
    element = element_of(node.this)
    if element is None or is_unknown(start) or is_unknown(merge.this):
        fix = "use transform, filter and array_max, or UNNEST with sum, min or max"
        raise refuse(node, "the type of what it gathers is not known here", fix)
    # The engine keeps what it gathers in the type of the elements.
    widest = _widest(node, start, merge.this, element)
    array = cast(node.this, f"{widest}[]")
    gathered = call("list_reduce", array, merge, cast(start, widest))
    (name,) = parameters(finish)
    return bind(finish, {name: gathered})


def _widest(node: exp.Expr, start: exp.Expr, merged: exp.Expr, element: exp.DataType) -> str:
    sides = (start.type, merged.type, element)
    if all(side and side.is_type(*TEXTS) for side in sides):
        return "varchar"
    if all(side and side.is_type(*WHOLES) for side in sides):
        return "bigint"
    numbers = all(side and side.is_type(*WHOLES, *FLOATS) for side in sides)
    if numbers and start.is_type(DType.DOUBLE):
        return "double"
    fix = "begin with 0e0 for a double, and gather numbers or text alone"
    raise refuse(node, "what it gathers changes its type", fix)


def _unnest(node: exp.Expr) -> exp.Expr | None:
    if len(node.expressions) > 1:
        fix = "UNNEST(sequence(1, cardinality(a))) AS t(i), with element_at(a, i)"
        raise refuse(node, "one array can be unnested at a time", fix)
    source = node.expressions[0]
    if source.is_type(DType.MAP):
        fix = "UNNEST(map_keys(m)) AS t(k), with element_at(m, k)"
        raise refuse(node, "a map cannot be unnested here", fix)
    element = element_of(source)
    if element is not None and element.is_type(DType.STRUCT):
        raise refuse(node, "rows cannot be unnested here", "UNNEST(map_keys(m)) AS t(k)")
    return None


CURES: Cures = {
    exp.ArrayDistinct: passed_to("tr_distinct", "this"),
    exp.ArrayExcept: passed_to("tr_except", "this", "expression"),
    exp.ArrayIntersect: lambda node: call("tr_intersect", *node.expressions),
    exp.ArrayPosition: passed_to("tr_position", "this", "expression"),
    exp.ArrayMin: passed_to("tr_array_min", "this"),
    exp.ArrayMax: _max,
    exp.ArrayRemove: passed_to("tr_remove", "this", "expression"),
    exp.ArraySlice: _slice,
    exp.ArraySize: _size,
    exp.ArrayToString: _join,
    exp.ArraySort: _sort,
    exp.Bracket: _at,
    exp.GenerateSeries: _sequence,
    exp.Repeat: _repeat,
    exp.Reduce: _reduce,
    exp.Unnest: _unnest,
}
NAMED: Named = {
    "array_union": renamed("tr_union", 2),
    "arrays_overlap": renamed("tr_overlap", 2),
    "any_match": _match("tr_any"),
    "all_match": _match("tr_all"),
    "none_match": _match("tr_any", inverse=True),
}
