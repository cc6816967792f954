"""The demo and the dashboard open their page, where there is a screen."""

import stat
import subprocess
from pathlib import Path

import pytest

from pipeline.settings.reading import has_display
from tests.homes import COMMAND, clean_environ, flows, run
from tests.web.serving import until

PATIENCE_S = 30.0
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


def screen(folder: Path, display: str) -> tuple[dict[str, str], Path]:
    """A screen, and where a browser on it writes what it is to open."""
    browser, seen = folder / "browser", folder / "seen"
    browser.write_text(f'#!/bin/sh\necho "$1" > {seen}\n')
    browser.chmod(browser.stat().st_mode | stat.S_IXUSR)
    return {"BROWSER": f"{browser} %s", "DISPLAY": display, "WAYLAND_DISPLAY": ""}, seen


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "display", "opened"),
    [((), ":0", True), (("--no-open",), ":0", False), ((), "", False)],
)
def test_the_demo_opens_its_page(
    tmp_path: Path, words: tuple[str, ...], display: str, opened: bool
) -> None:
    environ, seen = screen(tmp_path, display)
    ran = run(*DEMO, *words, "--home", tmp_path / "home", **environ)
    assert ran.code == 0, ran.err
    assert seen.exists() is opened
    if opened:
        url = ran.err.partition("Tailrace demo on ")[2].partition(",")[0]
        assert seen.read_text().strip() == url


@pytest.mark.slow
@pytest.mark.parametrize(("display", "opened"), [(":0", True), ("", False)])
def test_the_dashboard_opens_its_page(tmp_path: Path, display: str, opened: bool) -> None:
    home, log = tmp_path / "home", tmp_path / "flows.log"
    log.write_bytes(flows(1))
    assert run("ingest", "vpc-flow", log, "--home", home).code == 0
    environ, seen = screen(tmp_path, display)
    command = [COMMAND, "dashboard", "--port", "0", "--home", str(home)]
    environ = clean_environ() | environ
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stderr is not None
        url = process.stderr.readline().partition(" stands at ")[2].partition(";")[0]
        if opened:
            until(lambda: seen.exists() and seen.read_text().strip() == url)
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
    assert seen.exists() is opened
