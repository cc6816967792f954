"""The page in a real Chromium, of the system: `make test-browser`, or pytest with --chromium PATH.

In a run of all tests nobody asked for it.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.demo.declared import write_settings
from pipeline.settings import Settings
from pipeline.settings.reading import CONFIG_NAME
from tests.browser.sites import Site, filled
from tests.web.serving import serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

OPTION = "--chromium"
ROOT = Path(__file__).resolve().parents[2]
SCREENS = ROOT / "build" / "screens"
WIDTH, HEIGHT = 1440, 900
# A browser says so itself of a server that is gone, or of an answer that is an error.
NETWORK = "Failed to load resource"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(OPTION, metavar="PATH", default=None, help="Chromium to look at the page with")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Nothing without a browser."""
    asked = config.getoption(OPTION, default=None)
    return True if collection_path.name.startswith("test_") and not asked else None


@pytest.fixture(scope="session")
def browser(request: pytest.FixtureRequest) -> Iterator["Browser"]:
    # A run of all tests loads this file, and asks for no browser.
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Its sandbox needs what a container seldom has; it loads nothing but our own page.
        started = playwright.chromium.launch(
            executable_path=request.config.getoption(OPTION), args=["--no-sandbox"]
        )
        yield started
        started.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server with the traffic of some minutes."""
    folder = tmp_path_factory.mktemp("site")
    # The formats of the logs that the generator writes.
    write_settings(folder, Settings())
    with serving(folder / "home", "--config", str(folder / CONFIG_NAME)) as served:
        yield filled(served)


Opened = Callable[..., "Page"]


@pytest.fixture
def opened(browser: "Browser") -> Iterator[Opened]:
    """Opens pages; none of them may have said an error at the end."""
    contexts, said = [], []

    def open_(url: str, width: int = WIDTH, height: int = HEIGHT, **options: Any) -> "Page":
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
        page.goto(url)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert [line for line in said if NETWORK not in line] == []


@pytest.fixture
def pictured() -> Callable[["Page", str], None]:
    """Writes what a page looks like, to be looked at."""
    SCREENS.mkdir(parents=True, exist_ok=True)

    def picture(page: "Page", name: str) -> None:
        page.screenshot(path=SCREENS / f"{name}.png", full_page=True, animations="disabled")

    return picture
