"""DuckDB macros that the cures call: Trino's answer where no expression of DuckDB has it.

All begin with `tr_`: a macro with the name of a DuckDB function would break DuckDB's own syntax.
"""

MACROS = (
    # Text as a value, or NULL, or an error: what TRY_CAST and CAST take in Trino and no more.
    "tr_fit(s, pattern) AS CASE WHEN regexp_full_match(trim(s), pattern) THEN trim(s) END",
    "tr_must(s, pattern, type) AS CASE WHEN s IS NULL OR regexp_full_match(trim(s), pattern)"
    " THEN trim(s) ELSE error('cannot cast ''' || s || ''' to ' || type) END",
    "tr_split_part(s, d, n) AS CASE WHEN n < 1 THEN error('split_part: the index begins at 1')"
    " WHEN n <= len(string_split(s, d)) THEN split_part(s, d, n) END",
    "tr_substr(s, b) AS CASE WHEN b = 0 OR b < -length(s) THEN '' ELSE substring(s, b) END,"
    " (s, b, n) AS CASE WHEN b = 0 OR b < -length(s) THEN '' ELSE substring(s, b, n) END",
    "tr_regexp_extract(s, p, g) AS CASE WHEN regexp_matches(s, p) THEN regexp_extract(s, p, g) END",
    "tr_contains(a, x) AS CASE WHEN a IS NULL OR x IS NULL THEN NULL"
    " WHEN list_contains(a, x) THEN true"
    " WHEN len(list_filter(a, lambda e: e IS NULL)) = 0 THEN false END",
    "tr_json_scalar(j, p) AS CASE WHEN json_valid(j)"
    " AND json_type(j, p) NOT IN ('OBJECT', 'ARRAY', 'NULL') THEN json_extract_string(j, p) END",
)
