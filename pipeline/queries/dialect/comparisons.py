"""Comparisons: Athena compares like with like only; DuckDB would cast.

Inside of rows, arrays and maps DuckDB takes NULL for equal to NULL, Athena does not know.
"""

import re
from collections.abc import Sequence
from functools import reduce

from sqlglot import exp
from sqlglot.expressions import DType

from pipeline.queries.dialect import nans
from pipeline.queries.dialect.kinds import family
from pipeline.queries.dialect.trees import Cures, refuse

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_NESTED = (DType.ARRAY, DType.MAP, DType.STRUCT)
_TO_NAME = "select its values as columns of their own, or UNNEST them"
_BY_ONE = "compare their values one by one: a = 1 AND b = 2"
# Where a tuple is a row of VALUES, or a group of values that NULL is one of.
_ROWS = (exp.Values, exp.Distinct, exp.Group, exp.GroupingSets, exp.Rollup, exp.Cube, exp.Window)


def _comparable(node: exp.Expr) -> exp.Expr | None:
    if isinstance(node.args.get("expression"), exp.Any | exp.All):
        return None
    others = (node.args.get(key) for key in ("expression", "low", "high"))
    sides = [node.this, *(side for side in others if side), *node.expressions]
    if any(isinstance(side.unnest(), exp.Tuple) for side in sides):
        return _by_one(node, sides)
    if any(side.is_type(*_NESTED) for side in sides) and not all(map(_is_written, sides)):
        raise refuse(node, "NULL inside of an array or a map compares differently here", _TO_NAME)
    kinds = [kind for kind in map(family, sides) if kind]
    other = next((kind for kind in kinds if kind != kinds[0]), None)
    if other:
        raise refuse(node, f"Athena does not compare {kinds[0]} with {other}", _to_compare(sides))
    return nans.compare(node)


def _by_one(node: exp.Expr, sides: Sequence[exp.Expr]) -> exp.Expr:
    """(a, b) = (c, d), <> and IN, value by value."""
    rows = [side.unnest().expressions for side in sides]
    alike = all(rows) and len({len(row) for row in rows}) == 1
    if not alike or not isinstance(node, exp.EQ | exp.NEQ | exp.In):
        raise refuse(node, "NULL inside of a row compares differently here", _BY_ONE)
    if node.args.get("query"):
        fix = "write EXISTS (SELECT 1 FROM .. WHERE x = a AND y = b)"
        raise refuse(node, "NULL inside of a row compares differently here", fix)
    found = [_equal(rows[0], row) for row in rows[1:]]
    same = reduce(lambda one, other: exp.Or(this=one, expression=other), found)
    wanted = exp.Not(this=exp.Paren(this=same)) if isinstance(node, exp.NEQ) else same
    return exp.Paren(this=wanted)


def _equal(one: Sequence[exp.Expr], other: Sequence[exp.Expr]) -> exp.Expr:
    pairs: list[exp.Expr] = [
        exp.EQ(this=this.copy(), expression=that.copy())
        for this, that in zip(one, other, strict=True)
    ]
    for pair in pairs:
        _comparable(pair)
    return exp.Paren(this=reduce(_both, pairs))


def _both(one: exp.Expr, other: exp.Expr) -> exp.Expr:
    return exp.And(this=one, expression=other)


def _is_written(side: exp.Expr) -> bool:
    """Whether an array is written out, with no NULL inside."""
    return isinstance(side, exp.Array) and all(
        isinstance(each, exp.Literal) for each in side.expressions
    )


def _no_row(node: exp.Expr) -> None:
    parent = node.parent
    while isinstance(parent, exp.Paren):
        parent = parent.parent
    if not isinstance(parent, (*_ROWS, *_COMPARISONS)):
        raise refuse(node, "a row as such reads differently here", _TO_NAME)


def _to_compare(sides: Sequence[exp.Expr]) -> str:
    wanted = next((family(side) for side in sides if not isinstance(side, exp.Literal)), None)
    for literal in (side for side in sides if isinstance(side, exp.Literal)):
        if wanted == "a number" and literal.is_string and _NUMBER.fullmatch(literal.name):
            return f"write {literal.name} without quotes"
        if wanted == "text" and not literal.is_string:
            return f"write '{literal.name}' in single quotes"
    if any(side.is_type(DType.IPADDRESS) for side in sides):
        return "write CAST('10.0.0.1' AS IPADDRESS)"
    return "write a time as TIMESTAMP '2026-11-25 14:00:00', text in quotes, or CAST one side"


def _case(node: exp.Expr) -> None:
    """CASE x WHEN y: as x = y."""
    if node.this is not None:
        if node.this.is_type(*_NESTED):
            why = "NULL inside of an array or a map compares differently here"
            raise refuse(node, why, _TO_NAME)
        nans.equal(node, node.this, *(branch.this for branch in node.args["ifs"]))


_COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between, exp.In,
                exp.NullSafeNEQ)  # fmt: skip
CURES: Cures = {
    **dict.fromkeys(_COMPARISONS, _comparable),
    exp.Tuple: _no_row,
    exp.Nullif: _comparable,
    exp.Case: _case,
}
