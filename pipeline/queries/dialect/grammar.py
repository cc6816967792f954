"""What sqlglot reads and Athena does not, though DuckDB would answer it.

Each was given to a real Trino (476): tests/queries/truth.jsonl. It refuses them, but for two that
the engine here cannot be given: a UNION by names, and ALL before the names of a GROUP BY.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from sqlglot import Token, TokenType, exp

from pipeline.errors import QueryFailed
from pipeline.queries.dialect.trees import refuse

# What cannot follow a comma.
_ENDS = (
    TokenType.COMMA, TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.SEMICOLON, TokenType.FROM,
    TokenType.WHERE, TokenType.GROUP_BY, TokenType.HAVING, TokenType.ORDER_BY, TokenType.UNION,
    TokenType.INTERSECT, TokenType.EXCEPT, TokenType.JOIN, TokenType.CROSS, TokenType.INNER,
    TokenType.LEFT, TokenType.RIGHT, TokenType.FULL,
)  # fmt: skip
_BITS = "write bitwise_and(a, b), bitwise_or, bitwise_xor or bitwise_not"
_OPERATORS = {
    "&": _BITS,
    "|": _BITS,
    "^": _BITS,
    "~": _BITS,
    "==": "write x = y",
    "::": "write CAST(x AS varchar)",
    "!": "write NOT x",
    "<=>": "write x IS NOT DISTINCT FROM y",
    **dict.fromkeys(("~~", "~~*", "~*", "!~", "!~*", "rlike", "regexp"), "write regexp_like(x, y)"),
    **dict.fromkeys(("isnull", "notnull"), "write x IS NULL, or x IS NOT NULL"),
}
_PAIRS: Mapping[tuple[TokenType, TokenType], tuple[str, str]] = {
    (TokenType.DISTINCT, TokenType.ON): (
        "Athena has no DISTINCT ON",
        "write max_by(x, event_time) with GROUP BY",
    ),
    (TokenType.DISTINCT, TokenType.R_PAREN): (
        "nothing follows DISTINCT",
        "write count(DISTINCT x)",
    ),
    (TokenType.GROUP_BY, TokenType.ALL): (
        "GROUP BY ALL names no columns",
        "name what to group by, or write GROUP BY 1, 2",
    ),
    (TokenType.ALIAS, TokenType.STRING): (
        "a name in single quotes is a text",
        'write AS name, or AS "name"',
    ),
    (TokenType.STRING, TokenType.STRING): (
        "two texts follow each other",
        "write || between them, or '' for a quote inside of a text",
    ),
    (TokenType.INTERVAL, TokenType.NUMBER): (
        "the number of an interval is a text",
        "write INTERVAL '1' DAY",
    ),
}
_WHOLE = re.compile(r"[-+]?[0-9]+")
_UNITS = ("year", "month", "day", "hour", "minute", "second")
# Of the types, those that are written with other words elsewhere.
_AMOUNT = (TokenType.NUMBER, TokenType.ALL)
_ROWS = (exp.Query, exp.Values, exp.Table, exp.Unnest)
_TYPES = {
    **dict.fromkeys(("text", "string", "bpchar"), "varchar"),
    **dict.fromkeys(("int8", "long"), "bigint"),
    **dict.fromkeys(("int4", "int2", "int1", "signed", "short", "byte"), "integer"),
    **dict.fromkeys(("bool", "logical"), "boolean"),
    **dict.fromkeys(("float", "float4", "float8"), "double"),
    "datetime": "timestamp",
    "numeric": "decimal(18, 2)",
}


def check_tokens(tokens: Sequence[Token]) -> None:
    """Refuse, naming the place, what is seen before a tree is made."""
    for index, token in enumerate(tokens):
        if token.token_type in (TokenType.STRING, TokenType.IDENTIFIER):
            continue
        word = token.text.lower()
        if word in _OPERATORS and not _is_name(tokens, index):
            raise QueryFailed(f"Athena has no {token.text}", place(token), _OPERATORS[word])
        check = _CHECKS.get(word)
        if check:
            check(tokens, index)
    for token, behind in pairwise(tokens):
        said = _PAIRS.get((token.token_type, behind.token_type))
        if said:
            raise QueryFailed(said[0], place(behind), said[1])


def _is_name(tokens: Sequence[Token], index: int) -> bool:
    """Whether a word names something: behind AS, a dot or a comma, or ahead of one."""
    before = tokens[index - 1].token_type if index else None
    behind = tokens[index + 1].token_type if index + 1 < len(tokens) else None
    around = (TokenType.ALIAS, TokenType.DOT, TokenType.COMMA, TokenType.SELECT)
    return tokens[index].text.isalpha() and (before in around or behind in around[1:3])


def place(token: Token) -> str:
    """Where a word stands, as errors say it."""
    return f"line {token.line}, column {token.col - len(token.text) + 1}"


def _check_comma(tokens: Sequence[Token], index: int) -> None:
    if index + 1 == len(tokens) or tokens[index + 1].token_type in _ENDS:
        raise QueryFailed("nothing follows a comma", place(tokens[index]), "leave the comma out")


def _check_interval(tokens: Sequence[Token], index: int) -> None:
    behind = list(tokens[index + 1 : index + 5])
    if behind and behind[0].text in ("-", "+"):
        del behind[0]
    turned = len(behind) > 1 and behind[1].token_type == TokenType.STRING
    if turned and behind[0].text.lower() in _UNITS:
        what = f"this is no interval: {behind[0].text} '{behind[1].text}'"
        raise QueryFailed(what, place(behind[0]), "write INTERVAL '1' DAY")
    if not behind or behind[0].token_type != TokenType.STRING:
        return
    if [token.text.lower() for token in behind[2:]][:1] == ["to"]:
        # A span, which is refused as such.
        return
    unit = behind[1].text if len(behind) > 1 else ""
    if unit.lower() not in _UNITS or not _WHOLE.fullmatch(behind[0].text):
        found = f"'{behind[0].text}' {unit}".strip()
        fix = "write INTERVAL '1' DAY; known: " + ", ".join(_UNITS)
        raise QueryFailed(f"this is no interval: {found}", place(behind[0]), fix)


def _check_filter(tokens: Sequence[Token], index: int) -> None:
    around = tokens[max(index - 1, 0)], *tokens[index + 1 : index + 3]
    kinds = [token.token_type for token in around]
    if kinds[:2] == [TokenType.R_PAREN, TokenType.L_PAREN] and kinds[2:] != [TokenType.WHERE]:
        raise QueryFailed("FILTER has no WHERE", place(tokens[index]), "write FILTER (WHERE x > 0)")


def _check_nulls(tokens: Sequence[Token], index: int) -> None:
    behind = [token.text.lower() for token in tokens[index + 1 : index + 3]]
    inside = index and tokens[index - 1].token_type != TokenType.R_PAREN
    # Else it is a column, and NULLS FIRST follows.
    if inside and behind[:1] == ["nulls"] and behind[1:] not in (["first"], ["last"]):
        fix = f"write last_value(x) {tokens[index].text.upper()} NULLS OVER (..)"
        raise QueryFailed("this stands behind the parenthesis", place(tokens[index]), fix)


def _check_limit(tokens: Sequence[Token], index: int) -> None:
    amount = tokens[index + 1 : index + 3]
    # A parameter is two words.
    width = 2 if amount and amount[0].token_type == TokenType.COLON else 1
    known = bool(amount) and (width == 2 or amount[0].token_type in _AMOUNT)
    behind = tokens[index + 1 + width : index + 2 + width]
    if known and behind and behind[0].token_type in (TokenType.OFFSET, TokenType.COMMA):
        fix = "write OFFSET 10 LIMIT 5"
        raise QueryFailed("Athena has OFFSET before LIMIT", place(tokens[index]), fix)


def _check_type(tokens: Sequence[Token], index: int) -> None:
    end = _closing(tokens, index)
    depth = 0
    for at in range(end - 1, index, -1):
        depth += {TokenType.R_PAREN: 1, TokenType.L_PAREN: -1}.get(tokens[at].token_type, 0)
        if depth == 0 and tokens[at].token_type == TokenType.ALIAS:
            for name in tokens[at + 1 : end]:
                if fix := _TYPES.get(name.text.lower()):
                    what = f"Athena has no type {name.text}"
                    raise QueryFailed(what, place(name), f"write {fix}")
            return


def _check_listagg(tokens: Sequence[Token], index: int) -> None:
    end = _closing(tokens, index)
    if end > index and [token.text.lower() for token in tokens[end + 1 : end + 2]] != ["within"]:
        fix = "write listagg(x, ',') WITHIN GROUP (ORDER BY x)"
        raise QueryFailed("listagg has no order", place(tokens[index]), fix)


def _closing(tokens: Sequence[Token], index: int) -> int:
    """Where the parenthesis that opens behind a word is closed; the word's place when none is."""
    depth = 0
    for at in range(index + 1, len(tokens)):
        depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(tokens[at].token_type, 0)
        if depth == 0:
            return at if at > index + 1 else index
    return index


