"""What a stage is called in AWS, and what its stack says of itself.

    stage S: stack tailrace-S, Glue's database tailrace_S, Athena's workgroup tailrace-S, Firehose's
    streams tailrace-S-<table>; the names of buckets are the stack's outputs.

Source: AWS CloudFormation API Reference, "DescribeStacks".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pipeline import aws
from pipeline.aws import told
from pipeline.errors import NotConfigured, UsageError
from pipeline.queries.engines.athena import STAGE

if TYPE_CHECKING:
    import boto3

LAKE, QUARANTINE, LAMBDA_RECORDS, ERRORS = "lake", "quarantine", "aws/lambda", "errors"
WHOLE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")


@dataclass(frozen=True, slots=True)
class Deployed:
    """The stack of a stage; outputs and parameters by name.

    changed  when it was made, or changed last
    """

    stage: str
    region: str
    status: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]
    changed: datetime | None = None

    @property
    def stack(self) -> str:
        """Name of the stack."""
        return stack_of(self.stage)

    @property
    def lake_bucket(self) -> str:
        """Bucket of the lake. Raises NotConfigured as `output` does."""
        return self.output("LakeBucket")

    @property
    def quarantine_bucket(self) -> str:
        """Bucket of the quarantine. Raises NotConfigured as `output` does."""
        return self.output("QuarantineBucket")

    def output(self, name: str) -> str:
        """An output of the stack.

        Raises NotConfigured where it has none of this name.
        """
        if name not in self.outputs:
            raise NotConfigured(
                f"the stack {self.stack} has no output {name}",
                f"it is {self.status}",
                f"deploy it anew: make deploy STAGE={self.stage}",
            )
        return self.outputs[name]

    def stream(self, table: str) -> str:
        """Firehose's stream of a table."""
        return f"{self.stack}-{table}"

    def number(self, name: str, otherwise: int) -> int:
        """A parameter of the stack that is a whole number."""
        text = self.parameters.get(name, "")
        return int(text) if text.isascii() and text.isdigit() else otherwise


def stack_of(stage: str) -> str:
    """Name of the stack of a stage. Raises UsageError where it cannot be a stage."""
    if not STAGE.fullmatch(stage):
        raise UsageError(f"not a stage: {stage!r}", "", "write it like staging or production")
    return f"tailrace-{stage}"


def find(session: "boto3.Session", stage: str) -> Deployed:
    """The stack of a stage.

    Raises UsageError where it cannot be a stage, NotConfigured where there is no stack or nobody
    is known to AWS, TailraceError where CloudFormation does not say.
    """
    from botocore.exceptions import ClientError

    name = stack_of(stage)
    with told("CloudFormation", f"stack {name}"):
        client = session.client("cloudformation", config=aws.patience())
        try:
            found = client.describe_stacks(StackName=name)["Stacks"][0]
        except ClientError as error:
            said = error.response["Error"]
            if said["Code"] != "ValidationError" or "does not exist" not in said["Message"]:
                raise
            raise NotConfigured(
                f"there is no stack {name} in {session.region_name}",
                "",
                f"deploy it: make deploy STAGE={stage}; or name another stage, profile or region",
            ) from error
    outputs = {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}
    given = found.get("Parameters", [])
    parameters = {each["ParameterKey"]: each.get("ParameterValue", "") for each in given}
    changed = found.get("LastUpdatedTime") or found["CreationTime"]
    status = found["StackStatus"]
    return Deployed(stage, session.region_name, status, outputs, parameters, changed)
