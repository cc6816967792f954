"""Numbers and aggregates: whole division, rounding, sums, bits, percentiles."""

from decimal import Decimal

from sqlglot import exp
from sqlglot.expressions import DType

from pipeline.queries.dialect import nans
from pipeline.queries.dialect.trees import (
    FLOATS,
    Cure,
    Cures,
    Named,
    call,
    cast,
    refuse,
    renamed,
    text,
)

_EXACTLY = "write element_at(array_agg(x ORDER BY x), CAST(ceil(0.95e0 * count(x)) AS bigint))"


def _as_trinos(node: exp.Expr) -> exp.Expr | None:
    """sum and count_if: DuckDB's are 128 bits wide; corr: NaN. Around the window, not inside it."""
    if isinstance(node.parent, exp.Window | exp.Filter) and node.arg_key == "this":
        return None
    core = node
    while isinstance(core, exp.Window | exp.Filter):
        core = core.this
    if isinstance(core, exp.Sum | exp.CountIf) and core.is_type(DType.BIGINT):
        return cast(node, "bigint")
    if isinstance(core, exp.Corr):
        # Of values that are all alike it is NULL in Trino.
        return exp.Nullif(this=node.copy(), expression=cast(text("NaN"), "double"))
    return None


def _divide(node: exp.Expr) -> exp.Expr | None:
    if node.is_type(DType.DECIMAL):
        fix = "write one side as 1e0, or CAST(x AS double)"
        raise refuse(node, "Athena divides decimals to few digits", fix)
    # The engine divides whole numbers whole by itself; sqlglot would go through a double.
    node.set("typed", False)
    node.set("safe", False)
    return None


def _mean(node: exp.Expr) -> exp.Expr | None:
    if node.this.is_type(DType.DECIMAL):
        raise refuse(node, "Athena averages decimals to few digits", "write avg(CAST(x AS double))")
    return None


def _round(node: exp.Expr) -> exp.Expr | None:
    places = node.args.get("decimals")
    if places is None or not node.this.is_type(*FLOATS):
        return None
    scale = exp.Paren(this=call("pow", exp.Literal.number("1e1"), places))
    scaled = exp.Mul(this=exp.Paren(this=node.this.copy()), expression=scale)
    return exp.Paren(this=exp.Div(this=call("round", scaled), expression=scale.copy()))


def _truncate(node: exp.Expr) -> exp.Expr | None:
    places = node.args.get("decimals")
    if places is None:
        return None
    if not node.this.is_type(DType.DECIMAL):
        fix = "write truncate(CAST(x AS decimal(18, 2)), 1)"
        raise refuse(node, "only a decimal is cut behind some digits", fix)
    return None


def _sign(node: exp.Expr) -> exp.Expr | None:
    return cast(node, "double") if node.this.is_type(*FLOATS) else None


def _bits(node: exp.Expr) -> exp.Expr | None:
    """bitwise_and, _or, _xor, _not: of 64 bits, whatever is given to them."""
    for key in ("this", "expression"):
        side = node.args.get(key)
        if side is not None:
            node.set(key, cast(side, "bigint"))
    return exp.Paren(this=node.copy())


def _bit_count(node: exp.Expr) -> exp.Expr:
    values = node.expressions
    if len(values) != 2 or values[1].name != "64":
        raise refuse(node, "only whole numbers of 64 bits are counted here", "bit_count(x, 64)")
    return call("bit_count", cast(values[0], "bigint"))


def _bucket(node: exp.Expr) -> exp.Expr:
    if node.args.get("num_buckets") is None:
        raise refuse(node, "only even buckets are cut here", "width_bucket(x, low, high, n)")
    sides = (cast(node.args[key], "double") for key in ("this", "min_value", "max_value"))
    return call("tr_width_bucket", *sides, node.args["num_buckets"])


