"""tailrace lookups: outside data that rows are enriched by, and how it is fetched."""

import shlex
import sys
import time
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import Config, Home, settings_of
from pipeline.cli.output import counted, visible
from pipeline.errors import NotConfigured, UsageError
from pipeline.queries.forms import iso

if TYPE_CHECKING:
    from pipeline.lookups import Kept

FETCH = "fetch them: tailrace lookups refresh"


class Action(StrEnum):
    """What is done with them."""

    SHOW = "show"
    REFRESH = "refresh"


def lookups(
    action: Annotated[
        Action, typer.Argument(metavar="ACTION", help="show what is kept, or refresh it.")
    ] = Action.SHOW,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FILE_OR_URL",
            help="With refresh: where from [lookups.aws_ranges of the settings].",
        ),
    ] = None,
    config: Config = None,
    home: Home = None,
) -> None:
    """AWS's own address ranges, by which rows say which of its services an address belongs to.

    They are fetched by refresh, over TLS, and by nothing else; then ingest, serve, demo and replay
    use them, each from its next start on. What is broken, older or much smaller than what is kept
    is refused, and that stays.

    \b
    tailrace lookups
    tailrace lookups refresh
    tailrace lookups refresh --from ip-ranges.json
    """
    from pipeline.lookups import in_home, kept_in

    settings = settings_of(config, home)
    path = in_home(settings.home_path)
    if action is Action.SHOW:
        if source is not None:
            fix = f"tailrace lookups refresh --from {shlex.quote(source)}"
            raise UsageError("--from is about refresh", "--from", fix)
        kept = kept_in(path)
        if kept is None:
            raise NotConfigured("no address ranges were fetched", f"at {path}", FETCH)
        _show(kept)
        return
    from pipeline.deliver.caches import FileCache
    from pipeline.lookups.renewal import renew

    given = settings.lookups.aws_ranges if source is None else source
    done = renew(FileCache(path), given, int(time.time() * 1000))
    sys.stderr.write(
        f"AWS's address ranges are {'new' if done.changed else 'those that were kept'}\n"
    )
    _show(done.kept)


def _show(kept: "Kept") -> None:
    from pipeline.cli.streams import width
    from pipeline.cli.table import listing

    rows = [
        ("token", kept.token),
        ("published", kept.created),
        ("fetched", _moment(kept.fetched_ms)),
        ("checked", f"{_moment(kept.checked_ms)}, {age_of(kept)}"),
        ("ranges", f"{kept.count:,} of {counted(len(kept.prefixes), 'service')}"),
        ("from", kept.source),
    ]
    shown = [(name, visible(value)) for name, value in rows]
    sys.stdout.write(listing(("AWS's address ranges", ""), shown, width()))


def age_of(kept: "Kept") -> str:
    """How long ago it was last known to be the newest."""
    days = kept.age_days(int(time.time() * 1000))
    return f"{counted(days, 'day')} ago" if days else "less than a day ago"


def _moment(ms: int) -> str:
    return iso(datetime.fromtimestamp(ms // 1000, UTC))
