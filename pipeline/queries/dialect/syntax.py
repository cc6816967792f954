"""What a query may be: one SELECT over our tables, of known words and functions.

Log readers may be attackers: nothing here may write, read a file, attach, or change a setting. The
engine is closed against the same a second time.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import pairwise

import sqlglot
from sqlglot import Token, TokenType, exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import traverse_scope

from pipeline.errors import QueryFailed
from pipeline.queries.dialect.dates import check_letters
from pipeline.queries.dialect.functions import FUNCTIONS, REASONS, TYPES, WORDS
from pipeline.queries.dialect.grammar import check_node, check_tokens, place
from pipeline.queries.dialect.trees import refuse

ATHENA = "athena"
# What macros, and variables inside them, are called.
OURS = "tr_"
NOT_ALLOWED = ("not allowed in a query", "allowed is what answers the same on Athena and here")
_ALLOWED = "allowed are those of sql/FUNCTIONS.md, which answer the same on Athena and here"
_IS_NULL = "Athena has IS for NULL and DISTINCT FROM alone"
_BEGINNINGS = (TokenType.SELECT, TokenType.WITH, TokenType.L_PAREN)
_LOOKING = ("show", "describe", "desc")
_JOINS = ("", "INNER", "OUTER", "CROSS")
_SYNTAX = (
    exp.Select, exp.SetOperation, exp.Subquery, exp.With, exp.CTE, exp.From, exp.Join, exp.Where,
    exp.Group, exp.Having, exp.Order, exp.Ordered, exp.Limit, exp.Offset, exp.Fetch, exp.Distinct,
    exp.Rollup, exp.Cube, exp.GroupingSets, exp.Window, exp.WindowSpec, exp.Filter, exp.Table,
    exp.TableAlias, exp.Identifier, exp.Column, exp.Star, exp.Alias, exp.Literal, exp.Null,
    exp.Boolean, exp.Paren, exp.Tuple, exp.Values, exp.Binary, exp.Unary, exp.Between, exp.In,
    exp.Case, exp.DataType, exp.DataTypeParam, exp.Interval, exp.Var, exp.Unnest, exp.Placeholder,
    exp.Exists, exp.Any, exp.All, exp.IgnoreNulls, exp.RespectNulls, exp.JSONPath,
    exp.JSONPathPart, exp.Bracket, exp.Func, exp.Lambda, exp.IntervalSpan,
)  # fmt: skip
# Of those families the ones that DuckDB answers differently, or that Trino does not know.
_ZONE = "times are UTC here and on Athena: compare with TIMESTAMP '2026-11-25 14:00:00'"
_REFUSED: Mapping[type[exp.Expr], str] = {
    exp.AtTimeZone: _ZONE,
    exp.CurrentTime: "write now()",
    exp.Localtime: "write now()",
    exp.Localtimestamp: "write now()",
    exp.CurrentDatetime: "write now()",
    exp.ILike: "write lower(x) LIKE 'text%'",
    exp.Collate: "write lower(x) to compare without case",
    exp.SimilarTo: "write regexp_like(x, y)",
    exp.Glob: "write x LIKE 'text%'",
    exp.IntDiv: "write a / b: whole numbers divide whole",
    exp.BitwiseLeftShift: "write x * 2, x * 4, ..",
    exp.BitwiseRightShift: "write x / 2, x / 4, ..",
    exp.Dot: "select the fields of a row as columns of their own",
    exp.Struct: "select its values as columns of their own",
    exp.Kwarg: "write the values in their order",
    **dict.fromkeys((exp.CurrentUser, exp.CurrentSchema, exp.CurrentCatalog), "leave it out"),
}


def read(sql: str) -> exp.Expr:
    """The tree of a query.

    Raises QueryFailed, naming the place, for what a query may not be.
    """
    tokens = tokens_of(sql)
    try:
        check_tokens(tokens)
        check_letters(tokens)
        tree = sqlglot.parse_one(sql, read=ATHENA)
    except SqlglotError as error:
        raise unreadable(error) from error
    _check_calls(tree, tokens)
    _check_nodes(tree)
    return tree


def tokens_of(sql: str) -> list[Token]:
    """The words of one SELECT.

    Raises QueryFailed for any other statement, for several, and for what is no text.
    """
    if sql.encode("utf-8", "replace").decode() != sql or "\0" in sql:
        raise QueryFailed("the SQL is not valid text", "", "write it in UTF-8")
    try:
        tokens = sqlglot.tokenize(sql, read=ATHENA)
    except SqlglotError as error:
        raise unreadable(error) from error
    _check_beginning(tokens)
    return tokens


def tables_of(tree: exp.Expr) -> list[str]:
    """Names of the views that a query reads, those of its own WITH left out."""
    found = {
        source.name.lower()
        for scope in traverse_scope(tree)
        for source in scope.sources.values()
        if isinstance(source, exp.Table)
    }
    return sorted(found)


def near(name: str, known: Sequence[str]) -> str:
    """The nearest known names, as a hint."""
    found = get_close_matches(name, known, 3, 0.6)
    return f"did you mean {', '.join(found)}?" if found else ""


def unreadable(error: SqlglotError) -> QueryFailed:
    """The error for text that is no SQL, with its place."""
    details = getattr(error, "errors", None) or [{}]
    first = details[0]
    what = str(first.get("description") or error).splitlines()[0]
    unfinished = re.search(r"missing for <class '.*\.(\w+)'>", what)
    if unfinished:
        what = f"something is missing in {unfinished[1].upper()}"
    where = f"line {first['line']}, column {first['col']}" if "line" in first else ""
    return QueryFailed(f"the SQL cannot be read: {what}", where, "it is Athena's dialect")


def _check_beginning(tokens: Sequence[Token]) -> None:
    if not tokens or tokens[0].token_type not in _BEGINNINGS:
        # A statement that Athena gives to Hive begins with a token without text.
        found = next((token.text for token in tokens if token.text), "an empty text")
        looking = found.lower() in _LOOKING
        fix = "tables and columns: tailrace tables" if looking else "begin with SELECT or WITH"
        raise QueryFailed(f"only SELECT is allowed, not {found}", "", fix)
    for token in tokens[:-1]:
        if token.token_type == TokenType.SEMICOLON:
            raise QueryFailed("only one statement is allowed", f"line {token.line}", "leave out ;")


def _check_calls(tree: exp.Expr, tokens: Sequence[Token]) -> None:
    # By the words as written: the tree has only the functions that they were taken for.
    named = {
        alias.name.lower()
        for alias in tree.find_all(exp.TableAlias)
        if alias.name.upper() not in exp.FUNCTION_BY_NAME
    }
    for token in _called(tokens):
        name = token.text.lower()
        if name not in FUNCTIONS | TYPES | WORDS | named:
            fix = REASONS.get(name) or near(name, sorted(FUNCTIONS)) or _ALLOWED
            what = f"the function {name} is not allowed in a query"
            raise QueryFailed(what, place(token), fix)


def _called(tokens: Sequence[Token]) -> Iterator[Token]:
    for token, following in pairwise(tokens):
        word = token.text[:1].isalpha() or token.text[:1] == "_"
        is_name = word or token.token_type == TokenType.IDENTIFIER
        if following.token_type == TokenType.L_PAREN and is_name:
            yield token


def _check_nodes(tree: exp.Expr) -> None:
    for node in tree.walk():
        check_node(node)
        _check_place(node)
        if isinstance(node, exp.Identifier) and node.name.lower().startswith(OURS):
            raise refuse(node, f"names that begin with {OURS} are ours", "name it otherwise")
        if isinstance(node, exp.Lambda):
            _check_names(node)
        if isinstance(node, exp.Anonymous) and node.name.lower() not in FUNCTIONS:
            raise QueryFailed(f"the function {node.name} is not allowed in a query")
        if type(node) in _REFUSED:
            raise refuse(node, NOT_ALLOWED[0], _REFUSED[type(node)])
        if _is_operator(node):
            raise refuse(node, NOT_ALLOWED[0], _operator_fix(node))
        if not isinstance(node, _SYNTAX):
            raise refuse(node, *NOT_ALLOWED)


def _check_names(function: exp.Lambda) -> None:
    """Refuse a name that a function around it has: cures put one's parts into the other."""
    around = function.find_ancestor(exp.Lambda)
    while around is not None:
        for name in {each.name.lower() for each in around.expressions}:
            if name in {each.name.lower() for each in function.expressions}:
                raise refuse(
                    function, f"{name} is the name of a value around it", "name it otherwise"
                )
        around = around.find_ancestor(exp.Lambda)


