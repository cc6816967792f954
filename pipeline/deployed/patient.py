"""A stack that is looked at: who asks it, when, and what is declared to come in."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipeline import aws
from pipeline.deployed.asking import Asking
from pipeline.deployed.stage import Deployed

if TYPE_CHECKING:
    import boto3

# What fails for so long is not well; a stack that was changed since gets this time.
GRACE = timedelta(hours=1)
# The template's SilenceHours where a stack of an older one has none.
SILENCE_HOURS = 1
# Services refuse to tell of a time that ends before it begins.
LEAST = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Patient:
    """A stack, who asks it, and when."""

    deployed: Deployed
    session: "boto3.Session"
    asking: Asking
    now: datetime

    @property
    def deploy(self) -> str:
        """How it is made as it is declared."""
        return f"make deploy STAGE={self.deployed.stage}"

    @property
    def logs(self) -> str:
        """How one sees what its functions say."""
        return f"make logs STAGE={self.deployed.stage}"

    @property
    def is_young(self) -> bool:
        """Whether it was made or changed so lately that alarms of before may say nothing of it."""
        return self._changed_within(GRACE)

    @property
    def silence(self) -> timedelta:
        """After what time it is not well that nothing comes; none: whenever that may be."""
        return timedelta(hours=self.deployed.number("SilenceHours", SILENCE_HOURS))

    @property
    def may_be_silent(self) -> bool:
        """Whether silence says nothing: not yet, or not at all."""
        return not self.silence or self._changed_within(self.silence)

    @property
    def since(self) -> datetime:
        """From when on what happened tells of the stack as it is now."""
        begin, lately = self.now - GRACE, self.now - LEAST
        # By a clock of ours that is slow it was changed later than now.
        return max(begin, min(self.deployed.changed or begin, lately))

    @property
    def groups(self) -> list[str]:
        """Log groups that are declared to come in, that of the stack's own flow log first."""
        given = self.deployed.parameters
        if self.deployed.outputs.get("LogRoute") == "s3":
            return []
        own = [f"/vpc-flow/{self.deployed.stack}"] if self.vpc else []
        # CloudFormation takes blanks off members of a list, and keeps the text as it was given.
        listed = (each.strip() for each in given.get("LogGroups", "").split(","))
        return own + [each for each in listed if each]

    @property
    def vpc(self) -> str:
        """The VPC whose flow log the stack makes; "" for none."""
        return self.deployed.parameters.get("FlowLogVpcId", "")

    @property
    def expects(self) -> bool:
        """Whether anything is declared to come in."""
        return bool(self.groups or self.vpc)

    def _changed_within(self, time: timedelta) -> bool:
        changed = self.deployed.changed
        return changed is not None and changed > self.now - time

    def client(self, service: str) -> Any:
        """A client of a service."""
        make: Callable[..., Any] = self.session.client
        return make(service, config=aws.patience())
