"""Casts: the pairs of types that both engines convert alike, some of them with a cure."""

import re

from sqlglot import exp

from pipeline.queries.dialect.trees import FLOATS, TEXTS, WHOLES, call, refuse

_TARGETS = (*WHOLES, *TEXTS, "double", "decimal", "boolean", "date", "timestamp", "array", "map")
# What Trino takes from text; DuckDB takes more ('1_000', 'yes', 'epoch', '2026/01/01').
_WHOLE = "[+-]?[0-9]+"
_FORMS = {
    **dict.fromkeys(WHOLES, _WHOLE),
    "double": r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|NaN|[+-]?Infinity",
    "decimal": r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)",
    "boolean": "(?i)(t|f|true|false|1|0)",
    "date": "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}",
    "timestamp": r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}( [0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?"
    r"( UTC)?)?",
}
_MILLISECONDS = exp.DataType.build("timestamp(3)", dialect="athena")


def cure(node: exp.Expr) -> exp.Expr | None:
    """CAST and TRY_CAST, and with them typed literals such as DATE '2026-01-01'."""
    source, target = node.this, node.args["to"]
    if not target.is_type(*_TARGETS):
        raise refuse(node, "this type is not allowed in a query", f"allowed: {', '.join(_TARGETS)}")
    if target.is_type("decimal") and not target.expressions:
        raise refuse(node, "a decimal needs its precision", "write DECIMAL(10, 2), or 1.50")
    if target.is_type(*TEXTS):
        return _to_text(node, source, target)
    if source.is_type(*TEXTS):
        return _from_text(node, source, target)
    if target.is_type(*WHOLES) and source.is_type(*FLOATS):
        # DuckDB rounds half to even, Trino away from zero.
        return _same_cast(node, call("round", source))
    return None


def _to_text(node: exp.Expr, source: exp.Expr, target: exp.Expr) -> exp.Expr | None:
    if source.is_type(*FLOATS):
        fix = "cast it to decimal(18, 2) or bigint before"
        raise refuse(node, "a double reads differently as text on Athena", fix)
    if source.is_type("timestamp"):
        if not source.is_type(_MILLISECONDS):
            raise refuse(node, "its precision decides how this reads", "write date_format(x, '..')")
        return call("strftime", source, exp.Literal.string("%Y-%m-%d %H:%M:%S.%g"))
    if target.expressions:
        if not source.is_type(*TEXTS):
            raise refuse(node, "only text can be cut to a length", "cast it to varchar before")
        return call("left", source, exp.Literal.number(target.expressions[0].name))
    return None


def _from_text(node: exp.Expr, source: exp.Expr, target: exp.Expr) -> exp.Expr | None:
    name = target.this.value.lower()
    form = _FORMS.get(name)
    if form is None:
        return None
    if isinstance(source, exp.Literal):
        if not re.fullmatch(form, source.name.strip()) and not isinstance(node, exp.TryCast):
            raise refuse(node, f"this is no {name} for Athena", "times: 2026-11-25 14:00:00")
        if re.fullmatch(form, source.name.strip()):
            return None
    pattern = exp.Literal.string(form)
    if isinstance(node, exp.TryCast):
        return _same_cast(node, call("tr_fit", source, pattern))
    return _same_cast(node, call("tr_must", source, pattern, exp.Literal.string(name)))


def _same_cast(node: exp.Expr, source: exp.Expr) -> exp.Expr:
    return type(node)(this=source, to=node.args["to"].copy())
