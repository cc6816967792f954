"""The README's picture: the page over the demo's traffic. `make picture`."""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from pipeline.demo.declared import write_settings
from pipeline.settings import Settings
from pipeline.settings.reading import CONFIG_NAME
from tests.browser.looking import settled
from tests.browser.sites import filled
from tests.web.serving import serving

WIDTH, HEIGHT = 1280, 860


def main(chromium: str, path: Path) -> None:
    """Take the picture; PNG of some 100 kB."""
    with tempfile.TemporaryDirectory() as folder:
        write_settings(Path(folder), Settings())
        config = str(Path(folder) / CONFIG_NAME)
        with serving(Path(folder) / "home", "--config", config) as served, sync_playwright() as run:
            filled(served)
            browser = run.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            page.goto(served.url)
            settled(page)
            path.parent.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=path, animations="disabled")
            browser.close()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
