"""Small words about trees that the cures are written in."""

from sqlglot import exp

from pipeline.errors import QueryFailed

WHOLES = ("tinyint", "smallint", "int", "bigint")
FLOATS = ("float", "double")
TEXTS = ("varchar", "text")


def call(name: str, *arguments: exp.Expr) -> exp.Expr:
    """A call of a function of DuckDB, written as it stands."""
    return exp.Anonymous(this=name, expressions=[each.copy() for each in arguments])


def refuse(node: exp.Expr, why: str, fix: str) -> QueryFailed:
    """The error for something that has no cure."""
    text = node.sql("athena")
    shown = text if len(text) <= 60 else text[:59] + "…"
    return QueryFailed(f"{why}: {shown}", "", fix)
