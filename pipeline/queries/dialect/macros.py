"""DuckDB macros that the cures call: Trino's answer where no expression of DuckDB has it.

All begin with `tr_`: a macro with the name of a DuckDB function would break DuckDB's own syntax.
"""

import re
from collections.abc import Mapping

_CALLS = re.compile(r"\btr_\w+(?=\()", re.IGNORECASE)

_TYPES = (
    # Text as a value, or NULL, or an error: what TRY_CAST and CAST take in Trino and no more.
    "tr_fit(s, pattern) AS CASE WHEN regexp_full_match(trim(s), pattern) THEN trim(s) END",
    "tr_must(s, pattern, type) AS CASE WHEN s IS NULL OR regexp_full_match(trim(s), pattern)"
    " THEN trim(s) ELSE error('cannot cast ''' || s || ''' to ' || type) END",
    # Java reads 1.5d and 1f, too. What else it reads, and NaN, has no equal here.
    "tr_double(s) AS CASE WHEN regexp_full_match(trim(s), '[+-]?(NaN|0[xX].*)')"
    " THEN error('this double has no equal here: ' || s)"
    " ELSE regexp_replace(s, '([0-9.])[dDfF]\\s*$', '\\1') END",
    # For values whose type only the engine knows: an error where its cast would differ.
    "tr_sure(x, refused) AS CASE WHEN regexp_matches(typeof(x), refused)"
    " THEN error('the type is known too late for this cast: ' || typeof(x)) ELSE x END",
)

_NUMBERS = (
    "tr_nan(a, b) AS (isnan(a) AND b IS NOT NULL) OR (isnan(b) AND a IS NOT NULL)",
    "tr_width_bucket(x, lo, hi, n) AS CASE WHEN lo < hi THEN CASE WHEN x < lo THEN 0"
    " WHEN x >= hi THEN n + 1 ELSE CAST(floor((x - lo) / (hi - lo) * n) AS BIGINT) + 1 END"
    " WHEN x > lo THEN 0 WHEN x <= hi THEN n + 1"
    " ELSE CAST(floor((lo - x) / (lo - hi) * n) AS BIGINT) + 1 END",
)

_TEXTS = (
    "tr_split_part(s, d, n) AS CASE WHEN n < 1 THEN error('split_part: the index begins at 1')"
    " WHEN n <= len(string_split(s, d)) THEN split_part(s, d, n) END",
    "tr_substr(s, b) AS CASE WHEN b = 0 OR b < -length(s) THEN '' ELSE substring(s, b) END,"
    " (s, b, n) AS CASE WHEN b = 0 OR b < -length(s) OR n < 1 THEN ''"
    " ELSE substring(s, b, n) END",
    "tr_upper(s) AS CASE WHEN contains(s, 'ß')"
    " THEN array_to_string(list_transform(string_split(s, 'ß'), lambda e: upper(e)), 'ß')"
    " ELSE upper(s) END",
    # `$` stands before a line feed at the end, too.
    "tr_chomp(s) AS regexp_replace(s, '\\n\\z', '')",
    "tr_regexp_extract(s, p, g) AS CASE WHEN regexp_matches(s, p) THEN regexp_extract(s, p, g) END",
    "tr_split_to_map(s, d, k) AS map_from_entries(list_transform("
    "list_filter(string_split(s, d), lambda e, i: e <> '' OR i < len(string_split(s, d))),"
    " lambda e: CASE WHEN len(string_split(e, k)) = 2"
    " THEN row(split_part(e, k, 1), split_part(e, k, 2))"
    " ELSE error('split_to_map: this is no key and value: ' || e) END))",
    # Trino's by code points, the engine's keeps an accent on its letter.
    "tr_reverse(s) AS CASE WHEN strlen(s) = length(s) THEN reverse(s) ELSE array_to_string("
    "list_transform(range(length(s), 0, -1), lambda i: substring(s, i, 1)), '') END",
    "tr_from_hex(s) AS CASE WHEN length(s) % 2 = 1"
    " THEN error('from_hex: an odd number of digits: ' || s) ELSE unhex(s) END",
    "tr_from_base64(s) AS CASE WHEN regexp_full_match(s, '[A-Za-z0-9+/]*={0,2}')"
    " THEN from_base64(s || repeat('=', CAST((4 - length(s) % 4) % 4 AS BIGINT)))"
    " ELSE error('from_base64: this is not base64: ' || s) END",
)

