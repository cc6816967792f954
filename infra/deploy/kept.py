"""What stays when a stack is deleted: resources whose deletion policy says so.

Source: AWS CloudFormation Template Reference, "DeletionPolicy attribute".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.errors import TailraceError

KEEPS = frozenset({"Retain", "RetainExceptOnCreate", "Snapshot"})
NESTED = "AWS::CloudFormation::Stack"


@dataclass(frozen=True, slots=True)
class Kept:
    """A resource that stays: what it is called in AWS, and its type."""

    name: str
    type: str


def kept(client: Any, stack: str) -> list[Kept]:
    """What stays of a stack and of those nested in it, by type and name."""
    return sorted(_kept(client, stack), key=lambda each: (each.type, each.name))


def _kept(client: Any, stack: str) -> Iterator[Kept]:
    said = client.get_template(StackName=stack, TemplateStage="Processed")
    policies = _policies(said["TemplateBody"])
    for page in client.get_paginator("list_stack_resources").paginate(StackName=stack):
        for resource in page["StackResourceSummaries"]:
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
