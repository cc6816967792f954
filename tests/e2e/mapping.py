"""A function of its own behind an event source mapping, to see what the mapping does with failures.

The mapping is made with what the template's has: partial answers, halving, attempts, a bucket for
what is given up. The function does what the records say, and notes each invocation in a file.
"""

import json
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from tests.e2e.cloud import Cloud, until

NAME = "mapping-trial"
# "raise" fails for ever, "once" is reported the first time that it comes.
HANDLER = """
import base64, json, os
def handler(event, context):
    path = os.environ["NOTES"]
    seen = open(path).read() if os.path.exists(path) else ""
    stream = event["Records"][0]["eventSourceARN"].rpartition("/")[2]
    words = [base64.b64decode(each["kinesis"]["data"]).decode() for each in event["Records"]]
    again = []
    for word, each in zip(words, event["Records"]):
        if word.startswith("once") and f'"{word}"' not in seen:
            again.append({"itemIdentifier": each["kinesis"]["sequenceNumber"]})
    with open(path, "a") as notes:
        notes.write(json.dumps({"stream": stream, "words": words}) + chr(10))
    if "raise" in words:
        raise RuntimeError("as asked")
    return {"batchItemFailures": again[:1]}
"""


@dataclass(frozen=True)
class Trials:
    """The function on a target; `notes`: where it notes what it was given."""

    target: Cloud
    notes: Path

    @contextmanager
    def mapped(self, name: str, words: Sequence[str], attempts: int, halves: bool) -> Iterator[str]:
        """Records in a stream of their own, and the mapping that takes them; its id."""
        kinesis, client = self.target.client("kinesis"), self.target.client("lambda")
        kinesis.create_stream(StreamName=name, ShardCount=1)
        kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
        self.put(name, words)
        described = kinesis.describe_stream(StreamName=name)["StreamDescription"]
        bucket = self.target.outputs["QuarantineBucket"]
        found = client.create_event_source_mapping(
            EventSourceArn=described["StreamARN"],
            FunctionName=NAME,
            StartingPosition="TRIM_HORIZON",
            BatchSize=10,
            FunctionResponseTypes=["ReportBatchItemFailures"],
            BisectBatchOnFunctionError=halves,
            MaximumRetryAttempts=attempts,
            DestinationConfig={"OnFailure": {"Destination": f"arn:aws:s3:::{bucket}"}},
        )
        try:
            yield found["UUID"]
        finally:
            client.delete_event_source_mapping(UUID=found["UUID"])

    def put(self, name: str, words: Sequence[str]) -> None:
        """Put records to a stream in one call, so that they come together."""
        records: Any = [{"Data": word.encode(), "PartitionKey": "one"} for word in words]
        self.target.client("kinesis").put_records(StreamName=name, Records=records)

    def invocations(self, name: str) -> list[list[str]]:
        """What the function was given of a stream, each time."""
        lines = self.notes.read_text("utf-8").splitlines() if self.notes.exists() else []
        told = [json.loads(line) for line in lines]
        return [each["words"] for each in told if each["stream"] == name]

    def at_least(self, name: str, count: int) -> list[list[str]]:
        """Invocations, once there are so many."""
        return until(
            lambda: found if len(found := self.invocations(name)) >= count else None,
            f"{count} invocations of {name}",
            60,
        )

    def given_up(self, mapping: str) -> dict[str, Any] | None:
        """What the mapping wrote of a batch that it gave up; None for nothing."""
        found = self.target.objects("QuarantineBucket", f"aws/lambda/{mapping}/")
        told: dict[str, Any] | None = next((json.loads(each) for each in found.values()), None)
        return told


def made(target: Cloud, notes: Path) -> Trials:
    """Put the function on a target."""
    client = target.client("lambda")
    of_stack = client.get_function_configuration(FunctionName=target.outputs["FunctionName"])
    client.create_function(
        FunctionName=NAME,
        Runtime=of_stack["Runtime"],
        Handler="trial.handler",
        Role=of_stack["Role"],
        Code={"ZipFile": _zipped()},
        Environment={"Variables": {"NOTES": str(notes)}},
        Timeout=30,
    )
    client.get_waiter("function_active_v2").wait(FunctionName=NAME, WaiterConfig={"Delay": 1})
    return Trials(target, notes)


def _zipped() -> bytes:
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("trial.py", HANDLER)
    return content.getvalue()
