"""Types of what functions return, where sqlglot leaves them open: the cures look at types."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlglot import Dialect, exp
from sqlglot.expressions import DType
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.schema import Schema

from pipeline.queries.dialect.trees import element_of

_TypeOf = Callable[[exp.Expr], exp.DataType | None]
_MEANT = "tr_type"

# By what a function of Trino is called that sqlglot does not know.
_NAMED = {
    **dict.fromkeys(
        ("to_iso8601", "format_datetime", "url_extract_protocol", "url_extract_host",
         "url_extract_path", "url_extract_query", "url_extract_fragment", "url_extract_parameter",
         "url_encode", "url_decode"), "varchar",
    ),
    **dict.fromkeys(
        ("url_extract_port", "bit_count", "millisecond", "yow", "json_array_length"), "bigint"
    ),
    **dict.fromkeys(
        ("any_match", "all_match", "none_match", "arrays_overlap", "every", "is_finite",
         "is_infinite"), "boolean",
    ),
    "codepoint": "int",
}  # fmt: skip
_LIKE_FIRST = ("array_union", "map_filter", "map_concat")


def _build(kind: str) -> exp.DataType:
    return exp.DataType.build(kind, dialect="athena")


def _array_of(element: exp.DataType | None) -> exp.DataType:
    if element is None:
        return _build("unknown")
    return exp.DataType(this=DType.ARRAY, expressions=[element.copy()], nested=True)


def _is(kind: str) -> _TypeOf:
    return lambda node: _build(kind)


def _like(key: str) -> _TypeOf:
    return lambda node: node.args[key].type


def _part(node: exp.Expr) -> exp.DataType | None:
    """element_at of an array or a map."""
    return _of_map(node.this, 1) if node.this.is_type(DType.MAP) else element_of(node.this)


def _of_map(node: exp.Expr, at: int) -> exp.DataType | None:
    """The type of the keys (0) or the values (1) of a map."""
    parts = node.type.expressions if node.type and node.is_type(DType.MAP) else []
    return parts[at] if len(parts) == 2 else None


def _joined(node: exp.Expr) -> exp.DataType | None:
    sides = node.expressions or [node.this, node.args.get("expression")]
    array = next((side for side in sides if side is not None and side.is_type(DType.ARRAY)), None)
    return array.type if array is not None else _build("varchar")


def _percentile(node: exp.Expr) -> exp.DataType | None:
    many = isinstance(node.args["quantile"], exp.Array)
    return _array_of(node.this.type) if many else node.this.type


def _gathered(node: exp.Expr) -> exp.DataType | None:
    start, merged = node.args["initial"].type, node.args["merge"].this.type
    finish = node.args["finish"].this
    plain = isinstance(finish, exp.Identifier) and _MEANT not in finish.meta
    kind: exp.DataType | None = (merged or start) if plain else finish.type
    return kind


def _named(node: exp.Expr) -> exp.DataType | None:
    name = node.name.lower()
    values: list[exp.Expr] = node.expressions
    if name in _NAMED:
        return _build(_NAMED[name])
    if not values:
        return None
    if name in _LIKE_FIRST:
        return values[0].type
    if name == "map_values":
        return _array_of(_of_map(values[0], 1))
    if name in ("map_agg", "histogram"):
        parts = [values[0].type, values[1].type if len(values) > 1 else _build("bigint")]
        return exp.DataType(this=DType.MAP, expressions=parts, nested=True)
    return None


_TEXT_ARRAY = "array(varchar)"
_WITH_ZONE = "timestamp(3) with time zone"
_TYPE_OF: Mapping[type[exp.Expr], _TypeOf] = {
    **{
        of: _is(kind)
        for of, kind in (
            (exp.Split, _TEXT_ARRAY), (exp.RegexpExtractAll, _TEXT_ARRAY),
            (exp.RegexpSplit, _TEXT_ARRAY), (exp.SplitPart, "varchar"),
            (exp.RegexpExtract, "varchar"), (exp.Hex, "varchar"), (exp.ToBase64, "varchar"),
            (exp.Decode, "varchar"), (exp.Format, "varchar"), (exp.ArrayToString, "varchar"),
            (exp.JSONExtractScalar, "varchar"), (exp.StrToMap, "map(varchar, varchar)"),
            (exp.Encode, "varbinary"), (exp.Unhex, "varbinary"), (exp.FromBase64, "varbinary"),
            (exp.SHA, "varbinary"), (exp.SHA2Digest, "varbinary"),
            (exp.StrToTime, "timestamp(3)"), (exp.FromISO8601Date, "date"),
            (exp.ParseDatetime, _WITH_ZONE), (exp.FromISO8601Timestamp, _WITH_ZONE),
            (exp.UnixToTime, _WITH_ZONE), (exp.ArrayPosition, "bigint"),
            (exp.YearOfWeek, "bigint"), (exp.JSONArrayContains, "boolean"),
        )
    },
    **dict.fromkeys(
        (exp.ArgMax, exp.ArgMin, exp.ArrayDistinct, exp.ArrayExcept, exp.ArrayRemove,
         exp.ArraySlice, exp.ArraySort, exp.ArrayFilter, exp.Reverse, exp.Trunc, exp.Try,
         exp.TimestampTrunc, exp.DateTrunc, exp.DateAdd),
        _like("this"),
    ),
    exp.ArrayIntersect: lambda node: node.expressions[0].type,
    exp.Repeat: lambda node: _array_of(node.this.type),
    exp.Transform: lambda node: _array_of(node.expression.this.type),
    exp.MapKeys: lambda node: _array_of(_of_map(node.this, 0)),
    exp.ArrayMax: lambda node: element_of(node.this),
    exp.ArrayMin: lambda node: element_of(node.this),
    exp.Bracket: _part,
    exp.Concat: _joined,
    exp.DPipe: _joined,
    exp.ApproxQuantile: _percentile,
    exp.Reduce: _gathered,
    exp.Identifier: lambda node: node.meta.get(_MEANT),
    exp.Anonymous: _named,
}  # fmt: skip


def _annotator(type_of: _TypeOf) -> dict[str, Any]:
    return {"annotator": lambda annotator, node: annotator._set_type(node, type_of(node))}


_METADATA = {
    **Dialect.get_or_raise("athena").EXPRESSION_METADATA,
    **{of: _annotator(type_of) for of, type_of in _TYPE_OF.items()},
}


def annotate(tree: exp.Expr, schema: Schema) -> exp.Expr:
    """Give every node its type; those of x -> .. by what the function is applied to."""
    typed = _annotate(tree, schema)
    # Outermost first: what is inside of a function may depend on its parameters.
    while names := _bind_lambdas(typed):
        for name in names:
            name.meta.setdefault(_MEANT, _build("unknown"))
        typed = _annotate(typed, schema)
    return typed


def _annotate(tree: exp.Expr, schema: Schema) -> exp.Expr:
    return annotate_types(tree, schema, _METADATA, dialect="athena")


def _bind_lambdas(tree: exp.Expr) -> list[exp.Expr]:
    """The parameters inside of functions whose types have become known."""
    found: list[exp.Expr] = []
    for function in tree.find_all(exp.Lambda):
        kinds = _parameter_types(function)
        by_name = dict(zip((each.name for each in function.expressions), kinds, strict=False))
        for name in function.this.find_all(exp.Identifier):
            kind = by_name.get(name.name)
            free = not isinstance(name.parent, exp.Column) and _MEANT not in name.meta
            if kind is not None and not kind.is_type(DType.UNKNOWN) and free:
                name.meta[_MEANT] = kind.copy()
                found.append(name)
    return found


def _parameter_types(function: exp.Expr) -> list[exp.DataType | None]:
    of = function.parent
    if isinstance(of, exp.Transform | exp.ArrayFilter):
        return [element_of(of.this)]
    if isinstance(of, exp.Reduce):
        start = of.args["initial"].type
        return [start, element_of(of.this)]
    if isinstance(of, exp.Anonymous) and of.expressions:
        source = of.expressions[0]
        if source.is_type(DType.MAP) and source.type:
            return list(source.type.expressions)
        return [element_of(source)]
    return []