def _count(node: exp.Expr) -> exp.Expr | None:
    if isinstance(node.this, exp.Distinct) and len(node.this.expressions) > 1:
        raise refuse(node, "Athena counts one value", "write count(DISTINCT (a, b))")
    return None


def _distinct(node: exp.Expr) -> exp.Expr:
    """approx_distinct: the exact count. Athena's is off by 2.3 % as a rule."""
    return exp.Count(this=exp.Distinct(expressions=[node.this.copy()]))


def _percentile(node: exp.Expr) -> exp.Expr:
    """approx_percentile: the exact one, of rank floor(p * n) + 1. Athena's is off by percents."""
    if node.args.get("weight") or node.args.get("accuracy"):
        raise refuse(node, "a percentile takes no weight or accuracy here", _EXACTLY)
    wanted = node.args["quantile"]
    if isinstance(wanted, exp.Array):
        parts = [_from_above(node, each) for each in wanted.expressions]
        written = [exp.Literal.number(f"{-part:f}" if any(parts) else 1) for part in parts]
        return call("quantile_disc", node.this, exp.Array(expressions=written))
    part = _from_above(node, wanted)
    return call("quantile_disc", node.this, exp.Literal.number(f"{-part:f}" if part else 1))


def _from_above(node: exp.Expr, wanted: exp.Expr) -> Decimal:
    """The part above: below 0 the engine counts from the greatest, as Trino settles a tie."""
    number = next(iter(wanted.find_all(exp.Literal)), None)
    if number is None or number.is_string or wanted.find(exp.Column, exp.Placeholder):
        raise refuse(node, "the part must be written out", "write a number from 0 to 1")
    below = Decimal(1) - Decimal(number.name)
    if not 0 <= below <= 1:
        raise refuse(node, "a percentile is a part of one", "write 0.95e0 for the 95th")
    return below


def _of_all(node: exp.Expr) -> exp.Expr | None:
    if node.args.get("expressions"):
        raise refuse(node, "only one value can be asked for", "use ORDER BY and LIMIT")
    return None


def _offset(least: int) -> Cure:
    def cure(node: exp.Expr) -> None:
        offset = node.args.get("offset")
        below = isinstance(offset, exp.Literal) and int(offset.name) < least
        if isinstance(offset, exp.Neg) or below:
            raise refuse(node, f"Athena counts from {least} on", "lag looks back, lead ahead")

    return cure


def _by(name: str) -> Cure:
    def cure(node: exp.Expr) -> exp.Expr:
        if node.args.get("count"):
            raise refuse(node, "only one value can be asked for", "use ORDER BY and LIMIT")
        return call(name, node.this, node.expression)

    return cure


def _max(node: exp.Expr) -> exp.Expr | None:
    nans.greatest(node, node.this)
    return _of_all(node)


def _max_by(node: exp.Expr) -> exp.Expr | None:
    nans.greatest(node, node.expression)
    return _by("arg_max_null")(node)


CURES: Cures = {
    **dict.fromkeys((exp.Sum, exp.CountIf, exp.Corr, exp.Window, exp.Filter), _as_trinos),
    **dict.fromkeys((exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseXor, exp.BitwiseNot), _bits),
    exp.Div: _divide,
    exp.Avg: _mean,
    exp.Round: _round,
    exp.Trunc: _truncate,
    exp.Sign: _sign,
    exp.WidthBucket: _bucket,
    exp.Count: _count,
    **dict.fromkeys((exp.Lag, exp.Lead), _offset(0)),
    exp.NthValue: _offset(1),
    exp.Max: _max,
    exp.Min: _of_all,
    exp.ArgMax: _max_by,
    exp.ArgMin: _by("arg_min_null"),
    exp.ApproxDistinct: _distinct,
    exp.ApproxQuantile: _percentile,
}
NAMED: Named = {
    "bit_count": _bit_count,
    "every": renamed("bool_and", 1),
    "is_finite": renamed("isfinite", 1),
    "is_infinite": renamed("isinf", 1),
}
