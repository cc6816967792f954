"""Maps: their entries are rows of a key and a value here."""

from collections.abc import Callable

from sqlglot import exp

from pipeline.queries.dialect.arrays import bind, parameters
from pipeline.queries.dialect.trees import Named, call, refuse, renamed, text

Body = Callable[[exp.Expr, exp.Expr, exp.Expr], exp.Expr]


def _over_entries(name: str, node: exp.Expr, body: Body) -> exp.Expr:
    """A function of DuckDB over the entries of a map, and a map again.

    body  made of the key and the value of an entry
    """
    function = node.expressions[1]
    if not isinstance(function, exp.Lambda) or len(function.expressions) != 2:
        raise refuse(node, "a function of key and value is wanted", "write (k, v) -> ..")
    # Functions inside have fewer inside themselves: so no two of a nest have one name.
    entry = exp.to_identifier(f"tr_entry_{len(list(function.this.find_all(exp.Lambda)))}")
    key, value = (call("struct_extract", entry, text(part)) for part in ("key", "value"))
    bound = bind(function, dict(zip(parameters(function), (key, value), strict=True)))
    over = exp.Lambda(this=body(key, value, bound), expressions=[entry.copy()])
    return call("map_from_entries", call(name, call("map_entries", node.expressions[0]), over))


def _filter(node: exp.Expr) -> exp.Expr:
    return _over_entries("list_filter", node, lambda key, value, bound: bound)


def _transform_values(node: exp.Expr) -> exp.Expr:
    return _over_entries("list_transform", node, lambda key, value, bound: call("row", key, bound))


def _transform_keys(node: exp.Expr) -> exp.Expr:
    return _over_entries(
        "list_transform", node, lambda key, value, bound: call("row", bound, value)
    )


def _concat(node: exp.Expr) -> exp.Expr:
    found, *others = node.expressions
    for other in others:
        found = call("tr_map_concat", found, other)
    return exp.Paren(this=found.copy())


def _gather(node: exp.Expr) -> exp.Expr:
    """map_agg. Of equal keys the first is kept."""
    if isinstance(node.parent, exp.Filter | exp.Window) and node.arg_key == "this":
        fix = "write map_agg(IF(condition, key), value): NULL has no entry"
        raise refuse(node, "a map is gathered of whole groups here", fix)
    key, value = node.expressions
    entry = call(
        "struct_pack",
        exp.PropertyEQ(this=exp.to_identifier("k"), expression=key.copy()),
        exp.PropertyEQ(this=exp.to_identifier("v"), expression=value.copy()),
    )
    return call("tr_map_agg", call("list", entry))


NAMED: Named = {
    "map_filter": _filter,
    "map_concat": _concat,
    "map_agg": _gather,
    "transform_values": _transform_values,
    "transform_keys": _transform_keys,
    "histogram": renamed("histogram", 1),
}
