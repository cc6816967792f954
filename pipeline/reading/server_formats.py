"""Formats of web servers' access logs: nginx's `log_format` and Apache's `LogFormat`, as tokens.

Sources: nginx, ngx_http_log_module and ngx_http_core_module; Apache HTTP Server, mod_log_config.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from pipeline.errors import UsageError
from pipeline.reading.fields import PORT, STATUS, decimal, moment, quoted, small, text, whole
from pipeline.reading.quoted import Quoting, fields_of
from pipeline.reading.web_requests import HOST, METHOD, PATH, QUERY, USER_AGENT
from pipeline.schema import Domain, Field, Type

COMMON = '%h %l %u %t "%r" %>s %b'
COMBINED = f'{COMMON} "%{{Referer}}i" "%{{User-agent}}i"'
NAMED = {
    "common": COMMON,
    "combined": COMBINED,
    "vhost_common": f"%v {COMMON}",
    "vhost_combined": f"%v:%p {COMBINED}",
    "combinedio": f"{COMBINED} %I %O",
    # nginx.conf of nginx's own packages has it so.
    "main": f'{COMBINED} "%{{X-Forwarded-For}}i"',
}
QUOTING = Quoting(brackets=True, escapes=True)
VARIABLE = re.compile(
    r"\$\{?(?P<nginx>[a-z0-9_]+)\}?"
    r"|%[!0-9,]*(?P<state>[<>]?)(?:\{(?P<name>[^}]*)\})?(?P<apache>\^?[a-zA-Z]{1,2}|%)"
)
MOST_FIELDS = 128
# As a configuration has them: log_format main 'a' 'b'; and LogFormat "a \"b\"" combined.
CONFIGURED = re.compile(
    r"(?s)(?:log_format\s+\S+\s+(?:escape=\w+\s+)?|(?P<apache>LogFormat\s+))(?P<rest>.*)"
)
APACHE_TEXT = re.compile(r'"(?P<text>(?:[^"\\]|\\.)*)"')
PIECE = re.compile(r"'(?P<piece>[^']*)'")

REMOTE = text("remote_addr", "Address of the client, or its name where the server looks it up.")
USER = quoted("remote_user", "Who the client says it is.")
TIME = moment("time", "When the request came (Apache) or ended (nginx).", Domain.CLF_TIME)
REQUEST = quoted("request", "Request line.")
CODE = small("status", "Status that the client got.", STATUS)
BODY = whole("body_bytes_sent", "Bytes of the answer without its headers.", "bytes")
SENT = whole("bytes_sent", "Bytes of the answer; with its headers where that is logged.", "bytes")
RECEIVED = whole("request_length", "Bytes of the request, headers included.", "bytes")
REFERER = quoted("http_referer", "Page that the request came from.")
AGENT = quoted(USER_AGENT.name, USER_AGENT.doc)
FORWARDED = quoted("http_x_forwarded_for", "Addresses behind a proxy.")
SERVER = quoted(HOST.name, HOST.doc)
SERVER_PORT = small("server_port", "Port of the server.", PORT)
TOOK = decimal("request_time", "How long it took.", "seconds")
UPSTREAM = quoted("upstream_addr", "Servers behind that were asked.")
UPSTREAM_STATUS = quoted("upstream_status", "Their statuses.")
UPSTREAM_TIME = quoted("upstream_response_time", "How long each took, seconds.")
CACHE = text("upstream_cache_status", "HIT, MISS and so on.")
REQUEST_ID = quoted("request_id", "Request.")
PROTOCOL = text("ssl_protocol", "TLS version of the client's connection.")
CIPHER = text("ssl_cipher", "Cipher of the client's connection.")
SCHEME = text("scheme", "http or https.")
VERSION = text("server_protocol", "Such as HTTP/1.1.")
METHOD_ALONE = quoted(METHOD.name, METHOD.doc)
URI = quoted("uri", "Path and query together.")
PATH_ALONE = quoted(PATH.name, PATH.doc)
QUERY_ALONE = quoted(QUERY.name, QUERY.doc)

COLUMNS = (
    *(REMOTE, USER, TIME, REQUEST, CODE, BODY, SENT, RECEIVED, REFERER, AGENT, FORWARDED),
    *(SERVER, SERVER_PORT, TOOK, UPSTREAM, UPSTREAM_STATUS, UPSTREAM_TIME, CACHE, REQUEST_ID),
    *(PROTOCOL, CIPHER, SCHEME, VERSION),
)
NGINX = {
    "remote_addr": REMOTE,
    "remote_user": USER,
    "time_local": TIME,
    "time_iso8601": replace(TIME, domain=Domain.ISO_TIME),
    "msec": replace(TIME, domain=Domain.UNIX_TIME),
    "request": REQUEST,
    "request_method": METHOD_ALONE,
    "request_uri": URI,
    "uri": PATH_ALONE,
    "args": QUERY_ALONE,
    "query_string": QUERY_ALONE,
    "server_protocol": VERSION,
    "status": CODE,
    "body_bytes_sent": BODY,
    "bytes_sent": SENT,
    "request_length": RECEIVED,
    "request_time": TOOK,
    "http_referer": REFERER,
    "http_user_agent": AGENT,
    "http_x_forwarded_for": FORWARDED,
    "host": SERVER,
    "http_host": SERVER,
    "server_port": SERVER_PORT,
    "upstream_addr": UPSTREAM,
    "upstream_status": UPSTREAM_STATUS,
    "upstream_response_time": UPSTREAM_TIME,
    "upstream_cache_status": CACHE,
    "request_id": REQUEST_ID,
    "ssl_protocol": PROTOCOL,
    "ssl_cipher": CIPHER,
    "scheme": SCHEME,
}
APACHE = {
    "a": REMOTE,
    "h": REMOTE,
    "u": USER,
    "t": TIME,
    "{sec}t": replace(TIME, domain=Domain.UNIX_TIME),
    "{msec}t": replace(TIME, domain=Domain.EPOCH),
    "r": REQUEST,
    "m": METHOD_ALONE,
    "U": PATH_ALONE,
    "q": QUERY_ALONE,
    "H": VERSION,
    "s": CODE,
    "b": BODY,
    "B": BODY,
    "O": SENT,
    "I": RECEIVED,
    "T": TOOK,
    "{s}T": TOOK,
    "{ms}T": decimal("request_ms", "How long it took.", "ms"),
    "{us}T": decimal("request_us", "How long it took.", "us"),
    "D": decimal("request_us", "How long it took.", "us"),
    "{referer}i": REFERER,
    "{user-agent}i": AGENT,
    "{x-forwarded-for}i": FORWARDED,
    "{host}i": SERVER,
    "v": SERVER,
    "V": SERVER,
    "p": SERVER_PORT,
    "L": REQUEST_ID,
}


@dataclass(frozen=True, slots=True)
class Token:
    """What stands between two spaces of a format.

    pattern  of text and fields together, a group f0, f1, .. for each; "" for one field alone
    """

    pattern: str
    fields: tuple[Field, ...]

    @property
    def raw(self) -> Field:
        """What the token is read as at first."""
        return Field("", Type.VARCHAR, "", "", "", Domain.ANY) if self.pattern else self.fields[0]


def tokens_of(format_text: str) -> tuple[Token, ...]:
    """The tokens of a format.

    Raises UsageError when it is none, or names a variable twice.
    """
    try:
        bare = _bare(format_text).encode()
    except UnicodeEncodeError as error:
        raise _wrong("it is no UTF-8", ascii(format_text)) from error
    parts = fields_of(bare, replace(QUOTING, assigned=True))
    if not parts or len(parts) > MOST_FIELDS:
        raise _wrong("a quote is not closed, or it has too many parts", format_text)
    names: list[str] = []
    tokens = tuple(_token(part.decode(), names, format_text) for part in parts)
    if not names:
        raise _wrong("it names no variable", format_text)
    return tokens


def unknown_in(format_text: str) -> list[str]:
    """The variables of a format that no column has."""
    fields = (field for token in tokens_of(format_text) for field in token.fields)
    return [field.log_name for field in fields if not field.name]


def nearest(variable: str) -> str:
    """The variable of nginx that one without a column is called like; "" when none is."""
    near = get_close_matches(variable, [f"${name}" for name in NGINX], 1)
    return near[0] if near else ""


def _bare(format_text: str) -> str:
    """The format in a line of a configuration; by its name; or as it is."""
    text = format_text.strip()
    line = CONFIGURED.match(text)
    text = (line["rest"] if line else text).strip().removesuffix(";").rstrip()
    of_apache = APACHE_TEXT.match(text) if line and line["apache"] else None
    if of_apache:
        text = of_apache["text"]
    elif text.startswith("'"):
        text = "".join(found["piece"] for found in PIECE.finditer(text))
    text = text.replace('\\"', '"')
    if text.startswith("{"):
        raise UsageError(
            "a format of JSON is not read",
            f"in {format_text[:300]!r}",
            "log in a format of fields between spaces; app-log keeps the members of JSON lines",
        )
    return NAMED.get(text, text)


def _wrong(what: str, format_text: str) -> UsageError:
    return UsageError(
        f"the format cannot be used: {what}",
        f"in {format_text[:300]!r}",
        f"take it from the server's configuration; known by name: {', '.join(NAMED)}",
    )


def _token(part: str, names: list[str], format_text: str) -> Token:
    """One token of a format; `names` gathers the columns and variables that are there already."""
    if part in ("[$time_local]", "[${time_local}]"):
        part = "$time_local"
    elif part == "$time_local":
        raise _wrong("$time_local has a space: write [$time_local]", format_text)
    inner = part[1:-1] if len(part) > 1 and part[0] == part[-1] == '"' else part
    fields: list[Field] = []
    pattern, at = "", 0
    for found in VARIABLE.finditer(inner):
        pattern += re.escape(inner[at : found.start()])
        at = found.end()
        if found["apache"] == "%":
            pattern += "%"
            continue
        fields.append(_field(found, names, format_text))
        pattern += _group(fields)
    pattern += re.escape(inner[at:])
    return Token("" if pattern == _group(fields) else f"(?s)^{pattern}$", tuple(fields))


def _group(fields: Sequence[Field]) -> str:
    """The group of the last of some fields; a port has no colon, the host before it may."""
    if not fields:
        return ""
    return f"(?P<f{len(fields) - 1}>{'[^:]' if fields[-1] is SERVER_PORT else '.'}*?)"


def _field(found: re.Match[str], names: list[str], format_text: str) -> Field:
    if len(names) >= MOST_FIELDS:
        raise _wrong("it names too many variables", format_text)
    if found[0] in names:
        raise _wrong(f"{found[0]} is there twice", format_text)
    names.append(found[0])
    known = NGINX.get(found["nginx"]) if found["nginx"] else APACHE.get(_directive(found))
    # %s is the status before an internal redirect; the client gets %>s.
    earlier = known is CODE and found["apache"] and found["state"] != ">" and "%>s" in format_text
    if known is None or earlier or known.name in names:
        return quoted("", "A variable that no column has.", found[0])
    names.append(known.name)
    return known


def _directive(found: re.Match[str]) -> str:
    name, letter = found["name"], found["apache"]
    if name is None:
        return letter
    return f"{{{name.lower() if letter == 'i' else name}}}{letter}"
