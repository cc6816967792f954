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
class Place:
    """How far a slice is read.

    after  sequence number of the last record that was looked at; "" for none
    at_ms  nothing behind that one has arrived before; 0 where nobody knows
    """

    after: str = ""
    at_ms: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """Records in their order, which may be none, and the place behind them."""

    records: list[dict[str, Any]]
    place: Place


@dataclass(frozen=True)
class Shards:
    """The shards of a stream; `clock`: the time, aware."""

    client: Any
    stream: str
    sleep: Callable[[float], None]
    clock: Callable[[], datetime]

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

    def pages(self, part: Slice, place: Place) -> Iterator[Page]:
        """The records of a slice, from a place on; empty pages as well, of which a shard that is
        quiet has many.

        Raises TailraceError where Kinesis does not answer.
        """
        iterator = self._iterator(part, place)
        while iterator:
            said = self._get(part.shard, iterator)
            records, iterator = said["Records"], said.get("NextShardIterator", "")
            behind_ms = said.get("MillisBehindLatest", 0)
            # From a time on, what was looked at comes again.
            fresh = [each for each in records if _is_behind(each, place.after)]
            if fresh:
                place = Place(fresh[-1]["SequenceNumber"])
            elif not records:
                place = Place(place.after, max(place.at_ms, _ms(self.clock()) - behind_ms))
            yield Page([each for each in fresh if _is_in(part, each)], place)
            if _is_over(part, records, place) or not (records or behind_ms):
                return
            size = sum(len(each["Data"]) for each in records)
            self.sleep(max(size / BYTES_A_SECOND, LEAST_S))

    def record(self, shard: str, sequence: str) -> list[dict[str, Any]]:
        """The record that has a sequence number; none where it has left the stream.

        Raises TailraceError where Kinesis does not answer.
        """
        at = {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": sequence}
        iterator = self._start(shard, at)
        found = self._get(shard, iterator, Limit=1)["Records"] if iterator else []
        return [each for each in found if each["SequenceNumber"] == sequence]

    def _get(self, shard: str, iterator: str, **more: int) -> Any:
        with told("Kinesis", f"{shard} of {self.stream}"):
            return self.client.get_records(StreamARN=self.stream, ShardIterator=iterator, **more)

    def _iterator(self, part: Slice, place: Place) -> str:
        at = datetime.fromtimestamp((max(part.from_ms, place.at_ms) - LEEWAY_MS) / 1000, UTC)
        by_time = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": at}
        if not place.after or place.at_ms:
            return self._start(part.shard, by_time)
        behind = {
            "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
            "StartingSequenceNumber": place.after,
        }
        # What it stands behind may have left the stream: then from what is left on.
        return self._start(part.shard, behind) or self._start(part.shard, by_time)

    def _start(self, shard: str, place: dict[str, Any]) -> str:
        """An iterator; "" where the record that it is about has left the stream."""
        from botocore.exceptions import ClientError

        with told("Kinesis", f"{shard} of {self.stream}"):
            try:
                said = self.client.get_shard_iterator(StreamARN=self.stream, ShardId=shard, **place)
            except ClientError as error:
                gone = error.response["Error"]["Code"] == "InvalidArgumentException"
                if gone and "StartingSequenceNumber" in place:
                    return ""
                raise
        iterator: str = said["ShardIterator"]
        return iterator


def _is_behind(record: dict[str, Any], sequence: str) -> bool:
    # They differ in length.
    return not sequence or int(record["SequenceNumber"]) > int(sequence)


def _is_in(part: Slice, record: dict[str, Any]) -> bool:
    return part.from_ms <= _ms(record["ApproximateArrivalTimestamp"]) < part.to_ms


def _is_over(part: Slice, records: list[dict[str, Any]], place: Place) -> bool:
    """Whether what comes now is behind the slice: by its records, or where there are none."""
    times = [_ms(each["ApproximateArrivalTimestamp"]) for each in records]
    return min(times, default=place.at_ms) >= part.to_ms + LEEWAY_MS


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
