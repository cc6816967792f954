"""Text: parts of it, bytes and their encodings."""

import re
from collections.abc import Iterator

from sqlglot import exp
from sqlglot.expressions import DType

from pipeline.queries.dialect.trees import (
    FLOATS,
    TEXTS,
    WHOLES,
    Cure,
    Cures,
    Named,
    call,
    cast,
    is_unknown,
    passed_to,
    refuse,
    renamed,
    text,
    without,
)  # fmt: skip

# What Java takes for white space; the engine takes blanks alone.
_SPACES = "".join(
    map(chr, (*range(9, 14), *range(28, 33), 0x1680, *range(0x2000, 0x2007), 0x2008, 0x2009,
              0x200A, 0x2028, 0x2029, 0x205F, 0x3000))
)  # fmt: skip
_SIDES = {"LEADING": "ltrim", "TRAILING": "rtrim", "BOTH": "trim", "": "trim"}
_PLACE = re.compile(r"%(?:(%)|(s)|(,?d|0[1-9][0-9]*d))")


def _trim(node: exp.Expr) -> exp.Expr:
    letters = node.args.get("expression") or text(_SPACES)
    return call(_SIDES[str(node.args.get("position") or "")], node.this, letters)


def _not_empty(key: str) -> Cure:
    def cure(node: exp.Expr) -> exp.Expr | None:
        part = node.args[key]
        if isinstance(part, exp.Literal) and not part.name:
            raise refuse(node, "there is nothing to look for", "'' is found everywhere")
        return without("limit")(node)

    return cure


def _split_part(node: exp.Expr) -> exp.Expr:
    _not_empty("delimiter")(node)
    keys = ("this", "delimiter", "part_index")
    return call("tr_split_part", *(node.args[key] for key in keys))


def _separated(node: exp.Expr) -> None:
    for side in node.expressions:
        if not (side.is_type(*TEXTS) or is_unknown(side)):
            raise refuse(node, "Athena joins text to text", "write CAST(x AS varchar)")


def _joined(node: exp.Expr) -> exp.Expr | None:
    """a || b and concat: of text, or of arrays."""
    sides = node.expressions if isinstance(node, exp.Concat) else (node.this, node.expression)
    if any(side.is_type(DType.ARRAY) for side in sides):
        if not all(side.is_type(DType.ARRAY) or is_unknown(side) for side in sides):
            raise refuse(node, "an array is joined to an array", "write a || ARRAY[x]")
        return None
    for side in sides:
        if not (side.is_type(*TEXTS, DType.VARBINARY) or is_unknown(side)):
            raise refuse(node, "Athena joins text to text", "write CAST(x AS varchar)")
    return None


def _length(node: exp.Expr) -> exp.Expr | None:
    return call("octet_length", node.this) if node.this.is_type(DType.VARBINARY) else None


def _reverse(node: exp.Expr) -> exp.Expr:
    return call("tr_reverse" if node.this.is_type(*TEXTS) else "list_reverse", node.this)


def _format(node: exp.Expr) -> exp.Expr:
    """format: %s of text and whole numbers, %d, %,d and %05d."""
    pattern = node.this
    if not node.expressions:
        raise refuse(node, "there is nothing to format", "write the text itself")
    if not isinstance(pattern, exp.Literal) or "%" in _PLACE.sub("", pattern.name):
        raise refuse(node, "only %s, %d, %,d and %05d are formatted here", "use concat and CAST")
    places = [found[1] or found[2] for found in _PLACE.findall(pattern.name) if not found[0]]
    if len(places) != len(node.expressions):
        raise refuse(node, f"the pattern has {len(places)} places", "give it so many values")
    for place, value in zip(places, node.expressions, strict=True):
        if not value.is_type(*WHOLES) and (place != "s" or not value.is_type(*TEXTS)):
            fix = "write CAST(x AS bigint)"
            raise refuse(node, "only text and whole numbers are formatted here", fix)
    return call("concat", *_formatted(pattern.name, iter(node.expressions)))


def _formatted(pattern: str, values: Iterator[exp.Expr]) -> Iterator[exp.Expr]:
    """The parts of a pattern, one after the other. Java writes null where there is no value."""
    end = 0
    for found in _PLACE.finditer(pattern):
        yield text(pattern[end : found.start()] + (found[1] or ""))
        end = found.end()
        if not found[1]:
            value = next(values)
            shown = cast(value, "varchar") if found[2] else call("printf", text(found[0]), value)
            width = re.sub("[^0-9]", "", found[0])
            yield call("coalesce", shown, text("null".rjust(int(width or 0))))
    yield text(pattern[end:])


def _digest(node: exp.Expr) -> exp.Expr:
    length = node.args.get("length")
    if length is not None and length.name != "256":
        raise refuse(node, "the engine here has no such digest", "write sha256, sha1 or md5")
    return call("unhex", call("sha256", node.this))


def _hex(node: exp.Expr) -> exp.Expr | None:
    if node.this.is_type(*TEXTS, *WHOLES, *FLOATS):
        raise refuse(node, "only bytes have hexadecimal digits", "write to_hex(to_utf8(x))")
    return None


CURES: Cures = {
    exp.Trim: _trim,
    exp.Upper: passed_to("tr_upper", "this"),
    exp.Replace: _not_empty("expression"),
    exp.Split: _not_empty("expression"),
    exp.SplitPart: _split_part,
    exp.StrToMap: passed_to("tr_split_to_map", "this", "pair_delim", "key_value_delim"),
    exp.Substring: passed_to("tr_substr", "this", "start", "length"),
    exp.StrPosition: without("occurrence", "position"),
    exp.Concat: _joined,
    exp.DPipe: _joined,
    exp.ConcatWs: _separated,
    exp.Length: _length,
    exp.Reverse: _reverse,
    exp.Format: _format,
    exp.Hex: _hex,
    exp.SHA: lambda node: call("unhex", call("sha1", node.this)),
    exp.SHA2Digest: _digest,
    exp.Unhex: passed_to("tr_from_hex", "this"),
    exp.FromBase64: passed_to("tr_from_base64", "this"),
}
NAMED: Named = {"codepoint": renamed("unicode", 1), "hamming_distance": renamed("hamming", 2)}
