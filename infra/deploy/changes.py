"""What a deployment would change: a change set, read and deleted.

Source: AWS CloudFormation API Reference, "DescribeChangeSet", "ResourceChange".
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from infra.telling import table

HEAD = ("change", "resource", "type", "what of it")
# The most dangerous first; a resource that is replaced is first made anew, then deleted.
ORDER = ("removed", "replaced", "perhaps replaced", "modified", "added", "imported", "unknown")
ACTIONS = {"Add": "added", "Remove": "removed", "Import": "imported", "Dynamic": "unknown"}
REPLACEMENTS = {"True": "replaced", "Conditional": "perhaps replaced"}


@dataclass(frozen=True, slots=True)
class Change:
    """One resource: its logical id and type, what becomes of it, and which parts of it."""

    kind: str
    resource: str
    type: str
    parts: tuple[str, ...] = ()


def change_sets(client: Any, stack: str) -> set[str]:
    """Ids of the change sets of a stack; none where there is no such stack."""
    try:
        pages = list(client.get_paginator("list_change_sets").paginate(StackName=stack))
    except ClientError as error:
        if is_missing(error):
            return set()
        raise
    return {found["ChangeSetId"] for page in pages for found in page["Summaries"]}


def changes(client: Any, change_set: str) -> list[Change]:
    """The changes of a change set, the most dangerous first; none where it failed for want."""
    pages = client.get_paginator("describe_change_set").paginate(ChangeSetName=change_set)
    found = [
        _change(said["ResourceChange"])
        for page in pages
        for said in page.get("Changes", [])
        if "ResourceChange" in said
    ]
    return sorted(found, key=lambda each: (ORDER.index(each.kind), each.resource))


def delete(client: Any, change_set: str, stack: str) -> None:
    """Delete a change set, and the stack if there is nothing to it but the change set."""
    client.delete_change_set(ChangeSetName=change_set)
    try:
        (described,) = client.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if is_missing(error):
            return
        raise
    if described["StackStatus"] == "REVIEW_IN_PROGRESS":
        client.delete_stack(StackName=stack)


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


def _change(said: Mapping[str, Any]) -> Change:
    action = said["Action"]
    kind = ACTIONS.get(action) or REPLACEMENTS.get(said.get("Replacement", ""), "modified")
    targets = [detail.get("Target", {}) for detail in said.get("Details", [])]
    parts = {target.get("Name") or target.get("Attribute", "") for target in targets}
    return Change(
        kind, said["LogicalResourceId"], said["ResourceType"], tuple(sorted(filter(None, parts)))
    )
