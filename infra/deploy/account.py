"""Who deploys, and where: printed before anything is done."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.aws import patience, told
from pipeline.errors import NotConfigured

if TYPE_CHECKING:
    import boto3


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks, as AWS knows them, and the region that is asked."""

    account: str
    arn: str
    region: str

    def __str__(self) -> str:
        return f"account {self.account}, region {self.region}, as {self.arn}"


def identity(session: "boto3.Session", region: str) -> Identity:
    """Ask AWS who we are. Raises NotConfigured when it does not know us, or is not reached."""
    client = session.client("sts", region_name=region, config=patience())
    with told("STS", "to find out who asks", failed=NotConfigured):
        said = client.get_caller_identity()
    return Identity(said["Account"], said["Arn"], region)
