"""regexp_*: Trino's patterns are Java's, the engine's RE2's: what both read alike, or a cure."""

import re

from sqlglot import exp

from pipeline.queries.dialect.trees import Cure, Cures, call, refuse, text

# What RE2 does not know or reads as something else.
_FOREIGN = (
    (r"\(\?<?[=!]", "looking ahead or behind"),
    (r"\(\?P?<[A-Za-z]|\\k", "a named group"),
    (r"\\[1-9]", "a back-reference"),
    (r"[*+?}]\+", "a possessive repetition"),
    (r"&&|\[[^\]\\]*\[(?!:)", "a set of sets"),
    (r"\[:|\\p\{\w{3,}", "a named set"),
    (r"\\[hHRXGZvVQEbB]?(?<=\\[hHRXGZvVQE])", "an escape of Java"),
)
_TOKEN = re.compile(r"\\.|\[\^?\]?|\]|\$|.", re.DOTALL)
_MANY_LINES = re.compile(r"\(\?[a-z]*m")
_FIX = "write it with what RE2 knows too: sets, groups, | * + ? {n}, \\d \\w \\s \\b ^ $"


def _pattern(node: exp.Expr, dollar: str = "$") -> exp.Expr:
    """The pattern as the engine takes it; `dollar`: what stands for the end of the text."""
    pattern = node.expression
    if isinstance(pattern, exp.Cast) and isinstance(pattern.this, exp.Placeholder):
        return pattern
    if not isinstance(pattern, exp.Literal) or not pattern.is_string:
        raise refuse(node, "the pattern must be written out", "write it in single quotes")
    for foreign, what in _FOREIGN:
        if re.search(foreign, re.sub(r"\\\\", "", pattern.name)):
            raise refuse(node, f"the engine here does not read {what}", _FIX)
    if not isinstance(node, exp.RegexpLike | exp.RegexpExtract) and _may_be_empty(pattern.name):
        fix = "write it so that it matches one character at least: + for *"
        raise refuse(node, "a pattern that matches where nothing stands", fix)
    end = "$" if _MANY_LINES.search(pattern.name) else dollar
    return text(_rewritten(pattern.name, end))


def _may_be_empty(pattern: str) -> bool:
    try:
        return re.search(pattern, "") is not None
    except re.error:
        return False


def _rewritten(pattern: str, end: str) -> str:
    found, inside = "", False
    for part in _TOKEN.findall(pattern):
        if part == r"\s":
            # The vertical tab is a space in Java.
            found += r"\s\x0b" if inside else r"[\s\x0b]"
        elif part == "$" and not inside:
            found += end
        else:
            inside = part[0] == "[" if part[0] in "[]" else inside
            found += part
    return found


def _subject(node: exp.Expr) -> exp.Expr:
    """The text; without its last line feed where the pattern looks for the end."""
    ends = "$" in re.sub(r"\\.", "", node.expression.name)
    return call("tr_chomp", node.this) if ends else node.this


def _like(node: exp.Expr) -> exp.Expr:
    return call("regexp_matches", node.this, _pattern(node, r"\n?\z"))


def _extract(node: exp.Expr) -> exp.Expr:
    group = node.args.get("group") or exp.Literal.number(0)
    _check_group(node, group)
    return call("tr_regexp_extract", _subject(node), _pattern(node), group)


def _extract_all(node: exp.Expr) -> exp.Expr:
    group = node.args.get("group") or exp.Literal.number(0)
    _check_group(node, group)
    return call("regexp_extract_all", _subject(node), _pattern(node), group)


def _check_group(node: exp.Expr, group: exp.Expr) -> None:
    if group.name == "0":
        return
    pattern = node.expression
    if not isinstance(pattern, exp.Literal) or not group.is_int:
        raise refuse(node, "the group must be written out", "extract the whole match, or use split")
    bare = re.sub(r"\\.|\[[^\]]*\]", "", pattern.name)
    groups = len(re.findall(r"\((?!\?)", bare))
    if int(group.name) > groups:
        raise refuse(node, f"the pattern has {groups} groups", "count the opening parentheses")
    if re.search(r"\)([?*]|\{0|\{,)", bare) or _alternated(bare):
        fix = "extract the whole match, or use split"
        raise refuse(node, "a group that may take no part", fix)


def _alternated(bare: str) -> bool:
    """Whether a group stands inside of one of several alternatives."""
    depth, alternatives, opened = 0, {0: False}, {0: False}
    for at, letter in enumerate(bare):
        if letter == "(":
            if not bare.startswith("(?", at):
                for level in range(depth + 1):
                    opened[level] = True
            depth += 1
            alternatives[depth] = opened[depth] = False
        elif letter == ")":
            if alternatives[depth] and opened[depth]:
                return True
            depth -= 1
        elif letter == "|":
            alternatives[depth] = True
    return alternatives[0] and opened[0]


def _replace(node: exp.Expr) -> exp.Expr:
    with_text = node.args.get("replacement") or text("")
    wrong = not isinstance(with_text, exp.Literal)
    if wrong or re.search(r"\\|\$(?![0-9](?![0-9]))", with_text.name):
        raise refuse(node, "only text and $1 to $9 can stand in for a match", "write replace(..)")
    written = text(re.sub(r"\$([0-9])", r"\\\1", with_text.name))
    subject = _subject(node)
    replaced = call("regexp_replace", subject, _pattern(node), written, text("g"))
    if subject is node.this:
        return replaced
    feed = call("regexp_extract", node.this, text(r"\n\z"))
    return exp.Paren(this=exp.DPipe(this=replaced, expression=feed))


def _over(name: str) -> Cure:
    def cure(node: exp.Expr) -> exp.Expr:
        return call(name, _subject(node), _pattern(node))

    return cure


def _count(node: exp.Expr) -> exp.Expr:
    return call("len", call("regexp_extract_all", _subject(node), _pattern(node)))


CURES: Cures = {
    exp.RegexpLike: _like,
    exp.RegexpExtract: _extract,
    exp.RegexpExtractAll: _extract_all,
    exp.RegexpReplace: _replace,
    exp.RegexpSplit: _over("string_split_regex"),
    exp.RegexpCount: _count,
}
