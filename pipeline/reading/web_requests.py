"""What web requests have in common, whatever logged them: the shape of `http_request`.

A source keeps its own columns and tells which of them serve as these. What a log has only inside
of another field (a request line, a URL) is cut out of it here, once for each different text.
"""

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.reading.checks import endpoints
from pipeline.schema import Field, Type

METHOD = Field("method", Type.VARCHAR, "Method of the request.")
PATH = Field("path", Type.VARCHAR, "Path of the request, as the client sent it.")
QUERY = Field("query", Type.VARCHAR, "What is behind the ? of the request; null without one.")
STATUS = Field("status", Type.INT32, "Status that the client got.")
DURATION_MS = Field(
    "duration_ms", Type.DOUBLE, "How long the request took, as far as the log tells.", "ms"
)
BYTES_SENT = Field("bytes_sent", Type.INT64, "Bytes sent to the client.", "bytes")
CLIENT_ADDR = Field("client_addr", Type.VARCHAR, "Address that the request came from.")
USER_AGENT = Field("user_agent", Type.VARCHAR, "What the client calls itself.")
HOST = Field("host", Type.VARCHAR, "Host that was asked for, without a port.")
SHAPE = (
    *(METHOD, PATH, QUERY, STATUS, DURATION_MS),
    *(BYTES_SENT, CLIENT_ADDR, USER_AGENT, HOST),
)

REQUEST = r"^(?P<verb>\S+) +(?P<url>.*?) +(?P<proto>\S+)$"
# Of HTTP/0.9, and of the copies that S3 logs.
WITHOUT_PROTOCOL = r"^(?P<verb>[A-Z]+) +(?P<url>/\S*)$"
URL = (
    r"^(?:[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#]*@)?(?P<host>\[[^\]/?#]*\]|[^:/?#]*)(?::[0-9]*)?)?"
    r"(?P<path>/[^?#]*)?(?P<mark>\?)?(?P<query>[^#]*)"
)
HOST_PORT = r"^(\[[^\]]*\]|[^:]*):[0-9]*$"
NONE = "-"


def cut_request(requests: pa.DictionaryArray) -> dict[str, pa.Array]:
    """`verb`, `url`, `proto` of request lines like "GET https://a.example:443/b?c HTTP/1.1".

    The protocol may be missing. What is no such line is all URL. Where the log has - for a part, it
    is null.
    """
    texts = requests.dictionary
    parts = pc.extract_regex(texts, REQUEST)
    short = pc.extract_regex(texts, WITHOUT_PROTOCOL)
    verbs, urls = (
        pc.coalesce(pc.struct_field(parts, name), pc.struct_field(short, name))
        for name in ("verb", "url")
    )
    found = {
        "verb": _present(verbs),
        "url": _present(pc.coalesce(urls, texts)),
        "proto": _present(pc.struct_field(parts, "proto")),
    }
    return {name: _spread(values, requests) for name, values in found.items()}


def cut_url(urls: pa.DictionaryArray) -> dict[str, pa.Array]:
    """`host`, `path` and `query` of URLs, whole or from the path on; null where there is none."""
    parts = pc.extract_regex(urls.dictionary, URL)
    asked = pc.equal(pc.struct_field(parts, "mark"), "?")
    found = {
        "host": _filled(pc.struct_field(parts, "host")),
        "path": _filled(pc.struct_field(parts, "path")),
        "query": pc.if_else(asked, pc.struct_field(parts, "query"), None),
    }
    return {name: _spread(values, urls) for name, values in found.items()}


def cut_endpoint(pairs: pa.DictionaryArray, address: str, port: str) -> dict[str, pa.Array]:
    """Columns of that name of texts like 192.0.2.7:443."""
    parts = endpoints(pairs.dictionary)
    return {
        address: _spread(pc.struct_field(parts, "address"), pairs),
        port: pc.struct_field(parts, "port").cast(pa.int32()).take(pairs.indices),
    }


def without_port(hosts: pa.DictionaryArray) -> pa.DictionaryArray:
    """Hosts as a Host header has them, without what is behind a colon; [2001:db8::1] stays."""
    bare = pc.replace_substring_regex(hosts.dictionary, HOST_PORT, r"\1")
    return _spread(bare, hosts)


def _present(values: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(values, NONE), None, values)


def _filled(values: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(values, ""), None, values)


def _spread(values: pa.Array, of: pa.DictionaryArray) -> pa.Array:
    """Values that belong to the dictionary of a column, for each of its rows."""
    coded = values.dictionary_encode()
    indices = coded.indices.take(of.indices)
    return pa.DictionaryArray.from_arrays(indices, coded.dictionary)