def _is_operator(node: exp.Expr) -> bool:
    """Whether a[1] or a -> 'b' was written, where Athena has element_at and json_extract."""
    if isinstance(node, exp.Bracket):
        return not node.args.get("safe")
    return isinstance(node, exp.JSONExtract) and "only_json_types" in node.args


def _operator_fix(node: exp.Expr) -> str:
    if isinstance(node, exp.Bracket):
        return "write element_at(x, 1), or element_at(x, 'name'): NULL where there is none"
    return "write json_extract_scalar(j, '$.name')"


def _check_place(node: exp.Expr) -> None:
    """Refuse a table that is no plain name, and what may follow a query or a table unseen."""
    if isinstance(node, exp.Table):
        plain = isinstance(node.this, exp.Identifier) and not node.args.get("db")
        extras = set(node.args) - {"this", "alias", "joins", "laterals", "db", "catalog"}
        if not plain or any(node.args.get(name) for name in extras):
            raise refuse(node, *NOT_ALLOWED)
    if isinstance(node, exp.Select):
        refused = ("into", "locks", "hint", "qualify", "kind", "sample", "pivots", "connect")
        if any(node.args.get(name) for name in refused):
            raise refuse(node, *NOT_ALLOWED)
    if isinstance(node, exp.Join) and (node.method or node.kind not in _JOINS):
        fix = "write JOIN .. ON, or WHERE (NOT) EXISTS (SELECT 1 ..)"
        raise refuse(node, "Athena has no such join", fix)
    if isinstance(node, exp.Fetch) and "TIES" in node.sql(ATHENA):
        raise refuse(node, NOT_ALLOWED[0], "write rank() OVER (ORDER BY x) and ask for rank <= n")
    if isinstance(node, exp.Is) and not isinstance(node.expression, exp.Null):
        fix = "write x IS DISTINCT FROM true (not true), x IS NOT DISTINCT FROM true (true)"
        raise refuse(node.parent if isinstance(node.parent, exp.Not) else node, _IS_NULL, fix)
    if isinstance(node, exp.With) and node.recursive:
        # Trino gives up after some rounds; DuckDB would go on until memory or disk is full.
        fix = "leave RECURSIVE out; for a row of numbers there is sequence(1, n)"
        raise QueryFailed("WITH RECURSIVE is not allowed in a query", "", fix)
