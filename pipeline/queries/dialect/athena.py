"""A query for Athena itself: as its author wrote it, with `?` where a parameter stands.

Athena binds by position and takes values as literals (StartQueryExecution, ExecutionParameters).
"""

from collections.abc import Container
from datetime import datetime
from itertools import pairwise

import sqlglot
from sqlglot import TokenType
from sqlglot.errors import SqlglotError

from pipeline.errors import QueryFailed
from pipeline.queries.dialect import syntax


def to_athena(sql: str, parameters: Container[str]) -> tuple[str, tuple[str, ...]]:
    """The text with each `:name` as `?`, and their names in that order, repeats and all.

    parameters  names that may stand there. Raises QueryFailed for others, and for a `?` of its own.
    """
    try:
        tokens = sqlglot.tokenize(sql, read=syntax.ATHENA)
    except SqlglotError as error:
        raise syntax.unreadable(error) from error
    text, names, done = [], [], 0
    for token, behind in pairwise([*tokens, None]):
        if token is None or behind is None or token.token_type != TokenType.COLON:
            if token is not None and token.token_type == TokenType.PLACEHOLDER:
                raise QueryFailed("a ? has no value here", f"line {token.line}", "write :name")
            continue
        if behind.start != token.end + 1 or behind.text not in parameters:
            raise QueryFailed(
                f"the parameter :{behind.text} is not declared",
                f"line {token.line}",
                "declare it, or write one of the window's, such as :from_time",
            )
        text.append(f"{sql[done : token.start]}?")
        names.append(behind.text)
        done = behind.end + 1
    return "".join([*text, sql[done:]]), tuple(names)


def literal(value: object) -> str:
    """A value as Athena reads it in ExecutionParameters; the only place where text is quoted.

    Times are without zone, to the millisecond.
    """
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"DOUBLE '{value!r}'"
    if isinstance(value, datetime):
        return f"TIMESTAMP '{value.isoformat(' ', 'milliseconds')}'"
    return "'" + str(value).replace("'", "''") + "'"
