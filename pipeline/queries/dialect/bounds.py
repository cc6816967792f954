"""Whether a text of SQL bounds the days that it reads: on Athena each of them costs money."""

from collections.abc import Iterator

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import Scope, traverse_scope

from pipeline.queries.dialect import syntax
from pipeline.queries.tables import DAY

UNKNOWN = "*"
# By the side on which the day stands: only what keeps older days out is a bound.
_LEFT, _RIGHT = (exp.EQ, exp.GT, exp.GTE), (exp.EQ, exp.LT, exp.LTE)


def unbounded(sql: str) -> list[str]:
    """Names of the tables of which it reads all days; `UNKNOWN` alone where that cannot be told."""
    try:
        scopes = traverse_scope(sqlglot.parse_one(sql, read=syntax.ATHENA))
    except (SqlglotError, RecursionError):
        return [UNKNOWN]
    found = []
    for scope in scopes:
        tables = {
            name: source.name
            for name, source in scope.sources.items()
            if isinstance(source, exp.Table) and not _is_cte(scope, source)
        }
        bounded = set(_bounded(scope.expression))
        found += [
            table
            for name, table in tables.items()
            # A day without the name of its table can be that of any when there are several.
            if name not in bounded and not ("" in bounded and len(tables) == 1)
        ]
    return sorted(set(found))


def _is_cte(scope: Scope, table: exp.Table) -> bool:
    return table.name in scope.cte_sources


def _bounded(select: exp.Expr) -> Iterator[str]:
    """Names by which tables of a SELECT have their day bounded from below."""
    where = select.args.get("where")
    joins = [join.args.get("on") for join in select.args.get("joins") or ()]
    for part in (where and where.this, *joins):
        for condition in _all_of(part) if part else ():
            column = _bounded_column(condition)
            if column is not None:
                yield column.table


def _bounded_column(condition: exp.Expr) -> exp.Column | None:
    if isinstance(condition, exp.Between | exp.In):
        others = [*condition.expressions, condition.args.get("low"), condition.args.get("high")]
        return _day(condition.this, [other for other in others if other])
    if isinstance(condition, _LEFT) and (day := _day(condition.this, [condition.expression])):
        return day
    if isinstance(condition, _RIGHT):
        return _day(condition.expression, [condition.this])
    return None


def _day(side: exp.Expr, others: list[exp.Expr]) -> exp.Column | None:
    """The day where it stands on a side and the others are known before a row is read."""
    columns = list(side.find_all(exp.Column))
    if len(columns) != 1 or columns[0].name.lower() != DAY or not others:
        return None
    fixed = all(other.find(exp.Column, exp.Query) is None for other in others)
    return columns[0] if fixed else None


def _all_of(condition: exp.Expr) -> list[exp.Expr]:
    bare = condition.unnest()
    if isinstance(bare, exp.And):
        return [*_all_of(bare.left), *_all_of(bare.right)]
    return [bare]
