"""One server for all tests that only send and ask."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.serving import Served, serving


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("served")
    with serving(folder / "home") as running:
        yield running
