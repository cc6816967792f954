"""Records of a stream by their arrival: which shards there are, and a shard page by page.

Whoever reads a shard takes from what its function may read of it (2 MB and 5 calls a second), so a
page is waited out before the next one: half of it is left.

Source: Amazon Kinesis Data Streams API Reference, "ListShards", "GetShardIterator" (AT_TIMESTAMP),
"GetRecords" (times of arrival are approximate, and may go back).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pipeline.aws import told
from pipeline.backfill.plan import Slice

# How far times of arrival may be out of order.
LEEWAY_MS = 60_000
BYTES_A_SECOND, LEAST_S = 1_000_000, 0.5


@dataclass(frozen=True, slots=True)
class Page:
    """Records in their order; `after`: sequence number of the last one that was looked at."""

    records: list[dict[str, Any]]
    after: str

    @property
    def bytes(self) -> int:
        """Bytes of the payloads."""
        return sum(len(each["Data"]) for each in self.records)


@dataclass(frozen=True)
class Shards:
    """The shards of a stream."""

    client: Any
    stream: str
    sleep: Callable[[float], None]

    def names(self) -> list[str]:
        """All that still hold something. Raises TailraceError where Kinesis does not say."""
        with told("Kinesis", self.stream):
            pages = self.client.get_paginator("list_shards").paginate(StreamARN=self.stream)
            return [each["ShardId"] for page in pages for each in page["Shards"]]

    def kept_since_ms(self, now: datetime) -> int:
        """What arrived before has left the stream. Raises TailraceError as `names` does."""
        with told("Kinesis", self.stream):
            said = self.client.describe_stream_summary(StreamARN=self.stream)
        hours: int = said["StreamDescriptionSummary"]["RetentionPeriodHours"]
        return round((now.timestamp() - hours * 3600) * 1000)

    def pages(self, part: Slice, after: str) -> Iterator[Page]:
        """The records of a slice, from behind a sequence number on.

        Raises TailraceError where Kinesis does not answer.
        """
        iterator = self._iterator(part, after)
        while iterator:
            with told("Kinesis", f"{part.shard} of {self.stream}"):
                said = self.client.get_records(StreamARN=self.stream, ShardIterator=iterator)
            records, iterator = said["Records"], said.get("NextShardIterator", "")
            times = [_ms(each["ApproximateArrivalTimestamp"]) for each in records]
            mine = [
                each
                for each, at in zip(records, times, strict=True)
                if part.from_ms <= at < part.to_ms
            ]
            if records:
                yield Page(mine, records[-1]["SequenceNumber"])
            if times and min(times) >= part.to_ms + LEEWAY_MS:
                return
            if not records and not said.get("MillisBehindLatest", 0):
                return
            size = sum(len(each["Data"]) for each in records)
            self.sleep(max(size / BYTES_A_SECOND, LEAST_S))

    def _iterator(self, part: Slice, after: str) -> str:
        from botocore.exceptions import ClientError

        at = datetime.fromtimestamp((part.from_ms - LEEWAY_MS) / 1000, UTC)
        by_time = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": at}
        behind = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": after}
        with told("Kinesis", f"{part.shard} of {self.stream}"):
            try:
                return self._start(part.shard, behind if after else by_time)
            except ClientError as error:
                # What it stands behind has left the stream: then from what is left on.
                if not after or error.response["Error"]["Code"] != "InvalidArgumentException":
                    raise
                return self._start(part.shard, by_time)

    def _start(self, shard: str, place: dict[str, Any]) -> str:
        said = self.client.get_shard_iterator(StreamARN=self.stream, ShardId=shard, **place)
        iterator: str = said["ShardIterator"]
        return iterator


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
