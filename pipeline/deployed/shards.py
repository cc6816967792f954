"""Records of a shard once more, as an event source mapping would bring them.

Source: Amazon Kinesis Data Streams API Reference, "GetShardIterator", "GetRecords".
"""

from dataclasses import dataclass
from typing import Any

from pipeline.aws import told
from pipeline.invoke.events import of_records

GONE = ("InvalidArgumentException", "ResourceNotFoundException")
MOST_CALLS = 10_000


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch of a shard that failed, by the sequence numbers of its ends; `size`: its records."""

    stream_arn: str
    shard: str
    first: int
    last: int
    size: int

    @classmethod
    def of(cls, said: Any) -> "Batch | None":
        """What `KinesisBatchInfo` says; None where it says too little."""
        try:
            first, last = (int(said[f"{end}SequenceNumber"]) for end in ("start", "end"))
            return cls(said["streamArn"], said["shardId"], first, last, int(said["batchSize"]))
        except (TypeError, KeyError, ValueError):
            return None


def event_of(client: Any, batch: Batch) -> tuple[dict[str, Any] | None, str]:
    """The event with what the stream still has of a batch, and what is lost; no event for nothing.

    Raises TailraceError where Kinesis does not answer.
    """
    found = _records(client, batch)
    missing = batch.size - len(found)
    lost = ""
    if missing > 0:
        lost = f"{missing} of {batch.size} records of {batch.shard}: the stream has them no more"
    return of_records(batch.stream_arn, batch.shard, found) if found else None, lost


def _records(client: Any, batch: Batch) -> list[dict[str, Any]]:
    from botocore.exceptions import ClientError

    found: list[dict[str, Any]] = []
    with told("Kinesis", f"{batch.shard} of {batch.stream_arn}"):
        try:
            iterator = client.get_shard_iterator(
                StreamARN=batch.stream_arn,
                ShardId=batch.shard,
                ShardIteratorType="AT_SEQUENCE_NUMBER",
                StartingSequenceNumber=str(batch.first),
            )["ShardIterator"]
        except ClientError as error:
            if error.response["Error"]["Code"] in GONE:
                return []
            raise
        for _ in range(MOST_CALLS):
            answer = client.get_records(StreamARN=batch.stream_arn, ShardIterator=iterator)
            numbers = [int(each["SequenceNumber"]) for each in answer["Records"]]
            mine = zip(numbers, answer["Records"], strict=True)
            found += [each for number, each in mine if batch.first <= number <= batch.last]
            iterator = answer.get("NextShardIterator", "")
            behind = answer.get("MillisBehindLatest", 0)
            if not iterator or (numbers and numbers[-1] >= batch.last) or not behind:
                break
    return found
