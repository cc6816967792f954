"""The homes that golden answers are about, each made once."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.queries.golden import applications, pages, pipeline, transit, web, wide
from tests.queries.golden.answers import Golden

MADE: Mapping[str, tuple[Golden, Callable[[Path], None]]] = {
    "wide": (wide.GOLDEN, wide.make),
    "applications": (applications.GOLDEN, applications.make),
    "transit": (transit.GOLDEN, transit.make),
    "pipeline": (pipeline.GOLDEN, pipeline.make),
    "web": (web.GOLDEN, web.make),
    "pages": (pages.GOLDEN, pages.make),
}


@pytest.fixture(scope="session")
def home_of(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The home that a query is asked of, by the name of the query."""
    made: dict[str, Path] = {}

    def find(query: str) -> Path:
        name = next((name for name, (golden, _) in MADE.items() if query in golden), None)
        if name is None:
            return home
        if name not in made:
            made[name] = tmp_path_factory.mktemp(name)
            MADE[name][1](made[name])
        return made[name]

    return find
