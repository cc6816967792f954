"""Why the last thing that was done with a stack failed, and what to do about it.

Source: AWS CloudFormation User Guide, "Stack status codes", "Monitor stack progress".
"""

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from infra.deploy.kept import NESTED
from infra.deploy.stages import Stage

FAILURES = frozenset({"CREATE_FAILED", "UPDATE_FAILED", "DELETE_FAILED"})
# The event with which an operation begins; events come newest first, of all operations.
BEGINNINGS = frozenset({"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"})
# Said of what was not even begun, because something else had failed.
CANCELLED = "cancelled"
NOTHING_MADE = "REVIEW_IN_PROGRESS"
# Only deleting leads out of these.
DEAD = frozenset({"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"})
HALF_BACK = "UPDATE_ROLLBACK_FAILED"


def reasons(client: Any, stack: str) -> list[str]:
    """What failed in the last operation on a stack, and in those nested in it, in order."""
    try:
        return list(dict.fromkeys(_reasons(client, stack, "")))
    except ClientError as error:
        return [f"the events of {stack} cannot be read: {error}"]


def stuck(status: str) -> bool:
    """Whether a stack in this state takes no deployment."""
    busy = status.endswith("_IN_PROGRESS") and status != NOTHING_MADE
    return busy or status in DEAD or status == HALF_BACK


def way_on(status: str, stage: Stage, region: str) -> str:
    """What to do with a stack in this state, after a deployment that failed."""
    again = f"make deploy STAGE={stage.name}"
    if status in DEAD:
        return f"mend that, then `make destroy STAGE={stage.name}` and `{again}`"
    if status == HALF_BACK:
        back = f"aws cloudformation continue-update-rollback --stack-name {stage.stack}"
        return f"mend that, then `{back} --region {region}` and, when that is done, `{again}`"
    if status == NOTHING_MADE:
        away = f"`make destroy STAGE={stage.name}` takes away the empty stack"
        return f"nothing was made: mend that, and `{again}`; {away}"
    if status.endswith("_IN_PROGRESS"):
        return f"wait until that is done, then `{again}`"
    return f"the stack is as it was before: mend that, and `{again}`"


def _reasons(client: Any, stack: str, path: str) -> Iterator[str]:
    for event in reversed(list(_last_operation(client, stack))):
        reason = event.get("ResourceStatusReason", "")
        own = event.get("PhysicalResourceId") == event.get("StackId", stack)
        if event.get("ResourceStatus") not in FAILURES or own or CANCELLED in reason:
            continue
        name = f"{path}{event['LogicalResourceId']}"
        inner = event.get("PhysicalResourceId") if event.get("ResourceType") == NESTED else ""
        within = list(_reasons(client, inner, f"{name}/")) if inner else []
        yield from within or [f"{name}: {reason}"]


def _last_operation(client: Any, stack: str) -> Iterator[Mapping[str, Any]]:
    for page in client.get_paginator("describe_stack_events").paginate(StackName=stack):
        for event in page["StackEvents"]:
            yield event
            own = event.get("PhysicalResourceId") == event.get("StackId")
            if own and event.get("ResourceStatus") in BEGINNINGS:
                return
