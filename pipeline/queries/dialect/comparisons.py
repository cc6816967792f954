"""Comparisons: Athena compares like with like only; DuckDB would cast."""

import re
from collections.abc import Sequence

from sqlglot import exp
from sqlglot.expressions import DType

from pipeline.queries.dialect.dates import TIMES
from pipeline.queries.dialect.trees import FLOATS, TEXTS, WHOLES, Cures, refuse

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_FAMILIES = (
    ("text", TEXTS),
    ("a number", (*WHOLES, *FLOATS, DType.DECIMAL)),
    ("a time", TIMES),
    ("true or false", (DType.BOOLEAN,)),
    ("an address", (DType.IPADDRESS,)),
)


def _comparable(node: exp.Expr) -> exp.Expr | None:
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
    if any(side.is_type(DType.IPADDRESS) for side in sides):
        return "write CAST('10.0.0.1' AS IPADDRESS)"
    return "write a time as TIMESTAMP '2026-11-25 14:00:00', text in quotes, or CAST one side"


CURES: Cures = dict.fromkeys(
    (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between, exp.In, exp.NullSafeNEQ),
    _comparable,
)
