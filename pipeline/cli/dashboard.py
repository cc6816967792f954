"""tailrace dashboard: the page over a deployed stack or a home, served on this machine."""

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import Config, Home, Stage, settings_of
from pipeline.web import HOST, PORT

if TYPE_CHECKING:
    from pydantic import BaseModel

    from pipeline.settings import Settings
    from pipeline.web.reader import Reader

    # What it is of, what stands behind its routes, and the shape of its health.
    Page = tuple[str, Reader, type[BaseModel]]

Port = Annotated[
    int, typer.Option("--port", metavar="P", min=0, max=65_535, help="Port; 0: any that is free.")
]
NoOpen = Annotated[bool, typer.Option("--no-open", help="Open no browser.")]


def dashboard(
    stage: Stage = None,
    port: Port = PORT,
    no_open: NoOpen = False,
    config: Config = None,
    home: Home = None,
) -> None:
    """The page, on this machine, until Ctrl-C: over a deployed stack, or over a home.

    It listens on this machine alone and takes nothing in. With --stage it asks as who you are to
    AWS: pages are ranked from the stack's counters; what a schedule asks (PresetMinutes) is shown
    with its age and costs nothing; all else is asked of Athena on a click, with the price before.
    Without it it reads the home, or the demo's where that holds nothing, beside whoever writes.

    \b
    tailrace dashboard --stage staging
    tailrace dashboard --port 0 --no-open
    """
    from pipeline.cli.browser import open_page
    from pipeline.cli.output import say
    from pipeline.web.address import Address
    from pipeline.web.dashboard import show

    settings = settings_of(config, home)
    place, reader, health = _of_stage(settings, stage) if stage else _of_home(settings)

    def ready(url: str) -> None:
        say(f"the page of {place} stands at {url}; Ctrl-C ends it\n")
        sys.stderr.flush()
        if not no_open:
            open_page(url)

    show(reader, Address(HOST, port), health, ready)


def _of_stage(settings: "Settings", stage: str) -> "Page":
    from pipeline import aws
    from pipeline.cli import let_all_in
    from pipeline.web.models import StackHealth
    from pipeline.web.stack.reader import reader_of

    let_all_in()
    return stage, reader_of(aws.session(settings.target), settings, stage), StackHealth


def _of_home(settings: "Settings") -> "Page":
    """Raises NotConfigured where there is nothing to read, HomeError where it cannot be read."""
    from pipeline.cli.output import visible
    from pipeline.lake.folders import answering
    from pipeline.web.home_reader import reader_of
    from pipeline.web.models import HomeHealth

    folder = answering(settings.home_path)
    demo = "the demo's " if folder != settings.home_path else ""
    place = f"{demo}home {visible(str(folder))}"
    return place, reader_of(folder, settings.limits, settings.prices, time.time), HomeHealth