_TIMES = (
    # The engine reads over blanks; an error of strptime is one that TRY reaches.
    "tr_parse(s, p) AS strptime(CASE WHEN regexp_matches(s, '^\\s|\\s\\s|\\s$')"
    " THEN 'too many blanks: ' || s ELSE s END, p)",
    "tr_iso_timestamp(s) AS CASE WHEN s IS NULL OR regexp_full_match(s, '[0-9]{4}-[0-9]{2}-[0-9]{2}"
    "(T([01][0-9]|2[0-3]):[0-9]{2}(:[0-9]{2}(\\.[0-9]+)?)?"
    "(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)?)?')"
    " THEN date_trunc('millisecond', CAST(s AS TIMESTAMPTZ))"
    " ELSE error('this is no time of the form 2026-11-25T14:00:00Z: ' || s) END",
    "tr_iso_date(s) AS CASE WHEN s IS NULL OR regexp_full_match(s, '[0-9]{4}-[0-9]{2}-[0-9]{2}')"
    " THEN CAST(s AS DATE) ELSE error('this is no date of the form 2026-11-25: ' || s) END",
)

_ARRAYS = (
    "tr_contains(a, x) AS CASE WHEN a IS NULL OR x IS NULL THEN NULL"
    " WHEN list_contains(a, x) THEN true"
    " WHEN len(list_filter(a, lambda e: e IS NULL)) = 0 THEN false END",
    "tr_distinct(a) AS list_filter(a, lambda e, i: i ="
    " CASE WHEN e IS NULL THEN list_position(list_transform(a, lambda y: y IS NULL), true)"
    " ELSE list_position(a, e) END)",
    "tr_has(a, x) AS list_contains(a, x)"
    " OR (x IS NULL AND list_contains(list_transform(a, lambda y: y IS NULL), true))",
    "tr_union(a, b) AS CASE WHEN a IS NOT NULL AND b IS NOT NULL"
    " THEN tr_distinct(list_concat(a, b)) END",
    "tr_intersect(a, b) AS CASE WHEN a IS NOT NULL AND b IS NOT NULL"
    " THEN list_filter(tr_distinct(a), lambda x: coalesce(tr_has(b, x), false)) END",
    "tr_except(a, b) AS CASE WHEN a IS NOT NULL AND b IS NOT NULL"
    " THEN list_filter(tr_distinct(a), lambda x: NOT coalesce(tr_has(b, x), false)) END",
    "tr_position(a, x) AS CASE WHEN a IS NOT NULL AND x IS NOT NULL"
    " THEN CAST(coalesce(list_position(a, x), 0) AS BIGINT) END",
    "tr_null_in(a) AS list_contains(list_transform(a, lambda e: e IS NULL), true)",
    "tr_array_min(a) AS CASE WHEN NOT tr_null_in(a) THEN list_min(a) END",
    "tr_array_max(a) AS CASE WHEN NOT tr_null_in(a) THEN list_max(a) END",
    "tr_remove(a, x) AS CASE WHEN x IS NOT NULL"
    " THEN list_filter(a, lambda e: e IS DISTINCT FROM x) END",
    "tr_overlap(a, b) AS CASE WHEN list_has_any(a, b) THEN true"
    " WHEN NOT tr_null_in(a) AND NOT tr_null_in(b) THEN false END",
    "tr_slice(a, b, n) AS CASE WHEN b = 0 THEN error('slice: the first position is 1')"
    " WHEN n < 0 THEN error('slice: the length is below 0')"
    " WHEN b > 0 THEN list_slice(a, b, b + n - 1)"
    " WHEN -b <= len(a) THEN list_slice(a, len(a) + b + 1, len(a) + b + n)"
    " ELSE list_slice(a, 1, 0) END",
    "tr_at(a, i) AS CASE WHEN i = 0 THEN error('element_at: the first position is 1')"
    " ELSE list_extract(a, i) END",
    "tr_any(a) AS CASE WHEN list_contains(a, true) THEN true WHEN NOT tr_null_in(a) THEN false END",
    "tr_all(a) AS CASE WHEN list_contains(a, false) THEN false"
    " WHEN NOT tr_null_in(a) THEN true END",
    "tr_few(a) AS CASE WHEN len(a) > 10000"
    " THEN error('sequence: more than 10000 elements') ELSE a END",
    "tr_map_concat(a, b) AS CASE WHEN a IS NOT NULL AND b IS NOT NULL THEN map_concat(a, b) END",
    # Of equal keys the first; no entry for NULL. Sorted, so that each is compared with the one
    # before it alone; in a list of its own, so that it is sorted once.
    "tr_map_agg(entries) AS map_from_entries(list_transform(list_transform([list_sort("
    "list_transform(list_filter(entries, lambda e: e.k IS NOT NULL),"
    " lambda e, i: struct_pack(k := e.k, i := i, v := e.v)))],"
    " lambda s: list_filter(s, lambda e, i: i = 1 OR s[i - 1].k IS DISTINCT FROM e.k))[1],"
    " lambda e: struct_pack(k := e.k, v := e.v)))",
)

