"""What cannot be seen in a text, and changes how the rest looks, does not get into tables."""

import pytest

from pipeline.batch import read
from pipeline.batch.context import context_of
from pipeline.beacon import Seen, lines_of
from pipeline.settings import Settings
from pipeline.sources import find
from pipeline.triggers import http_body

NOON_MS = 1_795_608_000_000
# A line with DEL in it is refused before.
HIDDEN = "\x00\x1b\x80\x85\x9b\x9f\u2028\u2029\u202a\u202e\u2066\u2069"


@pytest.mark.parametrize("hidden", HIDDEN, ids=ascii)
def test_a_path_with_it_is_refused_and_a_title_shows_that_it_was_there(hidden: str) -> None:
    views = [
        {"path": f"/a{hidden}b"},
        {"path": "/c", "title": f"a{hidden}b"},
        {"path": "/\xa0\u2027\u202f\u2065\u206a", "title": "\u00e4 \u05d0"},
    ]
    lines = b"\n".join(lines_of(views, Seen(NOON_MS, "192.0.2.1", ""), bytes(32)))
    reading = read([http_body(lines, "1", NOON_MS)], find("page-view"), context_of(Settings()))
    assert [(each.line, str(each.reason)) for each in reading.refusals] == [(0, "value")]
    assert all(each.detail.isprintable() for each in reading.refusals)
    rows = reading.parsed.rows
    assert rows["page"].to_pylist() == ["/c", "/\xa0\u2027\u202f\u2065\u206a"]
    assert rows["title"].to_pylist() == ["a\ufffdb", "\u00e4 \u05d0"]
