"""Small words about trees that the cures are written in."""

from collections.abc import Callable, Mapping

from sqlglot import exp
from sqlglot.errors import ErrorLevel
from sqlglot.expressions import DType

from pipeline.errors import QueryFailed

# What takes the place of a typed node of Athena's tree; None leaves it.
Cure = Callable[[exp.Expr], exp.Expr | None]
# By the class that sqlglot has for a function, and by the name of those that it does not know.
Cures = Mapping[type[exp.Expr], Cure]
Named = Mapping[str, Cure]

WHOLES = (DType.TINYINT, DType.SMALLINT, DType.INT, DType.BIGINT)
FLOATS = (DType.FLOAT, DType.DOUBLE)
TEXTS = (DType.VARCHAR, DType.TEXT)


def call(name: str, *arguments: exp.Expr) -> exp.Expr:
    """A call of a function of DuckDB, written as it stands."""
    return exp.Anonymous(this=name, expressions=[each.copy() for each in arguments])


def text(value: str) -> exp.Expr:
    """Text in single quotes."""
    return exp.Literal.string(value)


def cast(node: exp.Expr, to: str) -> exp.Expr:
    """A value as a type of DuckDB."""
    return exp.Cast(this=node.copy(), to=exp.DataType.build(to, dialect="duckdb"))


def passed_to(name: str, *keys: str) -> Cure:
    """A function of DuckDB, or a macro, in place of the node; it is given the parts called so."""

    def cure(node: exp.Expr) -> exp.Expr:
        return call(name, *(node.args[key] for key in keys if node.args.get(key) is not None))

    return cure


def renamed(name: str, count: int | None = None) -> Cure:
    """A function of DuckDB, or a macro, with the same arguments; `count`: how many there may be."""

    def cure(node: exp.Expr) -> exp.Expr:
        if count is not None and len(node.expressions) != count:
            raise refuse(node, f"{node.name.lower()} takes {count} arguments here", "write so many")
        return call(name, *node.expressions)

    return cure


def without(*keys: str) -> Cure:
    """The node as it is; refused with any of those parts."""

    def cure(node: exp.Expr) -> None:
        if any(node.args.get(key) for key in keys):
            raise refuse(node, "one argument too many for the engine here", "leave the last out")

    return cure


def element_of(node: exp.Expr) -> exp.DataType | None:
    """The type of the elements of an array, where it is known."""
    if node.is_type(DType.ARRAY) and node.type and node.type.expressions:
        element: exp.DataType = node.type.expressions[0]
        return element
    return None


def is_unknown(node: exp.Expr) -> bool:
    """Whether the tables and functions do not tell the type of a node."""
    return node.type is None or node.is_type(DType.UNKNOWN, DType.NULL)


def refuse(node: exp.Expr, why: str, fix: str) -> QueryFailed:
    """The error for something that has no cure."""
    try:
        text = node.sql("athena", unsupported_level=ErrorLevel.IGNORE)
    except ValueError:  # a path that cannot be written again
        text = node.sql_name().lower() if isinstance(node, exp.Func) else node.key
    shown = text if len(text) <= 60 else text[:59] + "…"
    return QueryFailed(f"{why}: {shown}", "", fix)
