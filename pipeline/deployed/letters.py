"""Dead letters: notices of files that were tried in vain, where logs come as files.

Source: Amazon SQS API Reference, "GetQueueAttributes", "StartMessageMoveTask".
"""

from dataclasses import dataclass
from typing import Any

from pipeline.aws import told
from pipeline.deployed.stage import Deployed

COUNT, ARN = "ApproximateNumberOfMessages", "QueueArn"


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """A queue of dead letters, and how many it holds."""

    queue: str
    arn: str
    count: int

    @property
    def fix(self) -> str:
        """The command that has all of them tried again."""
        return f"aws sqs start-message-move-task --source-arn {self.arn}"


def dead_letters(sqs: Any, deployed: Deployed) -> DeadLetters | None:
    """The dead letters of a stack; None where its logs do not come as files.

    sqs  a client. Raises TailraceError where SQS does not say.
    """
    if deployed.outputs.get("LogRoute") != "s3":
        return None
    queue = f"{deployed.stack}-inbox-dead"
    with told("SQS", f"queue {queue}"):
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[COUNT, ARN])
    said = asked["Attributes"]
    return DeadLetters(queue, said[ARN], int(said[COUNT]))
