"""JSON: values by a path, and arrays. A document is text in our tables.

Trino reads a document up to the value that is asked for, the engine all of it: behind a value a
document may be broken there and still answer; here it is NULL, as for any text that is no JSON.
NaN and Infinity are no JSON there, and are read over here.
"""

import re

from sqlglot import exp

from pipeline.queries.dialect.trees import (
    FLOATS,
    TEXTS,
    WHOLES,
    Cures,
    Named,
    call,
    cast,
    is_unknown,
    refuse,
)  # fmt: skip

_PATHS = (exp.JSONPath, exp.JSONPathRoot, exp.JSONPathKey, exp.JSONPathSubscript)
_PATH_FIX = 'write $.name, $["a name"] and $[0]'
_SCALAR_FIX = "write json_extract_scalar(j, '$.name') and CAST what it gives"


def _check_path(node: exp.Expr) -> None:
    for part in node.expression.walk():
        plain = isinstance(part, _PATHS) and part.this != ""
        if not plain or re.match(r"-|\*", str(part.this or "")):
            raise refuse(node, "this path reads differently here", _PATH_FIX)


def _scalar(node: exp.Expr) -> exp.Expr:
    _check_path(node)
    return call("tr_json_scalar", _text_of(node), node.expression)


def _text_of(node: exp.Expr) -> exp.Expr:
    return (
        node.this
        if node.this.is_type(*TEXTS) or is_unknown(node.this)
        else cast(node.this, "varchar")
    )


def _length(node: exp.Expr) -> exp.Expr:
    return call("tr_json_length", *node.expressions)


def _contains(node: exp.Expr) -> exp.Expr:
    if node.expression.is_type(*WHOLES):
        return call("tr_json_has_whole", node.this, node.expression)
    if node.expression.is_type(*TEXTS):
        return call("tr_json_has_text", node.this, node.expression)
    kind = "a double" if node.expression.is_type(*FLOATS) else "this value"
    fix = "look for text or a whole number"
    raise refuse(node, f"{kind} in a JSON array is found differently on Athena", fix)


def _document(node: exp.Expr) -> exp.Expr:
    raise refuse(node, "a document as such reads differently here", _SCALAR_FIX)


CURES: Cures = {
    exp.JSONExtractScalar: _scalar,
    exp.JSONArrayContains: _contains,
    exp.JSONExtract: _document,
    exp.ParseJSON: _document,
    exp.JSONFormat: _document,
}
NAMED: Named = {"json_array_length": _length}
