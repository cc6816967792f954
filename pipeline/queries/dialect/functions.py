"""The functions a query may call: those that give Trino's answer on DuckDB, as they are or cured.

Whatever is not here is refused by name. The list grows with the bridge; each name on it has been
compared with a real Trino (476): tests/queries/truth.jsonl has the values.
"""

DIFFERENCES = """
Two are exact on DuckDB and not on Athena: `approx_distinct`, off by 2.3 % there as a rule, and
`approx_percentile`, off by some percent and differently each time.

A double divided by 0 is an error on DuckDB, NaN or Infinity on Athena. What Infinity makes NaN
(Infinity - Infinity) is the greatest number on DuckDB and equal to itself.
"""

GROUPS = {
    "Numbers": """
        abs ceil ceiling floor sign mod power pow sqrt cbrt exp ln log log10 log2 pi truncate round
        greatest least width_bucket is_nan is_finite is_infinite
        bitwise_and bitwise_or bitwise_xor bitwise_not bit_count
    """,
    "Values": """
        coalesce nullif if try try_cast cast
    """,
    "Texts": """
        length lower upper trim ltrim rtrim replace concat concat_ws lpad rpad strpos position
        starts_with reverse split split_part split_to_map substr substring translate chr codepoint
        levenshtein_distance hamming_distance format
        regexp_like regexp_count regexp_extract regexp_extract_all regexp_replace regexp_split
        to_utf8 from_utf8 to_hex from_hex to_base64 from_base64 md5 sha1 sha256
        url_extract_protocol url_extract_host url_extract_port url_extract_path url_extract_query
        url_extract_fragment url_extract_parameter url_encode url_decode
    """,
    "Times": """
        date date_trunc date_add date_diff date_parse date_format format_datetime parse_datetime
        extract to_unixtime from_unixtime from_iso8601_timestamp from_iso8601_date to_iso8601 now
        last_day_of_month year quarter month week week_of_year day day_of_month day_of_week dow
        day_of_year doy year_of_week yow hour minute second millisecond
    """,
    "Aggregates and windows": """
        count count_if sum avg min max min_by max_by arbitrary any_value bool_and bool_or every
        bitwise_and_agg bitwise_or_agg stddev stddev_pop stddev_samp variance var_pop var_samp
        corr covar_pop covar_samp array_agg map_agg histogram listagg
        approx_distinct approx_percentile
        row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value
        nth_value
    """,
    "Arrays and maps": """
        element_at cardinality contains array_distinct array_except array_intersect array_join
        array_max array_min array_position array_remove array_sort array_union arrays_overlap
        flatten repeat slice sequence unnest
        transform filter reduce any_match all_match none_match
        map map_keys map_values map_concat map_filter transform_keys transform_values
    """,
    "JSON": "json_extract_scalar json_array_length json_array_contains",
}

FUNCTIONS = frozenset(name for names in GROUPS.values() for name in names.split())

TYPES = frozenset(("varchar", "char", "decimal", "timestamp", "array", "map"))

# Words of the language that may stand before a parenthesis.
_WORDS = """
    select distinct from join on using where having by values in exists any all some as with
    and or not is between like when then else case over filter group rollup cube sets union
    intersect except limit offset fetch order window ordinality within
"""
WORDS = frozenset((*_WORDS.split(), "grouping sets", "group by", "order by", "partition by"))

_NO_ROWS = "select its values as columns of their own"
_TO_SHOW = "times are UTC here and on Athena; write date_format(x, '%Y-%m-%d %H:%i')"
_BY_UNNEST = "UNNEST the array and join or group its elements"
_SCALAR = "write json_extract_scalar(j, '$.name') and CAST what it gives"
_ADDRESS = "write contains('10.0.0.0/8', CAST(x AS IPADDRESS))"
_HASH = "write sha256, sha1 or md5"