_CHECKS = {
    ",": _check_comma,
    "interval": _check_interval,
    "filter": _check_filter,
    "ignore": _check_nulls,
    "respect": _check_nulls,
    "limit": _check_limit,
    "cast": _check_type,
    "try_cast": _check_type,
    "listagg": _check_listagg,
}


def check_node(node: exp.Expr) -> None:
    """Refuse, naming the node, what the tree alone shows."""
    if isinstance(node, exp.Star) and any(node.args.values()):
        raise refuse(node, "Athena has * alone", "name the columns")
    if isinstance(node, exp.SetOperation) and node.args.get("by_name"):
        raise QueryFailed("columns of a UNION go by their place", "", "name them in both SELECTs")
    if isinstance(node, exp.Limit | exp.Offset) and not _is_amount(node):
        raise refuse(
            node, "Athena has whole numbers for this alone", f"write {node.key.upper()} 10"
        )
    if isinstance(node, exp.Subquery) and not isinstance(node.unnest(), _ROWS):
        raise refuse(node, "these are no rows", "write UNNEST(a) AS t(x)")
    if isinstance(node, exp.Any | exp.All) and not isinstance(node.this, exp.Query):
        raise refuse(node, "Athena compares with the rows of a query", "write contains(a, x)")


def _is_amount(node: exp.Expr) -> bool:
    amount = node.expression
    return amount.is_int or isinstance(amount, exp.Placeholder | exp.Var)


def check_distinct(tree: exp.Expr) -> None:
    """Refuse what SELECT DISTINCT is ordered by and does not show; names are resolved by now."""
    for select in tree.find_all(exp.Select):
        order = select.args.get("order") if select.args.get("distinct") else None
        names = {each.alias_or_name.lower() for each in select.selects}
        shown = {each.unalias().unnest() for each in select.selects}
        for ordered in order.expressions if order else ():
            by = ordered.this.unnest()
            output = isinstance(by, exp.Column) and not by.table and by.name.lower() in names
            place_of = isinstance(by, exp.Literal) and by.is_int
            if not (output or place_of or by in shown):
                raise refuse(by, "SELECT DISTINCT is ordered by what it shows", "select it, too")
