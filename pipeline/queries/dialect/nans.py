"""NaN: Athena's is equal to nothing and greater than nothing; here it is the greatest of numbers.

Only where a query calls a function that makes one. Infinity - Infinity is not looked for.
"""

from collections.abc import Sequence

from sqlglot import exp

from pipeline.queries.dialect.trees import FLOATS, Cures, call, cast, refuse

_MAKERS = (exp.Sqrt, exp.Ln, exp.Log, exp.Pow, exp.Mod)
_ORDERED = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE)
_FIX = "CAST(x AS decimal(18, 6)): it has no NaN"


def compare(node: exp.Expr) -> exp.Expr | None:
    """A comparison of doubles that may be NaN; None where none is."""
    others = [node.args[key] for key in ("expression", "low", "high") if node.args.get(key)]
    sides = [node.this, *others, *node.expressions]
    if isinstance(node, exp.NullSafeNEQ) or not _may_be(node, sides):
        return None
    if isinstance(node, _ORDERED):
        return _safe(type(node), node.this, node.expression)
    if isinstance(node, exp.Between):
        low = _safe(exp.GTE, node.this, node.args["low"])
        high = _safe(exp.LTE, node.this, node.args["high"])
        return exp.Paren(this=exp.And(this=low, expression=high))
    equal(node, *sides)
    return None


def equal(node: exp.Expr, *values: exp.Expr) -> None:
    """Refuse to look for doubles that may be NaN among others."""
    if _may_be(node, values):
        raise refuse(node, "NaN is equal to itself here", _FIX)


def _safe(kind: type[exp.Expr], one: exp.Expr, other: exp.Expr) -> exp.Expr:
    """A comparison that is false with NaN, <> true; not known where the other side is NULL."""
    is_nan = call("tr_nan", cast(one, "double"), cast(other, "double"))
    compared = kind(this=one.copy(), expression=other.copy())
    return exp.Case().when(is_nan, exp.Boolean(this=kind is exp.NEQ)).else_(compared)


def _may_be(node: exp.Expr, values: Sequence[exp.Expr]) -> bool:
    """Whether some of them are doubles, in a query that makes a NaN somewhere."""
    return any(value.is_type(*FLOATS) for value in values) and any(
        maker.is_type(*FLOATS) for maker in node.root().find_all(*_MAKERS)
    )


def greatest(node: exp.Expr, *values: exp.Expr) -> None:
    """Refuse to look for the greatest of doubles that may be NaN."""
    if _may_be(node, values):
        raise refuse(node, "NaN is the greatest number here", _FIX)


CURES: Cures = {exp.Greatest: lambda node: greatest(node, node.this, *node.expressions)}
