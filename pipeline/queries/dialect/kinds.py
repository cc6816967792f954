"""Kinds of values: Athena takes no number for a condition and no text for a number.

DuckDB would cast, and answer what Athena refuses.
"""

from collections.abc import Callable, Mapping, Sequence

from sqlglot import exp
from sqlglot.expressions import DType

from pipeline.queries.dialect.dates import TIMES
from pipeline.queries.dialect.trees import FLOATS, TEXTS, WHOLES, refuse

_NUMBER, _TEXT, _TIME, _BOOLEAN = "a number", "text", "a time", "true or false"
_FAMILIES = (
    (_TEXT, TEXTS),
    (_NUMBER, (*WHOLES, *FLOATS, DType.DECIMAL)),
    (_TIME, TIMES),
    (_BOOLEAN, (DType.BOOLEAN,)),
    ("an address", (DType.IPADDRESS,)),
)
_TO_ONE = "CAST one of them"


def family(node: exp.Expr) -> str | None:
    """What kind of value a node is; None where it is not known, or of no such kind."""
    return next((name for name, types in _FAMILIES if node.is_type(*types)), None)


def check(node: exp.Expr) -> None:
    """Refuse a typed node that is given what Athena does not take."""
    for kind in type(node).__mro__:
        if kind in _CHECKS:
            _CHECKS[kind](node)
            return


def _conditions(node: exp.Expr, *conditions: exp.Expr | None) -> None:
    for condition in conditions:
        found = family(condition) if condition is not None else None
        if found not in (None, _BOOLEAN):
            fix = "write x <> 0" if found == _NUMBER else "write x = 'text', or x IS NOT NULL"
            raise refuse(condition or node, f"a condition is true or false, not {found}", fix)


def _of(*keys: str) -> Callable[[exp.Expr], None]:
    return lambda node: _conditions(node, *(node.args.get(key) for key in keys))


def _alike(node: exp.Expr, values: Sequence[exp.Expr | None]) -> None:
    kinds = [kind for kind in (family(value) for value in values if value is not None) if kind]
    other = next((kind for kind in kinds if kind != kinds[0]), None)
    if other:
        raise refuse(node, f"Athena does not mix {kinds[0]} and {other}", _TO_ONE)


def _values(node: exp.Expr) -> None:
    _alike(node, [node.this, node.args.get("expression"), *node.expressions])


def _elements(node: exp.Expr) -> None:
    _alike(node, node.expressions)


def _rows(node: exp.Expr) -> None:
    rows = [
        row.expressions if isinstance(row, exp.Tuple) else [row.unnest()]
        for row in node.expressions
    ]
    for column in zip(*rows, strict=False):
        _alike(node, column)


def _case(node: exp.Expr) -> None:
    branches = node.args["ifs"]
    wanted = [branch.this for branch in branches]
    if node.this is None:
        _conditions(node, *wanted)
    else:
        _alike(node, [node.this, *wanted])
    _alike(node, [*(branch.args["true"] for branch in branches), node.args.get("default")])


def _if(node: exp.Expr) -> None:
    if not isinstance(node.parent, exp.Case) or node.arg_key != "ifs":
        _conditions(node, node.this)
        _alike(node, [node.args["true"], node.args.get("false")])


def _columns(node: exp.Expr) -> None:
    """Both sides of UNION, INTERSECT and EXCEPT, column by column."""
    for pair in zip(node.this.selects, node.expression.selects, strict=False):
        _alike(node, pair)


def _arithmetic(node: exp.Expr) -> None:
    sides = [side for side in (node.this, node.args.get("expression")) if side is not None]
    kinds = {family(side) for side in sides if not isinstance(side, exp.Interval)}
    wrong = kinds & {_TEXT, _BOOLEAN}
    if wrong:
        raise refuse(node, f"Athena does not count with {min(map(str, wrong))}", "CAST it before")
    if {_TIME, _NUMBER} <= kinds:
        fix = "write x + INTERVAL '1' DAY, or date_add('day', 1, x)"
        raise refuse(node, "Athena adds no number to a time", fix)


def _matched(node: exp.Expr) -> None:
    if node.name.lower() in ("any_match", "all_match", "none_match") and len(node.expressions) == 2:
        _conditions(node, node.expressions[1].this)


def _sum(node: exp.Expr) -> None:
    # The engine itself has no sum of text.
    if family(node.this) == _BOOLEAN:
        raise refuse(node, "Athena sums numbers", "write count_if(x)")


def _letters(node: exp.Expr) -> None:
    found = family(node.this)
    if found not in (None, _TEXT):
        raise refuse(node, f"only text has letters, not {found}", "write CAST(x AS varchar)")


_CHECKS: Mapping[type[exp.Expr], Callable[[exp.Expr], None]] = {
    **dict.fromkeys((exp.Where, exp.Having, exp.Not), _of("this")),
    **dict.fromkeys((exp.And, exp.Or), _of("this", "expression")),
    **dict.fromkeys((exp.LogicalAnd, exp.LogicalOr, exp.CountIf), _of("this")),
    exp.Join: _of("on"),
    exp.ArrayFilter: lambda node: _conditions(node, node.expression.this),
    exp.Anonymous: _matched,
    exp.Case: _case,
    exp.If: _if,
    **dict.fromkeys((exp.Coalesce, exp.Greatest, exp.Least, exp.Nullif), _values),
    exp.Array: _elements,
    exp.Values: _rows,
    exp.SetOperation: _columns,
    **dict.fromkeys((exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg), _arithmetic),
    **dict.fromkeys((exp.Sum, exp.Avg), _sum),
    **dict.fromkeys((exp.Lower, exp.Upper), _letters),
}
