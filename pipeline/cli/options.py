"""Options that several commands share, and the settings they lead to."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.errors import UsageError
from pipeline.settings import Settings, load

Home = Annotated[
    Path | None,
    typer.Option(
        "--home", metavar="DIR", help="Folder of the state [TAILRACE_HOME, default ./.tailrace]."
    ),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings file [default ./tailrace.toml]."),
]
SourceName = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="What the lines are: vpc-flow, alb, http-access, ...; a wrong word lists all.",
        show_default=False,
    ),
]
Files = Annotated[
    list[str] | None,
    typer.Argument(
        # In brackets typer leaves it as it is; else it shows no dots.
        metavar="[FILE]...",
        help="Files, gzipped or not; - or none: standard input.",
    ),
]
Format = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        metavar="F",
        help="Declared format, '${version} ${account-id} ...'; repeat it for several candidates.",
    ),
]
Since = Annotated[
    str | None, typer.Option("--since", metavar="AGE", help="From so long ago: 15m, 1h, 7d.")
]
From = Annotated[
    str | None, typer.Option("--from", metavar="T", help="First moment, ISO-8601, UTC.")
]
To = Annotated[str | None, typer.Option("--to", metavar="T", help="Up to, not including.")]


def _named(stage: str | None) -> str | None:
    """Refuse a stage without a name: of a variable that is not set, it would be the home's."""
    if stage is not None and not stage.strip():
        raise UsageError(
            "the stage has no name", "--stage", "name one, like staging, or leave --stage out"
        )
    return stage


Strict = Annotated[bool, typer.Option("--strict", help="End with 1 when a line is refused.")]
Stage = Annotated[
    str | None,
    typer.Option(
        "--stage", metavar="S", help="A deployed stack: staging, production.", callback=_named
    ),
]


def settings_of(config: Path | None, home: Path | None) -> Settings:
    """The settings in force, and their home."""
    return load(config, home)
