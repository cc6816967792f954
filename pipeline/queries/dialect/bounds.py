"""Whether a text of SQL bounds the days that it reads: on Athena each of them costs money."""

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import traverse_scope

from pipeline.queries.dialect import syntax
from pipeline.queries.tables import DAY

_BOUNDS = (exp.EQ, exp.In, exp.Between, exp.GT, exp.GTE)


def unbounded(sql: str) -> list[str]:
    """Names of the tables of which it reads all days; one name, "*", where that cannot be told."""
    try:
        tree = sqlglot.parse_one(sql, read=syntax.ATHENA)
        scopes = traverse_scope(tree)
    except SqlglotError:
        return ["*"]
    found = []
    for scope in scopes:
        bounds = _bounded(scope.expression)
        for name, source in scope.sources.items():
            if isinstance(source, exp.Table) and not bounds & {"", name}:
                found.append(source.name)
    return found


def _bounded(select: exp.Expr) -> set[str]:
    """Names by which tables of a SELECT have their day bounded; "": by none in particular."""
    where = select.args.get("where")
    joins = [join.args["on"] for join in select.args.get("joins") or () if join.args.get("on")]
    conditions = [each for part in (where and where.this, *joins) if part for each in _all_of(part)]
    return {
        column.table
        for condition in conditions
        if isinstance(condition, _BOUNDS)
        for column in condition.find_all(exp.Column)
        if column.name.lower() == DAY
    }


def _all_of(condition: exp.Expr) -> list[exp.Expr]:
    bare = condition.unnest()
    if isinstance(bare, exp.And):
        return [*_all_of(bare.left), *_all_of(bare.right)]
    return [bare]
