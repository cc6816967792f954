"""AWS's address ranges in a deployed stack: renewed by one function, looked up by another.

Who enriches reads them once, when it starts, and asks nobody again: nothing new stands in the way
of a batch, and all batches of one copy of the function are enriched alike. A copy lives for hours,
and the ranges change some times a week.
"""

import time
from typing import TYPE_CHECKING

from pipeline import aws
from pipeline.deliver.attempts import Attempts
from pipeline.deliver.bucket import Bucket
from pipeline.deliver.caches import ObjectCache
from pipeline.enrich.aws_ranges import NONE, AwsRanges
from pipeline.errors import NotConfigured
from pipeline.lookups import ranges_in
from pipeline.lookups.kept import NAME
from pipeline.settings import Lookups, load

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from pipeline.lookups.renewal import Renewal

# For all of it, fetching included; the function itself has two minutes.
RENEW_S = 110.0


def kept_ranges(lookups: Lookups, s3: "S3Client") -> AwsRanges:
    """What the stack keeps, ready to be looked up; what cannot be read is none, and told."""
    if not lookups.folder:
        return NONE
    return ranges_in(lambda: _cache(lookups, s3).read(), lookups.folder)


def renewed(now_ms: int) -> "Renewal":
    """Fetch what the environment of a function names, and keep it where that says.

    Raises NotConfigured where it does not say where to, TailraceError as `renew` does.
    """
    # Who enriches fetches nothing, and starts without what that needs.
    from pipeline.lookups.renewal import renew

    lookups = load().lookups
    if not lookups.folder:
        fix = "deploy the stack's own template, which sets it"
        raise NotConfigured("TAILRACE_LOOKUPS_FOLDER is not set", "", fix)
    s3 = aws.session().client("s3", config=aws.one_attempt())
    return renew(_cache(lookups, s3), lookups.aws_ranges, now_ms)


def _cache(lookups: Lookups, s3: "S3Client") -> ObjectCache:
    until = time.monotonic() + RENEW_S
    attempts = Attempts(lambda: until - time.monotonic(), call_s=aws.CONNECT_S + aws.READ_S)
    return ObjectCache(Bucket.at(s3, lookups.folder, attempts), NAME)
