"""What batches are processed with, as the settings say."""

import os
import stat
from pathlib import Path

from pipeline.batch.ports import Context
from pipeline.enrich import Lookups
from pipeline.enrich.aws_ranges import AwsRanges
from pipeline.enrich.networks import Networks, read_networks
from pipeline.errors import UsageError
from pipeline.lookups import of_home
from pipeline.reading.parsed import Formats
from pipeline.settings import Settings


def context_of(
    settings: Settings, networks: Networks | None = None, aws_ranges: AwsRanges | None = None
) -> Context:
    """What batches are processed with, from the settings.

    aws_ranges  None: what the home keeps

    Raises UsageError when the networks file cannot be read.
    """
    if networks is None:
        file = settings.networks.file
        networks = _networks(file) if file else Networks.of()
    formats = Formats(settings.declared_formats())
    lookups = Lookups(networks, of_home(settings.home_path) if aws_ranges is None else aws_ranges)
    return Context(lookups, settings.limits, formats, settings.own_log_groups)


def _networks(file: str) -> Networks:
    try:
        if stat.S_ISREG(os.stat(file).st_mode):
            return read_networks(Path(file))
        why = "it is no regular file"
    except (OSError, ValueError) as error:
        why = str(error)
    raise UsageError(
        f"the networks file cannot be read: {why}",
        f"in {file}",
        "correct [networks] file in tailrace.toml",
    )
