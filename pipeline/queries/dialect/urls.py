"""url_extract_*, url_encode, url_decode: macros that read a URL by the pattern of RFC 3986."""

from pipeline.queries.dialect.trees import Named, renamed

NAMED: Named = {
    "url_extract_protocol": renamed("tr_url_protocol", 1),
    "url_extract_host": renamed("tr_url_host", 1),
    "url_extract_port": renamed("tr_url_port", 1),
    "url_extract_path": renamed("tr_url_path", 1),
    "url_extract_query": renamed("tr_url_query", 1),
    "url_extract_fragment": renamed("tr_url_fragment", 1),
    "url_extract_parameter": renamed("tr_url_parameter", 2),
    "url_encode": renamed("tr_url_encode", 1),
    "url_decode": renamed("tr_url_decode", 1),
}
