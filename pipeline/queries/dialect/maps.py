"""Maps: their entries are rows of a key and a value here."""

from sqlglot import exp

from pipeline.queries.dialect.arrays import bind, parameters
from pipeline.queries.dialect.trees import Named, call, refuse, renamed, text

_ENTRY = "tr_e"


def _entries(name: str, node: exp.Expr, body: exp.Expr) -> exp.Expr:
    entries = call("map_entries", node.expressions[0])
    function = exp.Lambda(this=body, expressions=[exp.to_identifier(_ENTRY)])
    return call("map_from_entries", call(name, entries, function))


def _part(name: str) -> exp.Expr:
    return call("struct_extract", exp.to_identifier(_ENTRY), text(name))


def _bound(node: exp.Expr) -> exp.Expr:
    function = node.expressions[1]
    if not isinstance(function, exp.Lambda) or len(function.expressions) != 2:
        raise refuse(node, "a function of key and value is wanted", "write (k, v) -> ..")
    key, value = parameters(function)
    return bind(function, {key: _part("key"), value: _part("value")})


def _filter(node: exp.Expr) -> exp.Expr:
    return _entries("list_filter", node, _bound(node))


def _transform_values(node: exp.Expr) -> exp.Expr:
    return _entries("list_transform", node, call("row", _part("key"), _bound(node)))


def _transform_keys(node: exp.Expr) -> exp.Expr:
    return _entries("list_transform", node, call("row", _bound(node), _part("value")))


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
