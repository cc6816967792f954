"""The page of a stage in memory, and who looks at it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.stack.staged import Browser, Shown, shown


@pytest.fixture
def page(tmp_path: Path) -> Shown:
    return shown(tmp_path)


@pytest.fixture
def browser(page: Shown) -> Iterator[Browser]:
    with page.opened() as opened:
        yield opened
