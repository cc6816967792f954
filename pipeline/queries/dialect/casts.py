"""Casts: the pairs of types that both engines convert alike, some of them with a cure."""

import re

from sqlglot import exp
from sqlglot.expressions import DType

from pipeline.queries.dialect import addresses
from pipeline.queries.dialect.macros import fails
from pipeline.queries.dialect.trees import (
    FLOATS,
    TEXTS,
    WHOLES,
    Cures,
    call,
    cast,
    element_of,
    is_unknown,
    refuse,
    text,
)  # fmt: skip

_TARGETS = (
    *WHOLES, *TEXTS, DType.DOUBLE, DType.DECIMAL, DType.BOOLEAN, DType.DATE, DType.TIMESTAMP,
    DType.TIMESTAMPTZ, DType.ARRAY, DType.MAP, DType.IPADDRESS,
)  # fmt: skip
_SAID = "bigint, integer, double, decimal(18, 2), varchar, boolean, date, timestamp, ipaddress"
# What Trino takes from text; DuckDB takes more ('1_000', 'yes', 'epoch', '2026/01/01').
_WHOLE = "[+-]?[0-9]+"
_FORMS = {
    **dict.fromkeys(("tinyint", "smallint", "int", "bigint"), _WHOLE),
    "double": r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?Infinity",
    "decimal": r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)",
    "boolean": "(?i)(t|f|true|false|1|0)",
    "date": "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}",
    "timestamp": r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}( ([01]?[0-9]|2[0-3]):[0-9]{2}"
    r"(:[0-9]{2}(\.[0-9]+)?)?( UTC)?)?",
}
_MILLISECONDS = exp.DataType.build("timestamp(3)", dialect="athena")
_TO_VALUE = {
    "ipprefix": "write contains('10.0.0.0/8', CAST(x AS IPADDRESS))",
    "char": "cast it to varchar",
    "json": "keep the text: json_extract_scalar(j, '$.name') reads it",
    "varbinary": "write to_utf8(x)",
    "time": "write date_format(x, '%H:%i')",
}


def cure(node: exp.Expr) -> exp.Expr | None:
    """CAST and TRY_CAST, and with them typed literals such as DATE '2026-01-01'."""
    source, target = node.this, node.args["to"]
    if not target.is_type(*_TARGETS):
        fix = _TO_VALUE.get(target.this.value.lower(), f"allowed: {_SAID}")
        raise refuse(node, "this type is not allowed in a query", fix)
    if target.is_type(DType.DECIMAL) and not target.expressions:
        raise refuse(node, "a decimal needs its precision", "write DECIMAL(10, 2), or 1.50")
    if target.is_type(DType.ARRAY, DType.MAP) and not target.expressions:
        raise refuse(node, "a type of many values needs theirs", "write ARRAY(bigint)")
    if target.is_type(DType.TIMESTAMP) and target.expressions and int(_length(target).name) > 3:
        raise refuse(node, "times have milliseconds here", "write three digits behind the second")
    if isinstance(source, exp.Placeholder):
        return None
    if target.is_type(DType.IPADDRESS):
        return addresses.cure_cast(node)
    if target.is_type(DType.ARRAY, DType.MAP):
        return _to_nested(node, source, target)
    if source.is_type(DType.IPADDRESS, DType.ARRAY, DType.MAP, DType.JSON, DType.VARBINARY):
        raise refuse(node, "this has no such value on Athena", "cast what is inside of it")
    if target.is_type(*TEXTS):
        return _to_text(node, source, target)
    if source.is_type(*TEXTS):
        return _from_text(node, source, target)
    return _to_value(node, source, target)


