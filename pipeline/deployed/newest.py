"""When something landed last: by the objects of landing, which cost nothing to speak of.

Source: Amazon S3 API Reference, "ListObjectsV2" (UTF-8 order; LastModified to the second).
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pipeline import aws
from pipeline.schema import BATCH

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

HOUR = timedelta(hours=1)
# Where nothing came for so long the page says no more than that.
BACK = timedelta(hours=24)


@dataclass
class Newest:
    """Looks where it was last, and from there on; each record is told of in the table `batch`."""

    client: "S3Client"
    bucket: str
    _found: datetime | None = field(default=None)

    def at(self, now: datetime) -> datetime | None:
        """When the newest object of landing was written; None: not within a day.

        Raises TailraceError where S3 does not tell.
        """
        hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        # The clock of S3 may be ahead of ours.
        looked, last = hour + HOUR, max(self._found or now - BACK, now - BACK)
        while looked > last - HOUR:
            found = self._in(looked)
            if found is not None:
                self._found = found
                break
            looked -= HOUR
        return self._found if self._found and self._found > now - BACK else None

    def _in(self, hour: datetime) -> datetime | None:
        prefix = f"lake/landing/{BATCH.name}/arrival_dt={hour:%Y-%m-%d}/arrival_hour={hour:%H}/"
        with aws.told("S3", f"s3://{self.bucket}/{prefix}"):
            pages = self.client.get_paginator("list_objects_v2")
            return max(
                (
                    each["LastModified"]
                    for page in pages.paginate(Bucket=self.bucket, Prefix=prefix)
                    for each in page.get("Contents", ())
                ),
                default=None,
            )
