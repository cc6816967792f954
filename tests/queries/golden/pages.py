"""A home of page views: three visitors, a program, a late one, one that was sent three times."""

import json
from pathlib import Path

from tests.queries.golden.answers import Golden, at
from tests.queries.homes import bring, moment

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
# Time, page, visitor, host of the page before, what else.
VIEWS: tuple[tuple[str, str, str, str, dict[str, str]], ...] = (
    ("14:00:10", "/a", "v1", "search.example.com", {"title": "A"}),
    ("14:00:50", "/a", "v2", "search.example.com", {"title": "A, corrected"}),
    ("14:01:00", "/a", "v1", "", {}),
    ("14:01:10", "/b", "v3", "example.org", {}),
    ("14:20:00", "/b", "v3", "", {}),
    ("14:20:00", "/a.css", "v3", "", {}),
    ("14:20:00", "/b", "v4", "", {"agent": "Examplebot/1.0"}),
    ("13:59:59", "/c", "v1", "", {}),
)
TWICE = "0b8e4c2a-5f3e-4a7b-9c1d-2e3f4a5b6c7d"


def make(folder: Path) -> None:
    """Fill a home; all arrives at 14:21, but the views of 14:20 after a quarter of an hour more."""
    soon = [line(*view) for view in VIEWS if not view[0].startswith("14:20")]
    late = [line(*view) for view in VIEWS if view[0].startswith("14:20")]
    again = line("14:01:20", "/b", "v1", "", {"event_id": TWICE})
    moved = line("14:30:00", "/b", "v1", "", {"event_id": TWICE})
    for arrival, lines in (("14:10:00", [*soon, again]), ("14:40:00", [*late, again, moved])):
        payload = "\n".join(lines).encode()
        bring(folder, (), arrival, f"2026-11-25T{arrival}", source="page-view", payload=payload)


def line(time: str, page: str, visitor: str, host: str, more: dict[str, str]) -> str:
    at_ms = int(moment(f"2026-11-25T{time}").timestamp() * 1000)
    told = dict(more)
    agent = told.pop("agent", BROWSER)
    referrer = {"referrer": f"https://{host}/x"} if host else {}
    server = {"at": at_ms, "visitor": visitor, "user_agent": agent}
    return json.dumps({"path": page, "ts": at_ms, **referrer, **told, "server": server})


GOLDEN: Golden = {
    # Of seven views by people one came after more than 15 minutes; one was sent again as it was,
    # and once more as one of another time.
    "top_pages": [
        ("/b", None, 4, 1, 2, 4 / 7, at("14:01:10"), at("14:30:00")),
        ("/a", "A, corrected", 3, 0, 2, 3 / 7, at("14:00:10"), at("14:01:00")),
    ],
    "page_trend": [
        (at("14:00:00"), 2, 0, 2),
        (at("14:01:00"), 3, 0, 2),
        (at("14:20:00"), 1, 1, 1),
        (at("14:30:00"), 1, 0, 1),
    ],
    "referrers": [
        ("", 4, 2, 2, 4 / 7),
        ("search.example.com", 2, 2, 1, 2 / 7),
        ("example.org", 1, 1, 1, 1 / 7),
    ],
    "repeated_views": [(at("14:30:00"), "/b", 1), (at("14:01:00"), "/b", 1)],
}
