"""Targets: AWS, or an emulator in its place. Which one requests would go to, before any is sent.

boto3 takes an address from the environment or the profile, of all services or of one, and says of
none: requests then go to two places at once, and what one does not know is asked of the other. An
emulator is known by what it says of itself, since each answers on the other's paths.

Source: AWS SDKs and Tools Reference Guide, "Service-specific endpoints".
"""

import re
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
# Domains of AWS's endpoints in all partitions, each with the one that serves both IP versions.
DOMAINS = (
    ".amazonaws.com",
    ".api.aws",
    ".amazonaws.com.cn",
    ".api.amazonwebservices.com.cn",
    ".amazonaws.eu",
    ".api.amazonwebservices.eu",
    ".c2s.ic.gov",
    ".api.aws.ic.gov",
    ".sc2s.sgov.gov",
    ".api.aws.scloud",
    ".cloud.adc-e.uk",
    ".api.cloud-aws.adc-e.uk",
    ".csp.hci.ic.gov",
    ".api.aws.hci.ic.gov",
)
# Names in these domains behind which anybody's own program answers.
ANYBODYS = re.compile(r"\.(execute-api|elb|compute(-1)?)\.")
# What is read alike by all who read it: urllib3 takes a host to end at a backslash, urlsplit at the
# last @, and boto3 refuses the rest with a ValueError.
ADDRESS = re.compile(
    r"https?://(?P<host>\[[0-9a-f:.]+\]|(?:(?!-)[a-z0-9-]{1,63}(?<!-)\.)*(?!-)[a-z0-9-]{1,63}(?<!-))"
    r"(?::(?P<port>[0-9]{1,5}))?(?:/[a-z0-9/._~-]*)?",
    re.ASCII | re.IGNORECASE,
)
LONGEST_HOST, LAST_PORT = 253, 65535
SHOWN = 100
PROFILE = "endpoint_url of the profile"
# Addresses of all services, where the others are of one.
OF_ALL = (ENDPOINT, PROFILE)
HEALTH = "/_localstack/health"
# What MiniStack calls itself there; LocalStack says community, pro or, without Docker, unknown.
LIGHT = "light"
LOOPBACK = ("localhost", "localhost.localstack.cloud", "::1")
# An emulator says of itself a few hundred bytes; whatever else answers there may never end.
LONGEST_ANSWER = 1 << 20
VERSION = re.compile(r"[\w.+-]{1,50}", re.ASCII)


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

    Raises UsageError where they go elsewhere than to the target, or to several places, and for what
    is no address.
    """
    found = list(overrides(session))
    for place, url in found:
        check_address(place, url)
    elsewhere = [(place, url) for place, url in found if not is_aws(url)]
    if target == AWS and elsewhere:
        fix = f"unset it, or name the emulator: TARGET={EMULATORS[0]}"
        raise UsageError("requests would not go to AWS", _listed(elsewhere), fix)
    if elsewhere and len({_same(url) for _, url in found}) > 1:
        fix = f"unset all but {ENDPOINT}, or make them the same"
        raise UsageError("requests would go to several places", _listed(found), fix)
    if target in EMULATORS:
        check_emulated(target, found)
    if not elsewhere:
        return ""
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


def check_address(place: str, url: str, fix: str = "write it as http://host:port") -> None:
    """Raise UsageError for what is no address of a service, or is read differently by others.

    fix  what to do about it, of whoever asks
    """
    if not _is_address(url):
        # A password before the host is not for a log.
        shown = re.sub(r"(//)[^/]*@", r"\1...@", url)[:SHOWN]
        raise UsageError(f"{place} is no address", f"{shown!r}", fix)


def check_emulated(target: str, found: Sequence[tuple[str, str]]) -> None:
    """Raise UsageError where an address that an emulator would be asked at is AWS's."""
    at_aws = [(place, url) for place, url in found if _host(url).endswith(DOMAINS)]
    if at_aws:
        fix = f"unset it, or set {ENDPOINT} to the emulator's address"
        raise UsageError(f"requests would go to AWS, not to {target}", _listed(at_aws), fix)


def is_aws(url: str) -> bool:
    """Whether an address is one of AWS's own, over TLS."""
    if not _is_address(url) or urlsplit(url).scheme != "https":
        return False
    host = _host(url)
    return host.endswith(DOMAINS) and not ANYBODYS.search(host)


def is_here(url: str) -> bool:
    """Whether an address is one of this machine, which no proxy leads to."""
    host = _host(url)
    return host in LOOPBACK or host.startswith("127.")


def identify(url: str, timeout_s: float = 2) -> Answered | None:
    """The emulator that answers at an address; None for nothing, and for one that is ending.

    timeout_s  for each step; twice of it for the whole
    """
    import threading

    if not _is_address(url):
        return None
    said: list[Any] = []
    # A time-out of a socket begins anew with every byte, and names are looked up without any.
    asking = threading.Thread(target=lambda: said.append(_asked(url, timeout_s)), daemon=True)
    asking.start()
    asking.join(2 * timeout_s)
    return _answered(said[0]) if said else None


def _asked(url: str, timeout_s: float) -> Any:
    """What an address says of its health; None for nothing that is JSON."""
    import json
    import urllib.request
    from http.client import HTTPException

    class Stay(urllib.request.HTTPRedirectHandler):
        """What is said elsewhere is said by somebody else."""

        def redirect_request(self, *_: Any) -> None:
            return None

    handlers: list[urllib.request.BaseHandler] = [Stay()]
    if is_here(url):
        handlers.append(urllib.request.ProxyHandler({}))
    try:
        opener = urllib.request.build_opener(*handlers)
        with opener.open(f"{url.rstrip('/')}{HEALTH}", timeout=timeout_s) as answer:
            return json.loads(answer.read(LONGEST_ANSWER))
    except (OSError, ValueError, HTTPException, RecursionError):
        return None


def _answered(said: Any) -> Answered | None:
    """Who says so of itself; what it says is shown to people, so it has to look like a version."""
    version = said.get("version") if isinstance(said, Mapping) else None
    if not isinstance(version, str) or not VERSION.fullmatch(version):
        return None
    services = said.get("services")
    states = list(services.values()) if isinstance(services, Mapping) else []
    if states and all(state == "stopped" for state in states):
        return None
    return Answered(MINISTACK if said.get("edition") == LIGHT else LOCALSTACK, version)


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
    host = _host(url)
    return parts.scheme, "127.0.0.1" if host in LOOPBACK else host, parts.port


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _is_address(url: str) -> bool:
    found = ADDRESS.fullmatch(url)
    if found is None or not 0 < int(found["port"] or 1) <= LAST_PORT:
        return False
    host = found["host"]
    return _is_ip_v6(host[1:-1]) if host.startswith("[") else len(host) <= LONGEST_HOST


def _is_ip_v6(text: str) -> bool:
    import ipaddress

    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _of_services(place: str, section: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    for service, said in (section or {}).items():
        if isinstance(said, Mapping) and said.get("endpoint_url"):
            yield f"{service} of [{place}]", str(said["endpoint_url"])
