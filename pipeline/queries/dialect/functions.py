"""The functions a query may call: those that give Trino's answer on DuckDB, as they are or cured.

Whatever is not here is refused by name. The list grows with the bridge; each name on it has been
compared with a real Trino (476).
"""

_PLAIN = """
    abs ceil ceiling floor sign mod power pow sqrt exp ln log10 log2 greatest least
    coalesce nullif if try_cast cast extract
    length lower upper trim ltrim rtrim replace concat lpad rpad strpos starts_with reverse
    regexp_like regexp_count regexp_extract_all split translate chr levenshtein_distance
    date_trunc date_add date_parse date_format date to_unixtime from_unixtime
    from_iso8601_timestamp from_iso8601_date now last_day_of_month
    year quarter month week day day_of_month day_of_week day_of_year hour minute second
    count avg min max arbitrary any_value bool_and bool_or stddev stddev_pop stddev_samp
    variance var_pop var_samp corr covar_pop covar_samp array_agg approx_distinct
    row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value
    nth_value
    element_at cardinality map map_keys map_values array_join array_max array_remove array_sort
    array_intersect listagg unnest sequence try
"""

# Silently different on DuckDB as written; cures.py says how each is made equal.
_CURED = """
    date_diff round sum count_if max_by min_by split_part substr substring regexp_extract
    regexp_replace contains json_extract_scalar
"""

FUNCTIONS = frozenset(f"{_PLAIN} {_CURED}".split())

TYPES = frozenset(("varchar", "char", "decimal", "timestamp", "array", "map"))

# Words of the language that may stand before a parenthesis.
_WORDS = """
    select distinct from join on using where having by values in exists any all some as with
    and or not is between like when then else case over filter group rollup cube sets union
    intersect except limit offset fetch order window ordinality within
"""
WORDS = frozenset(_WORDS.split())

REASONS = {
    "format": "write it with concat and CAST",
    "nvl": "write coalesce",
    "ifnull": "write coalesce",
    "char_length": "write length",
    "to_iso8601": "write date_format(x, '%Y-%m-%dT%H:%i:%sZ')",
    "approx_percentile": (
        "write element_at(array_agg(x ORDER BY x), CAST(ceil(0.95e0 * count(x)) AS bigint))"
    ),
    "every": "write bool_and",
    "group_concat": "write array_join(array_agg(x), ', ')",
    "string_agg": "write array_join(array_agg(x), ', ')",
}