def _to_value(node: exp.Expr, source: exp.Expr, target: exp.DataType) -> exp.Expr | None:
    if target.is_type(DType.TIMESTAMPTZ):
        raise refuse(node, "only text is read as a time with a zone", "write from_unixtime(..)")
    if is_unknown(source) and not isinstance(source, exp.Null):
        return _same_cast(node, call("tr_sure", source, text("VARCHAR|DOUBLE|FLOAT|BLOB")))
    if target.is_type(*WHOLES) and source.is_type(*FLOATS):
        # DuckDB rounds half to even, Trino away from zero.
        return _same_cast(node, call("round", source))
    written = isinstance(source, exp.Literal) and "e" not in source.name.lower()
    if target.is_type(DType.DECIMAL) and source.is_type(*FLOATS) and not written:
        # Trino rounds the digits that the double shows, DuckDB the double itself.
        return _same_cast(node, cast(source, "varchar"))
    return None


def _to_text(node: exp.Expr, source: exp.Expr, target: exp.DataType) -> exp.Expr | None:
    if source.is_type(*FLOATS):
        fix = "cast it to decimal(18, 2) or bigint before"
        raise refuse(node, "a double reads differently as text on Athena", fix)
    if source.is_type(DType.TIMESTAMP, DType.TIMESTAMPTZ, DType.DATETIME):
        if source.is_type(DType.TIMESTAMP) and source.is_type(_MILLISECONDS):
            return call("strftime", source, text("%Y-%m-%d %H:%M:%S.%g"))
        raise refuse(node, "its precision decides how this reads", "write date_format(x, '..')")
    if is_unknown(source) and not isinstance(source, exp.Null):
        source = call("tr_sure", source, text("DOUBLE|FLOAT|TIMESTAMP|\\[|MAP|STRUCT|HUGEINT|BLOB"))
        node = _same_cast(node, source)
        return call("left", node, _length(target)) if target.expressions else node
    if target.expressions:
        if not source.is_type(*TEXTS):
            raise refuse(node, "only text can be cut to a length", "cast it to varchar before")
        return call("left", source, _length(target))
    return None


def _length(target: exp.DataType) -> exp.Expr:
    return exp.Literal.number(target.expressions[0].name)


def _from_text(node: exp.Expr, source: exp.Expr, target: exp.DataType) -> exp.Expr | None:
    name = target.this.value.lower()
    if name == "timestamp" and not target.expressions:
        # Trino's timestamp has milliseconds.
        node = type(node)(this=source.copy(), to=_MILLISECONDS.copy())
    form = _FORMS.get(name)
    if form is None:
        return None
    if isinstance(source, exp.Literal):
        if re.fullmatch(form, source.name.strip()):
            return node
        if not isinstance(node, exp.TryCast):
            raise refuse(node, f"this is no {name} for Athena", "times: 2026-11-25 14:00:00")
    if name == "double":
        source = call("tr_double", source)
    if isinstance(node, exp.TryCast):
        return _same_cast(node, call("tr_fit", source, text(form)))
    return _same_cast(node, call("tr_must", source, text(form), text(name)))


def _to_nested(node: exp.Expr, source: exp.Expr, target: exp.DataType) -> exp.Expr | None:
    """An array of one type as an array of another: each of its elements is cast."""
    element = element_of(source)
    if element is None or target.is_type(DType.MAP) or isinstance(node, exp.TryCast):
        if source.type == target or isinstance(source, exp.Null):
            return None
        fix = "cast what is inside: transform(a, x -> CAST(x AS integer))"
        raise refuse(node, "only an array is cast as a whole", fix)
    if element.is_type(DType.UNKNOWN, DType.NULL) or element == target.expressions[0]:
        return None
    name = exp.to_identifier("tr_x")
    name.type = element
    inner = exp.Cast(this=name, to=target.expressions[0].copy())
    inner.type = target.expressions[0]
    body = cure(inner) or inner
    return call("list_transform", source, exp.Lambda(this=body, expressions=[name.copy()]))


def _try(node: exp.Expr) -> None:
    for inner in node.find_all(exp.Anonymous):
        if fails(inner.name):
            fix = "write TRY_CAST, or ask before: CASE WHEN x <> '' THEN .. END"
            raise refuse(node, "TRY does not reach into this here", fix)


def _same_cast(node: exp.Expr, source: exp.Expr) -> exp.Expr:
    return type(node)(this=source, to=node.args["to"].copy())


CURES: Cures = {exp.Cast: cure, exp.TryCast: cure, exp.Try: _try}
