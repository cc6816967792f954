"""tailrace demo --target: a sample through the stage on an emulator, place by place."""

import sys
import textwrap
import time
from typing import TYPE_CHECKING

from pipeline.cli import let_all_in, streams
from pipeline.cli.console import Live
from pipeline.cli.output import visible
from pipeline.errors import UsageError
from pipeline.settings import Settings
from pipeline.targets import AWS, EMULATORS

if TYPE_CHECKING:
    from pipeline.demo.through import Seen


def through(settings: Settings, target: str) -> None:
    """Send a sample through an emulator and show where it comes to.

    Raises UsageError for a target that is no emulator, NotConfigured where none runs or without the
    stack, DeliveryError where the sample does not come on.
    """
    if target == AWS:
        fix = "ask what has come: tailrace query freshness --engine athena --stage staging"
        raise UsageError("made-up logs do not belong among those of AWS", "--target aws", fix)
    if target not in EMULATORS:
        known = ", ".join(("embedded", *EMULATORS))
        raise UsageError(f"there is no target {target!r}", "--target", f"one of {known}")
    let_all_in()
    from pipeline import aws, targets
    from pipeline.demo.marked import Marked
    from pipeline.demo.through import Through

    session = aws.session(target)
    url = session.client("sts").meta.endpoint_url
    answered = targets.check_identity(target, url)
    way = Through(settings, session, target, Marked(round(time.time() * 1000)))
    live = Live()
    live.say(f"{answered} at {url}, stack {way.deployed.stack}")
    started = time.monotonic()

    def looked_for(name: str) -> None:
        live.show(f"  {name:<10}{'':>7}  ...")

    try:
        for seen in way.follow(looked_for):
            live.close()
            sys.stdout.write(f"{told(seen, streams.width())}\n")
            sys.stdout.flush()
    finally:
        live.close()
    live.say(
        f"through in {time.monotonic() - started:.1f} s; ask on: {_asked(way.has_athena, target)}"
    )


def told(seen: "Seen", columns: int | None) -> str:
    """A place with its seconds, and beside them what was seen there; `columns` as of a terminal."""
    head = f"✓ {seen.name:<10}{seen.seconds:>5.1f} s  "
    if columns is None:
        return head + visible(seen.what)
    return textwrap.fill(
        visible(seen.what),
        # Not of one word a line where the terminal is narrow.
        max(columns, 2 * len(head)),
        initial_indent=head,
        subsequent_indent=" " * len(head),
        # What is copied from here stays in one piece.
        break_long_words=False,
        break_on_hyphens=False,
    )


def _asked(has_athena: bool, target: str) -> str:
    if has_athena:
        return f"tailrace query top_talkers --since 1h --engine athena --stage {target}"
    return f"tailrace doctor --stage {target}"