_BYTE = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
# The pattern of RFC 3986, appendix B, of what java.net.URI takes for one; its hosts.
_MORE = r"[^\x00-\xa0]|%[0-9A-Fa-f]{2}"
_SEGMENT = rf"(?:[!$&-*+,;=@A-Za-z0-9_.~-]|{_MORE})"
_PATH = rf"(?:[!$&-*+,;=@A-Za-z0-9_.~:/-]|{_MORE})"
_AUTHORITY = rf"(?:[!$&-*+,;=@A-Za-z0-9_.~:\[\]-]|{_MORE})"
_REST = rf"(?:[!$&-*+,;=@A-Za-z0-9_.~:/?\[\]-]|{_MORE})"
_SCHEME = "[A-Za-z][A-Za-z0-9+.-]*"
_PLACED = rf"//{_AUTHORITY}+(?:/{_PATH}*)?|///{_PATH}*|/(?:{_SEGMENT}{_PATH}*)?"
_URI = (
    rf"(?:{_SCHEME}:(?:{_PLACED}|{_SEGMENT}{_REST}*)|{_PLACED}|{_SEGMENT}*(?:/{_PATH}*)?)"
    rf"(?:\?{_REST}*)?(?:#{_REST}*)?"
)
_URL = r"^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$"
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_NAME = rf"(?:{_LABEL}\.)*[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.?"
_V4 = rf"{_BYTE}(?:\.{_BYTE}){{3}}"
_HOST = rf"^(?:[^@]*@)?({_NAME}|{_V4}|\[[0-9A-Fa-f:.]+\])(?::([0-9]*))?$"
_URLS = (
    # What a hostile client sends must not break the query off: no UTF-8 reads as U+FFFD.
    "tr_unescape(s) AS coalesce(TRY(url_decode(s)),"
    " url_decode(regexp_replace(s, '%[89A-Fa-f][0-9A-Fa-f]', '\ufffd', 'g')))",
    "tr_url_decode(s) AS CASE WHEN regexp_matches(s, '%([^0-9A-Fa-f]|.[^0-9A-Fa-f]|.?$)')"
    " THEN error('url_decode: % is not followed by two hexadecimal digits: ' || s)"
    " ELSE tr_unescape(replace(s, '+', ' ')) END",
    "tr_url_encode(s) AS replace(replace(replace(url_encode(s), '%20', '+'), '%2A', '*'),"
    " '~', '%7E')",
    f"tr_url(u) AS CASE WHEN regexp_full_match(u, '{_URI}') THEN"
    f" regexp_extract(u, '{_URL}', ['scheme', 'auth', 'path', 'query', 'part']) END",
    # mailto:someone has a scheme, and no path or query.
    "tr_opaque(u) AS tr_url(u).scheme <> '' AND tr_url(u).auth = ''"
    " AND NOT starts_with(tr_url(u).path, '/')",
    "tr_url_protocol(u) AS tr_url(u).scheme",
    f"tr_url_host(u) AS regexp_extract(tr_url(u).auth, '{_HOST}', 1)",
    f"tr_url_port(u) AS TRY_CAST(nullif(regexp_extract(tr_url(u).auth, '{_HOST}', 2), '')"
    " AS BIGINT)",
    "tr_url_path(u) AS CASE WHEN tr_opaque(u) THEN '' ELSE tr_unescape(tr_url(u).path) END",
    "tr_url_query(u) AS CASE WHEN tr_opaque(u) THEN '' ELSE tr_unescape(tr_url(u).query) END",
    "tr_url_fragment(u) AS tr_unescape(tr_url(u).part)",
    "tr_url_parameter(u, k) AS CASE WHEN NOT tr_opaque(u) THEN list_extract("
    "list_transform(list_filter(string_split(tr_url(u).query, '&'),"
    " lambda e: split_part(e, '=', 1) = k),"
    " lambda e: tr_url_decode(CASE WHEN contains(e, '=')"
    " THEN e[strpos(e, '=') + 1:] ELSE '' END)), 1) END",
)

