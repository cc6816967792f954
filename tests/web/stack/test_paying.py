"""What somebody pays for: it is found again, counted, and broken off at what was agreed to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.stack.staged import Browser, Shown, shown

PAIRS = "/v1/queries/top_pairs?since=1h&top=8"


@pytest.fixture
def page(tmp_path: Path) -> Shown:
    return shown(tmp_path)


@pytest.fixture
def browser(page: Shown) -> Iterator[Browser]:
    with page.opened() as opened:
        yield opened


def test_what_took_athena_long_is_found_again(page: Shown, browser: Browser) -> None:
    page.stage.looked = lambda: page.later(seconds=40)
    paid = browser.get(PAIRS, tailrace_most_usd="0.5")
    page.later(minutes=1)
    again = browser.get(PAIRS)
    assert (again.status_code, again.headers["age"]) == (200, "100")
    assert again.json()["rows"] == paid.json()["rows"]
    assert len(page.stage.started) == 1
