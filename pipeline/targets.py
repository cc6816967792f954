"""Targets: AWS, or an emulator in its place. Which one requests would go to, before any is sent.

boto3 takes an address from the environment or the profile, of all services or of one, and says of
none: requests then go to two places at once, and what one does not know is asked of the other. An
emulator is known by what it says of itself, since each answers on the other's paths.

Source: AWS SDKs and Tools Reference Guide, "Service-specific endpoints".
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pipeline.errors import NotConfigured, UsageError
from pipeline.settings import ENDPOINT, aws_endpoints

if TYPE_CHECKING:
    import boto3

AWS, MINISTACK, LOCALSTACK = "aws", "ministack", "localstack"
EMULATORS = (MINISTACK, LOCALSTACK)
TARGETS = (AWS, *EMULATORS)
# Domains of AWS's endpoints in all partitions; the last one serves both IP versions.
DOMAINS = (".amazonaws.com", ".amazonaws.com.cn", ".c2s.ic.gov", ".sc2s.sgov.gov", ".api.aws")
PROFILE = "endpoint_url of the profile"
# Addresses of all services, where the others are of one.
OF_ALL = (ENDPOINT, PROFILE)
HEALTH = "/_localstack/health"
# What MiniStack calls itself there; LocalStack says community, pro or, without Docker, unknown.
LIGHT = "light"
LOOPBACK = ("localhost", "localhost.localstack.cloud", "::1")


@dataclass(frozen=True, slots=True)
class Answered:
    """An emulator, as it calls itself."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def address(target: str, session: "boto3.Session") -> str:
    """The one address that all requests of a session go to; "" for AWS's own.

    target  the one that was named, "" where none was: then the addresses tell

    Raises UsageError where they go elsewhere than to the target, or to several places.
    """
    found = list(overrides(session))
    if wrong := [(place, url) for place, url in found if not is_address(url)]:
        fix = "write it as http://localhost:4566, or unset it"
        raise UsageError("that is no address", _listed(wrong), fix)
    elsewhere = [(place, url) for place, url in found if not is_aws(url)]
    if target == AWS and elsewhere:
        fix = f"unset it, or name the emulator: TARGET={EMULATORS[0]}"
        raise UsageError("requests would not go to AWS", _listed(elsewhere), fix)
    if not elsewhere:
        return ""
    if len({_same(url) for _, url in found}) > 1:
        fix = f"unset all but {ENDPOINT}, or make them the same"
        raise UsageError("requests would go to several places", _listed(found), fix)
    if not any(place in OF_ALL for place, _ in elsewhere):
        rest = [*elsewhere, ("all others", "AWS")]
        fix = f"unset it, or set {ENDPOINT} to the same address"
        raise UsageError("requests would go to several places", _listed(rest), fix)
    return elsewhere[0][1]


def hold_to(target: str, session: "boto3.Session") -> None:
    """Refuse to go on when requests would go elsewhere than to the target that was named.

    For commands that run others, which know of no targets. Raises UsageError as `address` does,
    and where an emulator was named and nothing says where it is.
    """
    if not address(target, session) and target != AWS:
        fix = f"set {ENDPOINT} to the emulator's address"
        raise UsageError(f"requests would go to AWS, not to {target}", "", fix)


def overrides(session: "boto3.Session") -> Iterator[tuple[str, str]]:
    """Endpoints that the environment or the profile sets, with the place where it does."""
    core: Any = session._session  # boto3 has no other way to its profile
    if core.get_config_variable("ignore_configured_endpoint_urls"):
        return
    yield from aws_endpoints().items()
    profile = core.get_scoped_config()
    if url := profile.get("endpoint_url"):
        yield PROFILE, str(url)
    if name := profile.get("services"):
        yield from _of_services(f"services {name}", core.full_config.get("services", {}).get(name))


def is_address(url: str) -> bool:
    """Whether requests could go there: with localhost:4566 boto3 takes "localhost" for a scheme."""
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def is_aws(url: str) -> bool:
    """Whether an address is one of AWS's own, over TLS."""
    parts = urlsplit(url)
    return parts.scheme == "https" and (parts.hostname or "").endswith(DOMAINS)


def identify(url: str, timeout_s: float = 2) -> Answered | None:
    """The emulator that answers at an address; None for nothing, and for one that is ending."""
    import json
    import urllib.request

    if urlsplit(url).scheme not in ("http", "https"):
        return None
    asked = urllib.request.Request(f"{url.rstrip('/')}{HEALTH}")  # noqa: S310 - as just looked
    try:
        with urllib.request.urlopen(asked, timeout=timeout_s) as answer:  # noqa: S310 - the same
            said = json.load(answer)
    except (OSError, ValueError):
        return None
    if not isinstance(said, Mapping) or not said.get("version"):
        return None
    services = said.get("services")
    if isinstance(services, Mapping) and set(services.values()) == {"stopped"}:
        return None
    name = MINISTACK if said.get("edition") == LIGHT else LOCALSTACK
    return Answered(name, str(said["version"]))


def check_identity(target: str, url: str) -> Answered:
    """The emulator at an address, which is the one that was named.

    Raises NotConfigured where none answers, UsageError where another one does.
    """
    found = identify(url)
    start = f"make local-up TARGET={target}"
    if found is None:
        fix = f"start it with the stack on it: {start}; elsewhere: set {ENDPOINT}"
        raise NotConfigured(f"{target} does not answer", f"at {url}", fix)
    if found.name != target:
        fix = f"name it: --target {found.name}; or make local-down TARGET={found.name}, {start}"
        raise UsageError(f"that is {found}, not {target}", f"at {url}", fix)
    return found


def _listed(places: Sequence[tuple[str, str]]) -> str:
    return "\n  ".join(f"{place} = {url}" for place, url in places)


def _same(url: str) -> tuple[str, str, int | None]:
    """An address, whatever name of this machine it was written with."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return parts.scheme, "127.0.0.1" if host in LOOPBACK else host, parts.port


def _of_services(place: str, section: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    for service, said in (section or {}).items():
        if isinstance(said, Mapping) and said.get("endpoint_url"):
            yield f"{service} of [{place}]", str(said["endpoint_url"])