_ADDRESSES = (
    f"tr_ok4(s) AS regexp_full_match(s, '{_V4}')",
    "tr_v4(s) AS list_reduce(list_transform(string_split(s, '.'), lambda g: g::BIGINT),"
    " lambda a, b: a * 256 + b)",
    "tr_tail(s) AS regexp_extract(s, '[0-9.]+$')",
    "tr_flat(s) AS CASE WHEN contains(s, '.') THEN regexp_extract(s, '^.*:')"
    " || printf('%x:%x', tr_v4(tr_tail(s)) >> 16, tr_v4(tr_tail(s)) & 65535) ELSE s END",
    "tr_groups(s) AS list_filter(string_split(s, ':'), lambda g: g <> '')",
    "tr_eight(s) AS CASE WHEN contains(s, '::') THEN list_concat(tr_groups(split_part(s, '::', 1)),"
    " list_concat(list_transform(range(8 - len(tr_groups(s))), lambda i: '0'),"
    " tr_groups(split_part(s, '::', 2)))) ELSE string_split(s, ':') END",
    "tr_v6(s) AS CASE WHEN len(tr_eight(s)) = 8"
    " AND NOT (contains(s, '::') AND len(tr_groups(s)) > 7)"
    " AND NOT regexp_matches(s, '^:[^:]|[^:]:$|:::|::.*::')"
    " AND list_bool_and(list_transform(tr_eight(s),"
    " lambda g: regexp_full_match(g, '[0-9a-fA-F]{1,4}')))"
    " THEN list_reduce(list_transform(tr_eight(s), lambda g: ('0x' || g)::UHUGEINT),"
    " lambda a, b: a * 65536 + b) END",
    "tr_try_ip(s) AS CASE WHEN tr_ok4(s)"
    f" THEN {0xFFFF << 32}::UHUGEINT + tr_v4(s)::UHUGEINT"
    " WHEN contains(s, ':') AND (NOT contains(s, '.') OR tr_ok4(tr_tail(s)))"
    " THEN tr_v6(tr_flat(regexp_replace(s, '%[0-9A-Za-z]*$', ''))) END",
    "tr_ip(s) AS CASE WHEN s IS NULL OR tr_try_ip(s) IS NOT NULL THEN tr_try_ip(s)"
    " ELSE error('cannot cast ''' || s || ''' to ipaddress') END",
)

