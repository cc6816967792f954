"""tailrace serve: the embedded server."""

import sys
from typing import Annotated

import typer

from pipeline.cli.options import Config, Home, settings_of
from pipeline.errors import UsageError
from pipeline.web import HOST, PORT

GIVE_HOST = "give an address of this machine: 127.0.0.1, or 0.0.0.0 for all that it has"


def serve(
    host: Annotated[str, typer.Option("--host", metavar="H", help="Address to listen on.")] = HOST,
    port: Annotated[
        int,
        typer.Option("--port", metavar="P", min=0, max=65_535, help="Port; 0: any that is free."),
    ] = PORT,
    behind_proxy: Annotated[
        bool,
        typer.Option(
            "--behind-proxy",
            help="A proxy on this machine says in X-Forwarded-For who views a page.",
        ),
    ] = False,
    config: Config = None,
    home: Home = None,
) -> None:
    """Take logs over HTTP, bring them into the lake, answer saved queries; until Ctrl-C.

    It listens on this machine alone; another --host opens it to all who can reach that address,
    without any password. Its description: GET /v1/openapi.json. Pages of a site say that they are
    viewed by <script async src="http://127.0.0.1:8808/v1/tailrace.js"></script>.

    \b
    tailrace serve
    curl --data-binary @flows.log.gz http://127.0.0.1:8808/v1/logs/vpc-flow
    curl "http://127.0.0.1:8808/v1/queries/top_talkers?since=1h&top=5"
    curl "http://127.0.0.1:8808/v1/ranking?by=page&window=10m"
    """
    from pipeline.cli.homes import to_write
    from pipeline.cli.inputs import check_declared
    from pipeline.cli.output import say, visible
    from pipeline.home import writing
    from pipeline.web.address import Address
    from pipeline.web.server import serve

    _check_host(host)
    settings = settings_of(config, home)
    check_declared(settings)
    context = to_write(settings)

    def ready(url: str) -> None:
        say(f"Tailrace serves {url}, home {visible(str(settings.home_path))}; Ctrl-C ends it\n")
        sys.stderr.flush()

    with writing(settings.home_path, context) as opened:
        address = Address(host, port)
        serve(opened.folder, context, address, ready, settings.prices, behind_proxy)


def _check_host(host: str) -> None:
    """Raise UsageError for a host that is none, or that is none of this machine."""
    import errno
    import socket

    from pipeline.cli.inputs import check_text

    check_text("--host", host)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((host, 0))
        except (UnicodeError, ValueError, TypeError) as error:
            raise UsageError(f"this is no host: {host[:300]!r}", "--host", GIVE_HOST) from error
        except OSError as error:
            # All else is told when it is listened on.
            if error.errno == errno.EADDRNOTAVAIL:
                what = f"{host} is no address of this machine"
                raise UsageError(what, "--host", GIVE_HOST) from error
