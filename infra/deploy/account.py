"""Who deploys, and where: printed before anything is done, and refused where it is not AWS.

Source: AWS SDKs and Tools Reference Guide, "Service-specific endpoints".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from infra.surroundings import ENDPOINT, endpoint_overrides
from pipeline.aws import patience, told
from pipeline.errors import NotConfigured, UsageError

if TYPE_CHECKING:
    import boto3

AWS = "aws"
EMULATORS = ("ministack", "localstack")
TARGETS = (AWS, *EMULATORS)
# Domains of AWS's endpoints in all partitions; the last one serves both IP versions.
DOMAINS = (".amazonaws.com", ".amazonaws.com.cn", ".c2s.ic.gov", ".sc2s.sgov.gov", ".api.aws")


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


def hold_to(target: str, session: "boto3.Session") -> None:
    """Refuse to go on when requests would go elsewhere than to the target that was named.

    Raises UsageError: an endpoint that is not AWS's with the target AWS, or none with another.
    """
    elsewhere = {name: url for name, url in overrides(session) if not is_aws(url)}
    if target == AWS and elsewhere:
        named = "\n  ".join(f"{name} = {url}" for name, url in elsewhere.items())
        fix = f"unset it, or name the emulator: TARGET={EMULATORS[0]}"
        raise UsageError("requests would not go to AWS", named, fix)
    if target != AWS and not elsewhere:
        fix = f"set {ENDPOINT} to the emulator's address"
        raise UsageError(f"requests would go to AWS, not to {target}", "", fix)


def overrides(session: "boto3.Session") -> Iterator[tuple[str, str]]:
    """Endpoints that the environment or the profile sets, with the place where it does."""
    yield from endpoint_overrides().items()
    core = session._session  # boto3 has no other way to its profile
    profile = core.get_scoped_config()
    if url := profile.get("endpoint_url"):
        yield "endpoint_url of the profile", str(url)
    if name := profile.get("services"):
        yield from _of_services(f"services {name}", core.full_config.get("services", {}).get(name))


def is_aws(url: str) -> bool:
    """Whether an address is one of AWS's own, over TLS."""
    parts = urlsplit(url)
    return parts.scheme == "https" and (parts.hostname or "").endswith(DOMAINS)


def _of_services(place: str, section: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    for service, said in (section or {}).items():
        if isinstance(said, Mapping) and said.get("endpoint_url"):
            yield f"{service} of [{place}]", str(said["endpoint_url"])