# What to write instead of a function that is not on the list.
REASONS = {
    "nvl": "write coalesce",
    "ifnull": "write coalesce",
    "char_length": "write length",
    "ends_with": "write x LIKE '%text'",
    "group_concat": "write array_join(array_agg(x), ', ')",
    "string_agg": "write array_join(array_agg(x), ', ')",
    "typeof": "the types of columns: tailrace tables",
    "row": _NO_ROWS,
    "zip": _BY_UNNEST,
    "zip_with": _BY_UNNEST,
    "combinations": _BY_UNNEST,
    "ngrams": "write lag(x) OVER (ORDER BY y) for pairs that follow each other",
    "shuffle": "its answer is another each time; write array_sort",
    "random": "its answer is another each time",
    "rand": "its answer is another each time",
    "trim_array": "write slice(a, 1, cardinality(a) - n)",
    "array_first": "write element_at(a, 1)",
    "array_last": "write element_at(a, -1)",
    "array_sum": "write reduce(a, 0, (s, x) -> s + x, s -> s)",
    "map_entries": "UNNEST(map_keys(m)) AS t(k), with element_at(m, k)",
    "map_from_entries": "write map(keys, values)",
    "map_zip_with": "write transform_values(m, (k, v) -> v + element_at(n, k))",
    "map_union": "UNNEST(map_keys(m)) AS t(k), and map_agg(k, element_at(m, k))",
    "multimap_agg": "write array_agg(x) GROUP BY the key",
    "multimap_from_entries": "write array_agg(x) GROUP BY the key",
    "reduce_agg": "write sum, min, max or array_agg",
    "numeric_histogram": "write width_bucket(x, low, high, n) and count(*)",
    "approx_set": "write approx_distinct, or count(DISTINCT x)",
    "merge": "write count(DISTINCT x) over all rows",
    "approx_most_frequent": "GROUP BY x, ORDER BY count(*) DESC, LIMIT",
    "skewness": "write avg and stddev",
    "kurtosis": "write avg and stddev",
    "entropy": "compute it from count(*) GROUP BY the value",
    "geometric_mean": "write exp(avg(ln(x)))",
    "regr_slope": "write covar_pop(y, x) / var_pop(x)",
    "regr_intercept": "write avg(y) - covar_pop(y, x) / var_pop(x) * avg(x)",
    "grouping": "write x IS NULL, or one query a group with UNION ALL",
    "bernoulli": "write WHERE .. on a column instead of a sample",
    "checksum": "write count(*) and sum of a number",
    "infinity": "write CAST('Infinity' AS double)",
    "e": "write exp(1)",
    "nan": "write NULL",
    "to_base": "write to_hex(to_utf8(x)) for bytes",
    "from_base": "write CAST of decimal digits",
    "format_number": "write format('%,d', x)",
    "human_readable_seconds": "write date_diff('minute', a, b), or x / 60",
    "parse_duration": "write the number and CAST it",
    "parse_presto_data_size": "write the number of bytes",
    "to_milliseconds": "write date_diff('millisecond', a, b)",
    "bitwise_left_shift": "write x * 2, x * 4, ..",
    "bitwise_right_shift": "write x / 2, x / 4, .. for x from 0",
    "bitwise_right_shift_arithmetic": "write x / 2, x / 4, .. for x from 0",
    "regexp_position": "write strpos(x, regexp_extract(x, '..'))",
    "word_stem": "write lower, or LIKE 'run%'",
    "soundex": "write levenshtein_distance(a, b) < 3",
    "normalize": "compare the text as it is",
    "crc32": _HASH,
    "xxhash64": _HASH,
    "murmur3": _HASH,
    "sha512": _HASH,
    "at_timezone": _TO_SHOW,
    "with_timezone": _TO_SHOW,
    "timezone_hour": _TO_SHOW,
    "current_timezone": _TO_SHOW,
    "from_unixtime_nanos": "write from_unixtime(x / 1e9)",
    "json_extract": _SCALAR,
    "json_parse": _SCALAR,
    "json_format": "select the text itself",
    "json_size": "write json_array_length",
    "json_array_get": "write json_extract_scalar(j, '$[0]')",
    "json_value": "write json_extract_scalar(j, '$.name')",
    "json_query": _SCALAR,
    "json_exists": "write json_extract_scalar(j, '$.name') IS NOT NULL",
    "json_object": "write concat",
    "json_array": "write concat",
    "is_json_scalar": "write json_array_length(j) IS NULL",
    "ip_prefix": _ADDRESS,
    "ip_subnet_min": _ADDRESS,
    "ip_subnet_max": _ADDRESS,
    "ip_subnet_range": _ADDRESS,
    "is_subnet_of": _ADDRESS,
}
