"""GET /plain: the figures as tables, whatever the logs say."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.homes import flow
from tests.web.serving import Served, serving

HOSTILE = b"<script>alert(1)</script> \x1b[31m<img src=x onerror=alert(1)>\n"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("plain") / "home") as served:
        served.post(flow(7, int(time.time()) - 90) + HOSTILE)
        served.landed()
        yield served


def section(text: str, name: str) -> str:
    found = re.search(rf'<h2 id="{name}">.*?</section>', text, re.S)
    assert found
    return found[0]


def test_figures_and_rows_are_there_without_a_script(told: Served) -> None:
    answer = told.get("/plain")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    for title, count in (("Events in", 2), ("Rows", 1), ("Rejected", 1), ("Unaccounted", 0)):
        assert f"<dt>{title}</dt><dd>{count}</dd>" in answer.text
    assert '<td class="num">7</td>' in section(answer.text, "top_pairs")
    assert "Nothing in this window." in section(answer.text, "top_pages")


def test_text_of_a_log_stays_text(told: Served) -> None:
    text = section(told.get("/plain?range=1h").text, "rejects")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script" not in text
    assert "<img" not in text
    assert "\x1b" not in text


def test_a_panel_that_fails_leaves_the_others_alone(told: Served, tmp_path: Path) -> None:
    (file,) = (told.home / "lake" / "landing" / "reject").rglob("*.parquet")
    content = file.read_bytes()
    file.write_bytes(b"not Parquet")
    try:
        text = told.get("/plain?range=6h").text
    finally:
        file.write_bytes(content)
    assert "Nothing" not in section(text, "rejects")
    assert str(told.home) not in text
    assert "<table>" in section(text, "top_pairs")


def test_what_is_no_range_is_refused(told: Served) -> None:
    answer = told.get("/plain?range=<b>")
    assert answer.status_code == 400
    assert answer.json()["error"]["where"] == "range"


def test_addresses_are_hidden_where_that_is_asked(told: Served) -> None:
    whole, hidden = (told.get(f"/plain?range=1h{each}").text for each in ("", "&anonymous"))
    assert not re.search(r"\d\.\d+\.\d+\.0/24", whole)
    assert re.search(r"\d\.\d+\.\d+\.0/24", section(hidden, "top_pairs"))
    # Also from one range to the next.
    assert hidden.count("&amp;anonymous") == 5
    assert ">Show addresses<" in hidden
    assert ">Hide addresses<" in whole
