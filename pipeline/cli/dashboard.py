"""tailrace dashboard: the page over a deployed stack, served on this machine."""

import sys
from typing import Annotated

import typer

from pipeline.cli.options import Config, Home, Stage, settings_of
from pipeline.errors import NotConfigured
from pipeline.web import HOST, PORT

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
    """The page over a deployed stack, on this machine, as who you are to AWS; until Ctrl-C.

    It listens on this machine alone and takes nothing in. Pages are ranked from the stack's
    counters; what a schedule asks (PresetMinutes) is shown with its age and costs nothing. All else
    is asked of Athena on a click, with the price before.

    \b
    tailrace dashboard --stage staging
    tailrace dashboard --stage production --port 0 --no-open
    """
    from pipeline import aws
    from pipeline.cli import let_all_in
    from pipeline.cli.output import say
    from pipeline.web.address import Address
    from pipeline.web.dashboard import show
    from pipeline.web.models import StackHealth
    from pipeline.web.stack.reader import reader_of

    settings = settings_of(config, home)
    wanted = stage or settings.athena.stage
    if not wanted:
        fix = "add --stage, or set athena.stage; a home on this machine: tailrace serve"
        raise NotConfigured("it is not said which stack the page is to show", "", fix)
    let_all_in()
    reader = reader_of(aws.session(settings.target), settings, wanted)

    def ready(url: str) -> None:
        say(f"the page of {wanted} stands at {url}; Ctrl-C ends it\n")
        sys.stderr.flush()
        if not no_open:
            _open(url)

    show(reader, Address(HOST, port), StackHealth, ready)


def _open(url: str) -> None:
    import webbrowser

    webbrowser.open(url)
