"""tailrace top: its options, and from where it reads."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import Config, Home, settings_of
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.cli.top.feeds import Feed

By = Annotated[
    str,
    typer.Option("--by", metavar="B", help="page, talker, rejected-port or error-path."),
]
Window = Annotated[
    str, typer.Option("--window", metavar="N", help="Minutes that are counted: 1m to 60m.")
]
Most = Annotated[int, typer.Option("-k", metavar="N", min=1, max=1_000, help="Rows at most.")]
Bots = Annotated[
    bool, typer.Option("--bots", help="Count programs and what belongs to a page, too.")
]
Once = Annotated[bool, typer.Option("--once", help="Print it once and end.")]
Url = Annotated[
    str | None,
    typer.Option(
        "--url", metavar="URL", help="Ask a server instead of a home: http://127.0.0.1:8808."
    ),
]


def top(
    by: By = "page",
    window: Window = "10m",
    most: Most = 20,
    bots: Bots = False,
    once: Once = False,
    url: Url = None,
    config: Config = None,
    home: Home = None,
) -> None:
    """What is hot now, and the traffic, in the terminal; drawn anew once a second.

    It reads the home, beside the server that writes to it, which has nothing to do for it and need
    not be on any known port; with --url it asks a server. Keys: 1 to 4 or Tab for another ranking,
    + and - for a longer or shorter window, p to pause, q to end. Where standard output is no
    terminal it is printed once.

    \b
    tailrace top
    tailrace top --by talker --window 30m
    tailrace top --once -k 5 | mail -s "hot pages" editor
    tailrace top --url http://10.0.3.7:8808
    """
    from pipeline.cli.top import watching
    from pipeline.cli.top.terminal import moves
    from pipeline.counters.answer import asked

    view = watching.View(by.replace("-", "_"), 0, most, bots)
    question = view.question | {"window": window}
    view.minutes = asked(question).minutes
    feed = _feed(url, config, home)
    if once or not moves(sys.stdout):
        watching.once(feed, view)
    else:
        watching.watch(feed, view)


def _feed(url: str | None, config: "Config", home: "Home") -> "Feed":
    from pipeline.cli.homes import to_read
    from pipeline.cli.top.feeds import HomeFeed, ServerFeed

    if url is None:
        return HomeFeed(to_read(settings_of(config, home).home_path))
    if home is not None:
        raise UsageError("a home and a server were both given", "--url", "leave one of them out")
    return ServerFeed(url)
