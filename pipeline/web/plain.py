"""GET /plain: the figures of the page as tables, for browsers that run no scripts.

They are those of the presets, so that a stack that makes these on schedule answers for nothing, and
the answers are shared with whoever looks at the page.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.responses import Response

from pipeline import presets
from pipeline.errors import TailraceError
from pipeline.presets import Range
from pipeline.web import page
from pipeline.web.answers import HttpError, said_of, visible
from pipeline.web.forms import JSON
from pipeline.web.reader import Reader
from pipeline.web.saved import Asked, kept_of

RANGES: Mapping[str, Range] = {"10m": Range(600, 60), **presets.RANGES}
# So old another viewer's answer may be.
SHARED_S = 30
# Characters from which on a text is broken into lines.
LONG = 40
KIND = "text/html; charset=utf-8"
STYLES = ("tokens", "base", "plain")
TOP = (("top", "100"),)


@dataclass(frozen=True, slots=True)
class Panel:
    """A saved query under a title.

    params, seconds  as a preset has them
    most             rows that are shown
    """

    title: str
    name: str
    params: tuple[tuple[str, str], ...]
    seconds: int
    most: int = 12


@dataclass(frozen=True, slots=True)
class Found:
    """A panel and the answer to it.

    asked  when, where that is not as good as now
    error  why there is none
    """

    panel: Panel
    columns: Sequence[Mapping[str, str]] = ()
    rows: Sequence[Sequence[Any]] = ()
    asked: str = ""
    error: str = ""

    def since(self, first: str) -> "Found":
        """The same from a first bucket on, the newest first."""
        names = [each["name"] for each in self.columns]
        if "bucket_start" not in names:
            return self
        at = names.index("bucket_start")
        rows = sorted((row for row in self.rows if row[at] >= first), key=lambda row: row[at])
        return replace(self, rows=rows[::-1])

    def total(self, name: str) -> int | None:
        """The sum of a column; None: nobody knows."""
        names = [each["name"] for each in self.columns]
        return sum(int(row[names.index(name)] or 0) for row in self.rows) if names else None


def add(app: FastAPI, reader: Reader) -> None:
    """Add the route."""

    @app.get("/plain", include_in_schema=False)
    async def plain(request: Request) -> Response:
        return await _answered(reader, request)


async def _answered(reader: Reader, request: Request) -> Response:
    _, health = await asyncio.to_thread(reader.health)
    usual = health["presets"]["ranges"][0] if health["presets"] else next(iter(RANGES))
    name = request.query_params.get("range", usual)
    if name not in RANGES:
        fix = f"one of {', '.join(RANGES)}"
        raise HttpError(400, f"there is no range {visible(name[:64])!r}", "range", fix)
    range_ = RANGES[name]
    hides = "anonymous" in request.query_params
    asking = [_found(reader, each, range_, hides) for each in _panels(range_)]
    found = await asyncio.gather(*asking)
    chosen = page.THEME.search(request.headers.get("cookie", ""))
    text = "".join(_document(health, name, found, chosen[1] if chosen else "auto", hides))
    headers = {**page.HEADERS, "cache-control": "no-cache"}
    return Response(text, headers=headers, media_type=KIND)


def _panels(range_: Range) -> tuple[Panel, ...]:
    length = range_.seconds
    bucket = (("bucket", str(range_.bucket_s)),)
    errors = (("status_from", "400"), *TOP)
    return (
        Panel("Pages", "top_pages", TOP, length),
        Panel("Traffic", "traffic_over_time", bucket, 2 * length, 100),
        Panel("Top talkers", "top_pairs", (("top", "8"),), length),
        Panel("Rejected ports", "rejected_ports", (("top", "8"),), length),
        Panel("Failing paths", "web_errors", errors, length),
        Panel("Sources sending", "source_activity", (), length, 20),
        Panel("Lag by stage", "lag_by_stage", (), presets.HOUR_S),
        Panel("Intake", "intake_over_time", bucket, 2 * length, 100),
        Panel("Rejected lines", "rejects", TOP, length, 100),
    )


async def _found(reader: Reader, panel: Panel, range_: Range, hides: bool) -> Found:
    times = {"since": f"{panel.seconds // 60}m"}
    if panel.seconds % presets.HOUR_S == 0:
        times = {"since": f"{panel.seconds // presets.HOUR_S}h"}
    try:
        question = Asked(panel.name, dict(panel.params), times, JSON, hides)
        answer = msgspec.json.decode((await kept_of(reader, question, SHARED_S)).told)
    except TailraceError as error:
        said = said_of(error, reader.root)
        return Found(panel, error="; ".join(filter(None, (said["what"], said["fix"]))))
    to = datetime.fromisoformat(answer["to"]).timestamp()
    # An answer that was made on schedule is of the range as it was then.
    made = _time(to) if reader.clock() - to > SHARED_S else ""
    first = to // range_.bucket_s * range_.bucket_s - range_.seconds
    return Found(panel, answer["columns"], answer["rows"], made).since(_time(first))


def _time(at_s: float) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _document(
    health: Mapping[str, Any], chosen: str, found: Sequence[Found], theme: str, hides: bool
) -> Iterator[str]:
    yield f'<!doctype html>\n<html lang="en" data-theme="{theme}">\n<head>\n'
    yield '<meta charset="utf-8">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield "<title>Tailrace</title>\n"
    for name in STYLES:
        yield f'<link rel="stylesheet" href="page/{page.digest()}/css/{name}.css">\n'
    yield '</head>\n<body>\n<header><h1>Tailrace</h1>\n<nav aria-label="Time range">'
    for name in RANGES:
        current = ' aria-current="page"' if name == chosen else ""
        yield f'<a href="{_link(name, hides)}"{current}>{name}</a> '
    yield "</nav>\n"
    yield f"<p>{escape(_status(health))}</p></header>\n<main>\n"
    yield from _figures({each.panel.name: each for each in found})
    for each in found:
        yield from _section(each)
    words = "Show addresses" if hides else "Hide addresses"
    yield f'</main>\n<footer><a href="{_link(chosen, not hides)}">{words}</a> '
    yield '<a href="./">The page with scripts</a></footer>\n</body>\n</html>\n'


def _link(range_: str, hides: bool) -> str:
    return f"plain?range={range_}{'&amp;anonymous' if hides else ''}"


def _status(health: Mapping[str, Any]) -> str:
    newest = health["newest_arrival"]
    arrived = f"the newest arrival is of {newest}" if newest else "nothing has arrived yet"
    problem = health["problem"] or "all is well"
    return f"As of {health['time']}: {arrived}; {visible(problem)}."


def _figures(found: Mapping[str, Found]) -> Iterator[str]:
    traffic, intake = found["traffic_over_time"], found["intake_over_time"]
    yield from dict.fromkeys((_asked(intake), _asked(traffic)))
    yield "<dl>\n"
    for title, of, name in (
        ("Events in", intake, "events_in"),
        ("Rows", intake, "rows"),
        ("Rejected", intake, "rejected"),
        ("Dropped", intake, "dropped"),
        ("Unaccounted", intake, "unaccounted"),
        ("Bytes accepted", traffic, "accepted_bytes"),
        ("Bytes rejected", traffic, "rejected_bytes"),
    ):
        yield f"<div><dt>{title}</dt><dd>{_text(of.total(name), 'in all')}</dd></div>\n"
    yield "</dl>\n"


def _asked(found: Found) -> str:
    return f"<p>Asked at {found.asked}.</p>\n" if found.asked else ""


def _section(found: Found) -> Iterator[str]:
    panel = found.panel
    yield f'<section aria-labelledby="{panel.name}">\n<h2 id="{panel.name}">{panel.title}</h2>\n'
    yield _asked(found)
    if found.error or not found.rows:
        yield f"<p>{escape(found.error or 'Nothing in this window.')}</p>\n</section>\n"
        return
    yield f'<div class="wide" tabindex="0" role="region" aria-label="{panel.title}"><table>\n<tr>'
    for column, value in zip(found.columns, found.rows[0], strict=True):
        name, unit = column["name"].replace("_", " "), column["unit"]
        said = f"{name} ({unit})" if unit and unit not in name else name
        yield f'<th scope="col"{_kind(value)}>{escape(said)}</th>'
    yield "</tr>\n"
    for row in found.rows[: panel.most]:
        cells = zip(row, found.columns, strict=True)
        yield "<tr>"
        yield from (f"<td{_kind(value)}>{_text(value, of['unit'])}</td>" for value, of in cells)
        yield "</tr>\n"
    yield "</table></div>\n"
    if len(found.rows) > panel.most:
        yield f"<p>{panel.most} of {len(found.rows)} rows.</p>\n"
    yield "</section>\n"


def _kind(value: Any) -> str:
    """How a value lies in its column."""
    if isinstance(value, int | float):
        return ' class="num"'
    return ' class="long"' if isinstance(value, str) and len(value) > LONG else ""


def _text(value: Any, unit: str) -> str:
    """A value as it stands in a cell; text of a log is somebody else's."""
    if value is None:
        return "-"
    if unit == "share":
        return f"{value:.1%}"
    if isinstance(value, int | float):
        # What has no unit is a name, such as a port.
        return f"{value:,}" if unit else str(value)
    return escape(visible(str(value)))
