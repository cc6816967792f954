"""What a change set would do inside of nested stacks: one made anew that opens them.

SAM makes change sets that stop at a nested stack, and calls each of them modified.

Source: AWS CloudFormation User Guide, "Change sets for nested stacks".
"""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from infra.deploy.changes import Change, changes, new_stack
from infra.deploy.given import given
from infra.deploy.kept import NESTED, read_template
from infra.telling import say
from pipeline.errors import TailraceError

POLL = {"Delay": 5, "MaxAttempts": 120}
# A change set fails when there is nothing to change.
EMPTY = ("didn't contain changes", "No updates are to be performed")


def all_changes(
    client: Any, s3: Any, change_set: str, name: str, values: Mapping[str, str]
) -> list[Change]:
    """Changes of SAM's change set, and of the stacks nested in it where that can be known.

    client  of CloudFormation
    name    of the change set that is made for it, and deleted by who named it
    values  of all parameters
    """
    found = changes(client, change_set)
    if not any(each.type == NESTED for each in found):
        return found
    stack = client.describe_change_set(ChangeSetName=change_set)["StackId"]
    if new_stack(client, stack):
        say("note: the stack is new, and all that is inside of its nested stacks, too")
        return found
    try:
        inside = opened(client, s3, change_set, name, values)
    except TailraceError as error:
        say(f"note: CloudFormation does not say what changes inside of nested stacks: {error.what}")
        return found
    say("note: what takes a value from another stack is said to change, even if it will not")
    return changes(client, inside) if inside else []


def opened(client: Any, s3: Any, change_set: str, name: str, values: Mapping[str, str]) -> str:
    """Id of a change set like this one, with the stacks nested in it; "" where nothing changes.

    Raises TailraceError when CloudFormation makes none: it cannot where a nested stack works with
    a value that is not known before another one is changed.
    """
    said = client.describe_change_set(ChangeSetName=change_set)
    found = ""
    try:
        made = client.create_change_set(
            StackName=said["StackId"],
            ChangeSetName=name,
            ChangeSetType="UPDATE",
            IncludeNestedStacks=True,
            **given(_template(client, change_set), said["StackName"], client, s3),
            Capabilities=said.get("Capabilities", []),
            Tags=said.get("Tags", []),
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in values.items()],
        )
        found = made["Id"]
        waiter = client.get_waiter("change_set_create_complete")
        waiter.wait(ChangeSetName=found, WaiterConfig=POLL)
    except ClientError as error:
        raise TailraceError(str(error)) from error
    except WaiterError as error:
        reason = _reason(client, found) or str(error)
        if any(each in reason for each in EMPTY):
            return ""
        raise TailraceError(reason) from error
    return str(found)


def _reason(client: Any, change_set: str) -> str:
    try:
        return str(client.describe_change_set(ChangeSetName=change_set).get("StatusReason", ""))
    except ClientError:
        # Of it and of why it was waited for in vain the latter is told.
        return ""


def _template(client: Any, change_set: str) -> str:
    """The template of a change set as it was packaged, as short as it goes."""
    said = client.get_template(ChangeSetName=change_set, TemplateStage="Original")
    body = said["TemplateBody"]
    template = read_template(body) if isinstance(body, str) else body
    return json.dumps(template, separators=(",", ":"))