# All up to the next number that is no part of a text, and that number, if one follows.
_JSON_PARTS = r'((?:"(?:[^"\\]|\\.)*"|[^"0-9-]|-[^0-9])*)(-?[0-9][0-9.eE+-]*)?'
_JSON = (
    # A number as the document has it, where the engine would write 1.50 as 1.5: read as text.
    f"tr_json_quoted(j) AS regexp_replace(regexp_replace(j, '{_JSON_PARTS}', '\\1\"\\2\"', 'g'),"
    " '(?:\"\")+$', '')",
    "tr_json_number(s) AS CASE WHEN regexp_matches(s, '^-?[0-9]') THEN s END",
    # CASE in CASE: of a condition with AND the engine may try both sides, and one may fail.
    "tr_json_scalar(j, p) AS CASE WHEN json_valid(j) THEN"
    " CASE WHEN json_type(j, p) IN ('OBJECT', 'ARRAY', 'NULL') THEN NULL"
    " WHEN json_type(j, p) = 'DOUBLE' OR (json_extract_string(j, p) = '0' AND contains(j, '-0'))"
    " THEN tr_json_number(json_extract_string(tr_json_quoted(j), p))"
    " ELSE json_extract_string(j, p) END END",
    "tr_json_array(j) AS CASE WHEN json_valid(j) THEN"
    " CASE WHEN json_type(j) = 'ARRAY' THEN json_extract(j, '$[*]') END END",
    "tr_json_length(j) AS CAST(len(tr_json_array(j)) AS BIGINT)",
    "tr_json_has_text(j, x) AS CASE WHEN x IS NOT NULL THEN len(list_filter(tr_json_array(j),"
    " lambda e: json_type(e) = 'VARCHAR' AND json_extract_string(e, '$') = x)) > 0 END",
    "tr_json_has_whole(j, x) AS CASE WHEN x IS NOT NULL THEN len(list_filter(tr_json_array(j),"
    " lambda e: json_type(e) IN ('UBIGINT', 'BIGINT') AND TRY_CAST(e AS BIGINT) = x)) > 0 END",
)

_WRITTEN = (*_TYPES, *_NUMBERS, *_TEXTS, *_TIMES, *_ARRAYS, *_URLS, *_ADDRESSES, *_JSON)
_LAMBDA = re.compile(r"\blambda ([a-z, ]+):")
_QUOTED = re.compile(r"('(?:[^']|'')*')")


def _own(macro: str) -> str:
    """The macro with variables of its own: the engine puts arguments in as they are written.

    So `e` of a query would become the `e` of a function inside. No query may name what begins so.
    """
    name = macro.partition("(")[0]
    variables = {each for found in _LAMBDA.findall(macro) for each in found.split(", ")}
    if not variables:
        return macro
    used = re.compile(rf"(?<![\w.])({'|'.join(variables)})\b")
    parts = _QUOTED.split(macro)
    parts[::2] = [used.sub(rf"{name}_\1", part) for part in parts[::2]]
    return "".join(parts)


MACROS = tuple(map(_own, _WRITTEN))
_BY_NAME: Mapping[str, str] = {macro.partition("(")[0]: macro for macro in MACROS}


def called_by(sql: str) -> list[str]:
    """The macros that a statement needs, each behind those that it needs itself."""
    found: dict[str, str] = {}
    for name in _CALLS.findall(sql):
        macro = _BY_NAME.get(name.lower())
        if macro and macro not in found.values():
            body = macro.partition("(")[2]
            found.update({each.partition("(")[0]: each for each in called_by(body)})
            found[name.lower()] = macro
    return list(found.values())


def fails(name: str) -> bool:
    """Whether what is called so is a macro that may end a query with an error of its own."""
    return any("error(" in macro for macro in called_by(f"{name}("))
