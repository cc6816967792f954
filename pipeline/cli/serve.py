"""tailrace serve: the embedded server."""

import sys
from typing import Annotated

import typer

from pipeline.cli.options import Config, Home, settings_of
from pipeline.web import HOST, PORT


def serve(
    host: Annotated[str, typer.Option("--host", metavar="H", help="Address to listen on.")] = HOST,
    port: Annotated[
        int,
        typer.Option("--port", metavar="P", min=0, max=65_535, help="Port; 0: any that is free."),
    ] = PORT,
    config: Config = None,
    home: Home = None,
) -> None:
    """Take logs over HTTP, bring them into the lake, answer saved queries; until Ctrl-C.

    It listens on this machine alone; another --host opens it to all who can reach that address,
    without any password. Its description: GET /v1/openapi.json.

    \b
    tailrace serve
    curl --data-binary @flows.log.gz http://127.0.0.1:8808/v1/logs/vpc-flow
    curl "http://127.0.0.1:8808/v1/queries/top_talkers?since=1h&top=5"
    """
    from pipeline.cli.inputs import check_declared
    from pipeline.cli.output import say, visible
    from pipeline.home import context_of, writing
    from pipeline.web.server import Address, serve

    settings = settings_of(config, home)
    check_declared(settings)
    context = context_of(settings)

    def ready(url: str) -> None:
        say(f"Tailrace serves {url}, home {visible(str(settings.home_path))}; Ctrl-C ends it\n")
        sys.stderr.flush()

    with writing(settings.home_path, context) as opened:
        serve(opened.folder, context, Address(host, port), ready)
