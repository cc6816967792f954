"""The demo opens its page, where there is a screen."""

import stat
from pathlib import Path

import pytest

from pipeline.settings.reading import has_display
from tests.homes import run

DEMO = ("demo", "--for", "1", "--rate", "5", "--port", "0")


@pytest.mark.parametrize(
    ("platform", "environ", "there"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("darwin", {}, True),
        ("darwin", {"SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22"}, False),
    ],
)
def test_a_browser_is_opened_only_on_a_screen(
    platform: str, environ: dict[str, str], there: bool
) -> None:
    assert has_display(platform, environ) is there


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "display", "opened"),
    [((), ":0", True), (("--no-open",), ":0", False), ((), "", False)],
)
def test_the_demo_opens_its_page(
    tmp_path: Path, words: tuple[str, ...], display: str, opened: bool
) -> None:
    browser, seen = tmp_path / "browser", tmp_path / "seen"
    browser.write_text(f'#!/bin/sh\necho "$1" > {seen}\n')
    browser.chmod(browser.stat().st_mode | stat.S_IXUSR)
    environ = {"BROWSER": f"{browser} %s", "DISPLAY": display, "WAYLAND_DISPLAY": ""}
    ran = run(*DEMO, *words, "--home", tmp_path / "home", **environ)
    assert ran.code == 0, ran.err
    assert seen.exists() is opened
    if opened:
        url = ran.err.partition("Tailrace demo on ")[2].partition(",")[0]
        assert seen.read_text().strip() == url
