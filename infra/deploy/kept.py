"""What stays when a stack is deleted: resources whose deletion policy says so, and SAM's uploads.

Source: AWS CloudFormation Template Reference, "DeletionPolicy attribute".
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from pipeline.errors import TailraceError

KEEPS = frozenset({"Retain", "RetainExceptOnCreate", "Snapshot"})
NESTED = "AWS::CloudFormation::Stack"
BUCKET, KEY, UPLOADS = "AWS::S3::Bucket", "AWS::KMS::Key", "uploads of SAM"
# The stack in which SAM keeps its bucket, one for all that it deploys in a region.
OF_SAM = "aws-sam-cli-managed-default"


@dataclass(frozen=True, slots=True)
class Kept:
    """What stays: what it is called in AWS, and its type."""

    name: str
    type: str


def kept(client: Any, stack: str) -> list[Kept]:
    """What stays of a stack and of those nested in it, by type and name."""
    return sorted(_kept(client, stack), key=lambda each: (each.type, each.name))


def sam_bucket(client: Any) -> str:
    """The bucket that SAM uploads to; "" where there is none, or nobody may know."""
    try:
        (described,) = client.describe_stacks(StackName=OF_SAM)["Stacks"]
    except ClientError:
        return ""
    outputs = {each["OutputKey"]: each["OutputValue"] for each in described.get("Outputs", [])}
    return str(outputs.get("SourceBucket", ""))


def commands(staying: Sequence[Kept], region: str) -> list[str]:
    """Commands that delete what stays, keys last: without them nothing in the buckets is read."""
    order = (UPLOADS, BUCKET, KEY)
    known = sorted(
        (each for each in staying if each.type in order), key=lambda e: order.index(e.type)
    )
    return [_command(each, region) for each in known]


def _command(what: Kept, region: str) -> str:
    if what.type == KEY:
        words = f"--key-id {what.name} --pending-window-in-days 30 --region {region}"
        return f"aws kms schedule-key-deletion {words}"
    # Versions too, for which the AWS CLI has no command.
    bucket, _, prefix = what.name.partition("/")
    of = f"b.object_versions.filter(Prefix='{prefix}')" if prefix else "b.object_versions"
    after = "" if prefix else "; b.delete()"
    made = f"b = boto3.resource('s3', region_name='{region}').Bucket('{bucket}')"
    return f'.venv/bin/python -c "import boto3; {made}; {of}.delete(){after}"'


def _kept(client: Any, stack: str) -> Iterator[Kept]:
    said = client.get_template(StackName=stack, TemplateStage="Processed")
    policies = _policies(said["TemplateBody"])
    for page in client.get_paginator("list_stack_resources").paginate(StackName=stack):
        for resource in page["StackResourceSummaries"]:
            if resource.get("ResourceStatus") == "DELETE_COMPLETE":
                continue
            name = resource.get("PhysicalResourceId", "")
            if policies.get(resource["LogicalResourceId"]) in KEEPS and name:
                yield Kept(name, resource["ResourceType"])
            elif resource["ResourceType"] == NESTED and name:
                yield from _kept(client, name)


def _policies(body: Any) -> Mapping[str, str]:
    """Deletion policies by logical id; botocore reads a body of JSON, but none of YAML."""
    resources = (read_template(body) if isinstance(body, str) else body).get("Resources", {})
    return {name: str(each.get("DeletionPolicy", "Delete")) for name, each in resources.items()}


def read_template(body: str) -> Mapping[str, Any]:
    """A template, as JSON or YAML. Raises TailraceError for what is none."""
    from cfnlint.decode import decode_str  # type: ignore[import-untyped]

    template: Mapping[str, Any] | None
    template, problems = decode_str(body)
    if template is None:
        raise TailraceError("a template cannot be read", str(problems))
    return template
