"""tailrace replay --stage: what a deployed stack gave up on the way, sent again."""

import sys
import time
from datetime import UTC, datetime

from pipeline.cli import streams
from pipeline.cli.output import counted, say, visible


def send_again(stage: str, since_ms: int, dry_run: bool) -> None:
    """Send again what was given up since a time, and tell each object as it is done."""
    from pipeline import aws, invoke
    from pipeline.cli import let_all_in
    from pipeline.stack.deployed import stack_of
    from pipeline.stack.remains import Remains
    from pipeline.stack.replay import Again

    let_all_in()
    deployed = stack_of(stage)
    settings = deployed.settings()
    s3 = deployed.client("s3")
    firehose = deployed.session.client("firehose", config=aws.one_attempt())
    home = invoke.AwsHome(settings.delivery, firehose, s3)
    remains = Remains(s3, settings.delivery, datetime.fromtimestamp(since_ms / 1000, UTC))
    again = Again(remains, firehose, invoke.stack_of(settings, home), time.time, dry_run)
    streams.as_data(sys.stdout)
    done = left = 0
    for sent in again.run():
        done, left = done + (not sent.left), left + bool(sent.left)
        word = "left" if sent.left else "would be sent again" if dry_run else "sent again"
        sys.stdout.write(visible(f"{word}: {sent.uri}: {sent.left or sent.told}") + "\n")
        sys.stdout.flush()
    if not done + left:
        sys.stdout.write("nothing to replay\n")
    elif not dry_run:
        say(f"{counted(done, 'object')} sent again, {left} left\n")
