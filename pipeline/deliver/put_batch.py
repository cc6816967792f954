"""PutRecordBatch, again for what Firehose did not take.

Firehose says on HTTP 200 that entries failed, in the order of the request, and no client of AWS
sends them again. An entry has arrived when its place in the answer holds an id and no error; an
answer in which places are missing says nothing of any of them, so all go again.

Source: Amazon Data Firehose API Reference, "PutRecordBatch".
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.deliver.answers import CODE_LENGTH, Refused, answer_of
from pipeline.deliver.attempts import Attempts

if TYPE_CHECKING:
    from mypy_boto3_firehose import FirehoseClient

UNKNOWN = "an answer that does not say what was taken"


@dataclass(slots=True)
class Batch:
    """Records of one call to a delivery stream; `left` is what has not arrived yet."""

    client: "FirehoseClient"
    stream: str
    left: list[bytes]

    def put(self, attempts: Attempts) -> None:
        """Send them until all have arrived; some may arrive twice, where an answer was lost.

        Raises DeliveryError when that is not to be had.
        """
        attempts.until_taken(self.attempt, f"Firehose {self.stream}")

    def attempt(self) -> Refused | None:
        """Send what is left, once."""
        entries: Any = [{"Data": each} for each in self.left]
        answer = answer_of(
            lambda: self.client.put_record_batch(DeliveryStreamName=self.stream, Records=entries)
        )
        count = len(self.left)
        if isinstance(answer, Refused):
            return Refused(f"{answer.code}, {count} of {count} records", answer.fix)
        failed = failures(answer, count)
        if not failed:
            return None
        self.left = [self.left[place] for place in failed]
        codes = ", ".join(code for code, _ in Counter(failed.values()).most_common(3))
        return Refused(f"{codes}, {len(failed)} of {count} records")


def failures(answer: Mapping[str, Any], count: int) -> dict[int, str]:
    """Places of the entries that did not arrive, out of `count`, and why."""
    entries: Any = answer.get("RequestResponses")
    everything = dict.fromkeys(range(count), UNKNOWN)
    if not isinstance(entries, Sequence) or len(entries) != count:
        return everything
    if not all(isinstance(entry, Mapping) for entry in entries):
        return everything
    failed = {place: _code(each) for place, each in enumerate(entries) if not _arrived(each)}
    told = answer.get("FailedPutCount")
    # It counts more than it names: which ones is not known.
    if isinstance(told, int) and told > len(failed):
        return everything
    return failed


def _arrived(entry: Mapping[str, Any]) -> bool:
    return bool(entry.get("RecordId")) and not entry.get("ErrorCode")


def _code(entry: Mapping[str, Any]) -> str:
    return str(entry.get("ErrorCode") or "no id")[:CODE_LENGTH]
