"""A query as Athena itself is asked: the author's text with `?` for each parameter, and its values.

Athena and Trino bind by place, and their values are texts of SQL (`ExecutionParameters`, or
EXECUTE IMMEDIATE .. USING); this is the one place where a value is quoted.
"""

import math
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from itertools import zip_longest

from sqlglot import Token, TokenType

from pipeline.errors import QueryFailed
from pipeline.queries.dialect.syntax import tokens_of
from pipeline.queries.parameters import Value


def to_athena(sql: str, parameters: Collection[str]) -> tuple[str, tuple[str, ...]]:
    """The text with `?` for each `:name`, and the names in their order, repeats and all.

    Nothing else of the text changes; strings, quoted names and comments stay what they are.
    Raises QueryFailed for what is not one SELECT, and for a parameter that is not declared.
    """
    pieces = list(_pieces(sql, parameters))
    return "?".join(text for text, _ in pieces), tuple(name for _, name in pieces if name)


def spelled_out(sql: str, values: Mapping[str, str]) -> str:
    """The text with SQL in the place of each `:name`, for who cannot bind; `values` by name.

    Raises QueryFailed as `to_athena` does.
    """
    return "".join(text + values.get(name, "") for text, name in _pieces(sql, values))


def _pieces(sql: str, parameters: Collection[str]) -> Iterator[tuple[str, str]]:
    """What stands before each parameter, and its name; at last what stands behind all, and ""."""
    tokens = tokens_of(sql)
    done = 0
    for token, following in zip_longest(tokens, tokens[1:]):
        if token.token_type == TokenType.PLACEHOLDER:
            raise _undeclared("?", token, parameters)
        if token.token_type == TokenType.COLON:
            name = following.text if following else ""
            if following is None or name not in parameters:
                raise _undeclared(f":{name}", token, parameters)
            yield sql[done : token.start], name
            done = following.end + 1
    yield sql[done:], ""


def literal(value: Value) -> str:
    """A value as a literal of Athena's SQL.

    Times are without zone, or aware and then told in UTC; finer than milliseconds is cut. Doubles
    have an exponent: without it they would be decimals, which are divided differently.
    Raises ValueError for a double that is no number.
    """
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _double(value)
    if isinstance(value, datetime):
        plain = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return f"TIMESTAMP '{plain.isoformat(' ', 'milliseconds')}'"
    return "'" + value.replace("'", "''") + "'"


def _double(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(f"not a number that SQL can say: {value}")
    text = repr(value)
    return text.upper() if "e" in text else f"{text}E0"


def _undeclared(shown: str, token: Token, parameters: Collection[str]) -> QueryFailed:
    return QueryFailed(
        f"the parameter {shown} is not declared",
        f"line {token.line}, column {token.col}",
        f"known: {', '.join(parameters)}",
    )
