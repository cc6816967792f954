"""What a deployment would change: a change set, read and deleted.

Source: AWS CloudFormation API Reference, "DescribeChangeSet", "ResourceChange".
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from infra.deploy.kept import NESTED
from infra.telling import table

HEAD = ("change", "resource", "type", "what of it")
# The most dangerous first; a resource that is replaced is first made anew, then deleted.
ORDER = ("removed", "replaced", "perhaps replaced", "modified", "added", "imported", "unknown")
ACTIONS = {"Add": "added", "Remove": "removed", "Import": "imported", "Dynamic": "unknown"}
REPLACEMENTS = {"True": "replaced", "Conditional": "perhaps replaced"}
# Where one goes, or is made anew, what it holds is lost, or no longer found.
HOLDING = frozenset(
    {
        "AWS::Glue::Database",
        "AWS::Glue::Table",
        "AWS::KMS::Key",
        "AWS::Kinesis::Stream",
        "AWS::KinesisFirehose::DeliveryStream",
        "AWS::Logs::LogGroup",
        "AWS::S3::Bucket",
        "AWS::SQS::Queue",
    }
)
CLOSED = "what is inside is not shown"


@dataclass(frozen=True, slots=True)
class Change:
    """One resource: its logical id behind those of the stacks it is nested in, and its type.

    kind   what becomes of it
    parts  which parts of it change
    """

    kind: str
    resource: str
    type: str
    parts: tuple[str, ...] = ()


def change_sets(client: Any, stack: str) -> dict[str, str]:
    """Change sets of a stack that nobody is deleting, names by id; none where it is not there."""
    try:
        pages = list(client.get_paginator("list_change_sets").paginate(StackName=stack))
    except ClientError as error:
        if is_missing(error):
            return {}
        raise
    return {
        found["ChangeSetId"]: found.get("ChangeSetName", "")
        for page in pages
        for found in page["Summaries"]
        if not found.get("Status", "").startswith("DELETE")
    }


def changes(client: Any, change_set: str) -> list[Change]:
    """The changes of a change set and of those nested in it, the most dangerous first.

    None where it failed for want of them.
    """
    return sorted(_changes(client, change_set, ""), key=_danger)


def new_stack(client: Any, stack: str) -> bool:
    """Whether there is nothing to a stack but its change sets."""
    (described,) = client.describe_stacks(StackName=stack)["Stacks"]
    return bool(described["StackStatus"] == "REVIEW_IN_PROGRESS")


def is_missing(error: ClientError) -> bool:
    """Whether CloudFormation says that there is no such stack, for which it has no code."""
    said = error.response.get("Error", {})
    return said.get("Code") == "ValidationError" and "does not exist" in said.get("Message", "")


def told(found: Sequence[Change]) -> str:
    """A table of changes with their sum, or that there are none."""
    if not found:
        return "no changes"
    rows = [(each.kind, each.resource, each.type, ", ".join(each.parts)) for each in found]
    return f"{table(HEAD, rows)}\n\n{', '.join(_sums(found))}"


def _sums(found: Sequence[Change]) -> Iterator[str]:
    for kind in ORDER:
        if number := sum(each.kind == kind for each in found):
            yield f"{number} {kind}"


def _danger(change: Change) -> tuple[bool, int, str]:
    lost = change.kind in ORDER[:3] and change.type in HOLDING
    return not lost, ORDER.index(change.kind), change.resource


def _changes(client: Any, change_set: str, path: str) -> Iterator[Change]:
    for page in client.get_paginator("describe_change_set").paginate(ChangeSetName=change_set):
        for each in page.get("Changes", []):
            if (said := each.get("ResourceChange")) is None:
                continue
            inner = said.get("ChangeSetId") if said["ResourceType"] == NESTED else None
            # That a nested stack is modified is said by what is modified in it.
            if not inner or said["Action"] != "Modify":
                yield _change(said, path)
            if inner:
                yield from _changes(client, inner, f"{path}{said['LogicalResourceId']}/")


def _change(said: Mapping[str, Any], path: str) -> Change:
    action = said["Action"]
    kind = ACTIONS.get(action) or REPLACEMENTS.get(said.get("Replacement", ""), "modified")
    targets = [detail.get("Target", {}) for detail in said.get("Details", [])]
    parts = {target.get("Name") or target.get("Attribute", "") for target in targets}
    if said["ResourceType"] == NESTED and action == "Modify":
        parts = {CLOSED}
    name = f"{path}{said['LogicalResourceId']}"
    return Change(kind, name, said["ResourceType"], tuple(sorted(filter(None, parts))))
