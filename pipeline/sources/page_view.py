"""Page views, as a page's own script or an image sends them: one JSON object a view.

What the client says stands at the top, only `path` is required. What the server knows stands beside
it in `server`, which no client can write: when it took the view, who the visitor is by a hash that
is another one each day, and the user agent.

The format is a list of names: parameters of the query string that tell pages apart. All others are
cut off, as the fragment is; case and a slash at the end are kept.

Source: HTML Living Standard, "Navigator.sendBeacon()"; RFC 3986 for paths, RFC 9562 for UUIDs.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.decode import LogBatch
from pipeline.enrich import agents
from pipeline.errors import Reason, UsageError
from pipeline.reading.delimited import shown
from pipeline.reading.fields import moment, text
from pipeline.reading.json_records import Columns, JsonLog, Member
from pipeline.reading.parsed import Formats, Parsed
from pipeline.schema import EVENT_TIME, Domain, Field, Type, declare
from pipeline.sources.source import Source

PAGE = text("page", "Path of the page, with the parameters that are declared to count.", "path")
TITLE = text("title", "Title of the page.")
REFERRER_HOST = text("referrer_host", "Host of the page before it, small letters.", "referrer")
SESSION = text("session", "Session, as the client calls it.")
EVENT_ID = text("event_id", "The client's id of the view, a UUID: sent again it is the same.")
VISITOR = text(
    "visitor",
    "Who it was: a hash of address and user agent, another one each day.",
    domain=Domain.VISITOR,
)
COUNTRY = text("country", "Country of the viewer, by whoever delivers the site.")
AGENT = text(agents.AGENT, "User agent.")
WIDTH = Field("viewport_width", Type.INT32, "Width of the window.", "px")
HEIGHT = Field("viewport_height", Type.INT32, "Height of the window.", "px")
IS_ASSET = Field("is_asset", Type.BOOLEAN, "Whether the path is one of an image, script or font.")
VIEWPORT = text("viewport", "Width and height.")
# What tells the time of a view, the best first; no columns of their own.
SENT = moment("sent_time", "When the client says that it was.", Domain.ANY_TIME, "ts")
TAKEN = moment("taken_time", "When the server took it.", Domain.ANY_TIME, "at")

TABLE = declare(
    "page_view",
    "Views of pages; event_time is when the client says, else when the server took it.",
    *(PAGE, TITLE, REFERRER_HOST, VISITOR, SESSION, WIDTH, HEIGHT, COUNTRY),
    *(*agents.ENRICHER.fields, IS_ASSET, EVENT_ID),
)
SERVER = "server"
LONGEST = 2_048
# A POSTed time further from the server's is no time of a view that has just been.
MOST_BEHIND_MS, MOST_AHEAD_MS = 24 * 3_600_000, 10 * 60_000
FAR = "ts: more than a day before the server's time, or more than ten minutes after it"
PATH = r"^/[^\x00-\x1f\x7f]*$"
HOST = r"^(?i:https?)://(?:[^/?#@]*@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^/?#:@]+)"
SIZE = r"^(?P<width>[0-9]{1,5})x(?P<height>[0-9]{1,5})$"
ASSET = (
    r"(?i)\.(?:avif|bmp|css|eot|gif|ico|jpe?g|js|json|map|mjs|mp[34]|otf|png|svg|ttf|txt|wasm|web[mp]"
    r"|woff2?|xml)(?:\?|$)"
)
UUID = r"^[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}$"
PARAMETER = re.compile(r"[A-Za-z0-9_.~-]{1,64}")
MOST_PARAMETERS = 32


def parameters(format_text: str) -> tuple[str, ...]:
    """The parameters that a format lets stand. Raises UsageError when it is none."""
    names = tuple(format_text.replace(",", " ").split())
    wrong = [name for name in names if not PARAMETER.fullmatch(name)]
    if wrong or len(names) > MOST_PARAMETERS:
        told = wrong[0][:64] if wrong else f"{len(names)} names"
        raise UsageError(
            f"the format cannot be used: {told!r}",
            f"in {format_text[:300]!r}",
            f"give at most {MOST_PARAMETERS} names of parameters of the query string: id,lang",
        )
    return names


def check_format(format_text: str) -> None:
    """Raise UsageError when this is no format; one without a name says nothing."""
    if not parameters(format_text):
        fix = "name parameters of the query string that tell pages apart: id,lang"
        raise UsageError("the format cannot be used: it names none", "", fix)


def page_of(path: str, kept: Sequence[str]) -> str:
    """A path without fragment, and with the parameters of its query string that are kept."""
    place, _, query = path.partition("#")[0].partition("?")
    some = [part for part in query.split("&") if part.partition("=")[0] in kept]
    return f"{place}?{'&'.join(some)}" if some else place


def _pages(kept: Sequence[str], paths: pa.Array) -> pa.Array:
    return _each(paths, lambda path: page_of(path, kept))


def _each(column: pa.Array, change: Callable[[str], str]) -> pa.Array:
    """A column whose unique values are changed."""
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    values = pa.array([change(value) for value in coded.dictionary.to_pylist()], pa.string())
    return values.take(coded.indices)


def _host(referrers: pa.Array) -> pa.Array:
    found = pc.struct_field(pc.extract_regex(referrers.cast(pa.string()), HOST), "host")
    return pc.utf8_lower(found)


def _members(format_text: str) -> tuple[Member, ...]:
    server = [Member(each, (SERVER, each.log_name)) for each in (TAKEN, VISITOR, COUNTRY, AGENT)]
    return (
        Member(PAGE, ("path",), finish=partial(_pages, parameters(format_text))),
        *(Member(each, (each.log_name,)) for each in (TITLE, SESSION, EVENT_ID, VIEWPORT, SENT)),
        Member(REFERRER_HOST, ("referrer",), finish=_host),
        *server,
    )


def _finished(columns: Columns) -> Columns:
    """Columns of the table: a viewport's parts, and whose path is one of an asset."""
    done = dict(columns)
    sizes = pc.extract_regex(done.pop(VIEWPORT.name).cast(pa.string()), SIZE)
    for field, part in ((WIDTH, "width"), (HEIGHT, "height")):
        done[field.name] = pc.struct_field(sizes, part).cast(field.type.arrow)
    done[IS_ASSET.name] = pc.match_substring_regex(done[PAGE.name].cast(pa.string()), ASSET)
    ids = done[EVENT_ID.name].cast(pa.string())
    done[EVENT_ID.name] = pc.if_else(pc.match_substring_regex(ids, UUID), pc.ascii_lower(ids), None)
    return done


