"""The change sets that a comparison makes: told from those of others, and deleted.

SAM calls each of its own by the second in which it made it, and says which only when it is done.

Sources: AWS CloudFormation API Reference, "DeleteChangeSet" (refused while it is being made);
aws-sam-cli, `samcli.lib.deploy.deployer.Deployer` (held to it by a test).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from infra.deploy.changes import change_sets, new_stack
from infra.deploy.nested import POLL
from infra.telling import say
from pipeline.errors import TailraceError

OF_SAM = re.compile("samcli-deploy([0-9]+)")
BEING_MADE = frozenset({"CREATE_PENDING", "CREATE_IN_PROGRESS"})
SILENT = (ClientError, BotoCoreError)


@dataclass(frozen=True, slots=True)
class Ours:
    """What is made of change sets of a stack since a moment.

    before  those that were there
    name    of the one that we make ourselves
    """

    client: Any
    stack: str
    began: datetime
    before: frozenset[str]
    name: str

    @classmethod
    def since(cls, client: Any, stack: str, now: datetime) -> "Ours":
        """Nothing yet."""
        before = frozenset(change_sets(client, stack))
        return cls(client, stack, now, before, f"tailrace-diff-{now:%Y%m%d%H%M%S}")

    def of_sam(self) -> str:
        """Id of the one that SAM has made; "" where it has made none.

        Raises TailraceError where somebody else has made one with it meanwhile.
        """
        found = self._of_sam(change_sets(self.client, self.stack))
        if len(found) > 1:
            what = f"somebody else had SAM make a change set of {self.stack} at the same time"
            raise TailraceError(what, "which of them is ours nobody can tell", "run it again")
        return found[0] if found else ""

    def take_away(self) -> None:
        """Delete them, and the stack if there is nothing to it; say what stays, and raise nothing.

        It follows what may have failed, and must not stand in the place of that.
        """
        try:
            there = change_sets(self.client, self.stack)
        except SILENT as error:
            again = self._command("list-change-sets", f"--stack-name {self.stack}")
            say(f"note: what was made for this may stay, see {again}: {error}")
            return
        of_sam = self._of_sam(there)
        ours = [one for one, name in there.items() if name == self.name]
        if len(of_sam) > 1:
            say("note: one of these was made for this, and stays:")
            say("\n".join(f"  {self._deletes(one)}" for one in of_sam))
        else:
            ours += of_sam
        for at, one in enumerate(ours):
            try:
                self._delete(one)
            except SILENT as error:
                say(f"note: a change set stays, delete it by {self._deletes(one)}: {error}")
            except KeyboardInterrupt:
                say("note: these change sets stay, delete them by:")
                say("\n".join(f"  {self._deletes(each)}" for each in ours[at:]))
                return
        self._take_stack_away()

    def _of_sam(self, there: Mapping[str, str]) -> list[str]:
        return [
            one
            for one, name in sorted(there.items())
            if one not in self.before
            and (found := OF_SAM.fullmatch(name))
            and int(found[1]) >= int(self.began.timestamp())
        ]

    def _delete(self, one: str) -> None:
        status = self.client.describe_change_set(ChangeSetName=one)["Status"]
        if status in BEING_MADE:
            say(f"waiting until a change set is made, to delete it; else {self._deletes(one)}")
            try:
                waiter = self.client.get_waiter("change_set_create_complete")
                waiter.wait(ChangeSetName=one, WaiterConfig=POLL)
            except WaiterError:
                # It has failed, which is an end too, or takes longer: then deleting is refused.
                pass
        self.client.delete_change_set(ChangeSetName=one)

    def _take_stack_away(self) -> None:
        """Delete a stack that has nothing, not even a change set of somebody else."""
        try:
            if change_sets(self.client, self.stack):
                return
            if new_stack(self.client, self.stack):
                self.client.delete_stack(StackName=self.stack)
        except SILENT as error:
            command = self._command("delete-stack", f"--stack-name {self.stack}")
            say(f"note: if {self.stack} is empty it stays, delete it by {command}: {error}")

    def _deletes(self, one: str) -> str:
        return self._command("delete-change-set", f"--change-set-name {one}")

    def _command(self, what: str, words: str) -> str:
        return f"`aws cloudformation {what} {words} --region {self.client.meta.region_name}`"
