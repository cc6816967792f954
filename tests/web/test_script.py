"""The script of a page: a view for each page that is seen, with its own title."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from pipeline.web.views import SCRIPT

PAGE, NODE = Path(__file__).with_name("page.js"), shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="node runs the script, and is not installed")
WAIT = ["wait"]


def views(*steps: list[str], **page: Any) -> list[dict[str, Any]]:
    """What a page sends that goes through some steps."""
    given = json.dumps({"steps": steps, **page})
    done = subprocess.run(
        [str(NODE), PAGE, SCRIPT, given], capture_output=True, text=True, timeout=60, check=True
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_a_page_tells_of_its_view_at_once() -> None:
    (view,) = views(referrer="https://other.example/p")
    assert view.pop("url") == "https://server.example/v1/views"
    assert str(UUID(view["event_id"])) == view.pop("event_id")
    assert str(UUID(view["session"])) == view.pop("session")
    assert isinstance(view["ts"], int)
    assert view.pop("ts") == view.pop("sent")
    assert view == {
        "path": "/a?x=1",
        "title": "A",
        "referrer": "https://other.example/p",
        "viewport": "1280x720",
    }


def test_the_site_itself_refers_nobody() -> None:
    assert views(referrer="https://site.example/before")[0]["referrer"] == ""
    assert views(referrer="https://site.example.org/")[0]["referrer"] != ""
    sent = views(["pushState", "/b"], WAIT, referrer="https://other.example/")
    assert [view["referrer"] for view in sent] == ["https://other.example/", ""]


def test_a_page_of_an_application_has_the_title_that_it_gets_later() -> None:
    sent = views(["pushState", "/b"], ["title", "B"], WAIT)
    assert [(view["path"], view["title"]) for view in sent] == [("/a?x=1", "A"), ("/b", "B")]


def test_an_address_that_is_replaced_at_once_is_one_view_and_one_that_is_left_is_none_less() -> (
    None
):
    sent = views(["pushState", "/b"], ["replaceState", "/c"], WAIT, ["pushState", "/d"], ["hide"])
    assert [view["path"] for view in sent] == ["/a?x=1", "/c", "/d"]


def test_another_query_string_is_another_page_where_the_page_says_so() -> None:
    steps = [["replaceState", "/a?x=2"], WAIT, ["pushState", "/a?x=2#top"], WAIT, ["hide"]]
    assert [view["path"] for view in views(*steps)] == ["/a?x=1"]
    assert [view["path"] for view in views(*steps, data={"query": ""})] == ["/a?x=1", "/a?x=2"]