LOG = JsonLog(
    _members(""),
    (SENT.name, TAKEN.name),
    finish=_finished,
    layouts=_members,
)


def parse(batch: LogBatch, formats: Formats) -> Parsed:
    """Parse every line of a batch.

    Refused is what has no path, or one that is none; and a time that is far from the server's.
    """
    parsed = LOG.parse(batch, formats)
    rows = parsed.rows
    if PAGE.name not in rows.column_names:
        return parsed
    page = rows[PAGE.name].combine_chunks().cast(pa.string())
    fits = pc.and_(
        pc.match_substring_regex(page, PATH), pc.less_equal(pc.binary_length(page), LONGEST)
    )
    wrong = pc.invert(fits).fill_null(True).to_numpy(zero_copy_only=False)
    for row in np.flatnonzero(wrong).tolist():
        told = shown(page[row].as_py().encode()) if page[row].is_valid else "nothing"
        detail = f"path: {told} is not a path that begins with / and has {LONGEST} bytes at most"
        parsed.rejects.add(int(parsed.line[row]), Reason.VALUE, detail)
    far = ~wrong & _is_far(rows)
    for line in parsed.line[far].tolist():
        parsed.rejects.add(line, Reason.TIME_RANGE, FAR)
    left = ~(wrong | far)
    kept = rows.filter(pa.array(left)).drop_columns([SENT.name, TAKEN.name])
    parsed = replace(parsed, rows=kept, line=parsed.line[left])
    return replace(parsed, record_id=_identities(kept, batch.record_id[parsed.line]))


def _is_far(rows: pa.Table) -> np.ndarray:
    """Which views say a time that is far from that of the server that took them."""
    event, taken = (
        rows[name].combine_chunks().cast(pa.int64()) for name in (EVENT_TIME.name, TAKEN.name)
    )
    ahead = pc.subtract(event, taken)
    far = pc.or_(pc.less(ahead, -MOST_BEHIND_MS), pc.greater(ahead, MOST_AHEAD_MS))
    mask: np.ndarray = far.fill_null(False).to_numpy(zero_copy_only=False)
    return mask


def _identities(rows: pa.Table, otherwise: np.ndarray) -> np.ndarray:
    """int64 of each row: of its event id, where it has one."""
    ids = rows[EVENT_ID.name].combine_chunks()
    there = np.flatnonzero(ids.is_valid())
    found = otherwise.copy()
    if len(there):
        plain = pc.replace_substring(ids.take(pa.array(there)), "-", "")
        digits = bytes.fromhex("".join(plain.to_pylist()))
        halves = np.frombuffer(digits, ">u8").reshape(-1, 2)
        found[there] = (halves[:, 0] ^ halves[:, 1]).astype(np.uint64).view(np.int64)
    return found


SOURCE = Source(
    "page-view",
    TABLE,
    parse,
    enrich=(agents.ENRICHER,),
    check_format=check_format,
    format_from="what the site's owner says: which parameters of the query string tell pages apart",
)
