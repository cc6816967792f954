"""Sessions for AWS, and what goes wrong between us and its services in our words: one place each.

Who asks, and at which address, is AWS's own business: AWS_PROFILE and AWS_ENDPOINT_URL are read by
boto3 itself. AWS_REGION it does not read; AWS's other tools do. An emulator that is named as target
is asked where AWS_ENDPOINT_URL says, or else where localstack-client finds one, as nobody.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pipeline import targets
from pipeline.errors import NotConfigured, TailraceError, UsageError
from pipeline.settings import ENDPOINT, aws_profile, aws_region

if TYPE_CHECKING:
    import boto3
    from botocore.config import Config

ATTEMPTS = 6
CONNECT_S, READ_S = 2, 8
# Where stacks of emulators lie, and as whom they are asked: any word will do.
LOCAL_REGION, NOBODY = "us-east-1", "test"
# Settings of AWS's tools that say nothing to an emulator: no variable, no key, this value.
IGNORED: dict[str, tuple[None, None, Any, None]] = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
    "use_fips_endpoint": (None, None, False, None),
    "use_dualstack_endpoint": (None, None, False, None),
}
REGION = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?")
KNOWN = ", ".join(targets.TARGETS)
CLIENTS = "what localstack-client finds"
AGAIN = "run it again"
MAY = "see what your identity may do: aws sts get-caller-identity"
# What services answer to somebody whom they do not know, or know no longer.
STRANGER = (
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidToken",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
)
FORBIDDEN = ("AccessDenied", "UnauthorizedOperation", "Forbidden", "403", "AuthorizationError")


def session(target: str = "") -> "boto3.Session":
    """A session for who runs this; for an emulator that is named, a session for nobody.

    target  one of pipeline.targets; "" for where the environment and the profile lead

    Raises NotConfigured where boto3 is not installed, the profile is none, no region is named or
    nothing says where the emulator is, UsageError where requests would not go to the target alone.
    """
    if target not in ("", *targets.TARGETS):
        raise UsageError(f"there is no target {target!r}", "", f"known: {KNOWN}")
    made = _plain()
    endpoint = targets.address(target, made)
    if target in targets.EMULATORS:
        return at(endpoint or _found(target), aws_region() or LOCAL_REGION)
    if not made.region_name:
        fix = "set AWS_REGION, or AWS_PROFILE to one that has a region"
        raise NotConfigured("AWS is not told which region to ask", "", fix)
    _check_region(made.region_name)
    return made


def at(endpoint: str, region: str = LOCAL_REGION) -> "boto3.Session":
    """A session whose requests all go to one address, whatever the environment says; as nobody.

    Raises UsageError for a region that is none.
    """
    import boto3
    import botocore.session
    from botocore.config import Config

    class Local(boto3.Session):
        def client(self, service_name: Any, *args: Any, **more: Any) -> Any:
            return super().client(service_name, *args, **_to(endpoint, more))

        def resource(self, service_name: Any, *args: Any, **more: Any) -> Any:
            return super().resource(service_name, *args, **_to(endpoint, more))

    _check_region(region)
    # A profile has no say in it, not even whether there is one.
    core = botocore.session.Session(session_vars=IGNORED)
    if targets.is_here(endpoint):
        core.set_default_client_config(Config(proxies={}))
    return Local(NOBODY, NOBODY, region_name=region, botocore_session=core)


def _check_region(region: str) -> None:
    """Raise UsageError for a region that is none: hosts are made of it."""
    if not REGION.fullmatch(region):
        raise UsageError(f"no region is called {region!r}", "", "set AWS_REGION, like us-east-1")


def _to(endpoint: str, more: dict[str, Any]) -> dict[str, Any]:
    # awswrangler names it and says None.
    return {**more, "endpoint_url": more.get("endpoint_url") or endpoint}


def _found(target: str) -> str:
    """Where an emulator is by its own rules: LOCALSTACK_HOST, USE_SSL, or its usual port."""
    try:
        from localstack_client.config import get_service_endpoint
    except ModuleNotFoundError as error:
        raise NotConfigured(
            f"nothing says where {target} is, and {error.name} is not installed",
            "",
            f"set {ENDPOINT}, or pip install 'tailrace[localstack]'",
        ) from error
    try:
        # It reads ENDPOINT too, even where AWS's tools are told to ignore that.
        found = str(get_service_endpoint("s3"))
    except RuntimeError as error:
        raise UsageError(f"LOCALSTACK_HOST is no address: {error}", "", "host:port") from error
    targets.check_address(CLIENTS, found)
    targets.check_emulated(target, [(CLIENTS, found)])
    return found


def _plain() -> "boto3.Session":
    """What boto3 makes of the environment."""
    try:
        import boto3
        from botocore.exceptions import BotoCoreError, ProfileNotFound
    except ModuleNotFoundError as error:
        raise NotConfigured(
            f"AWS needs {error.name}, which is not installed", "", "run make setup in the checkout"
        ) from error
    try:
        return boto3.Session(region_name=aws_region())
    except ProfileNotFound as error:
        fix = "set AWS_PROFILE to one of: aws configure list-profiles"
        raise NotConfigured(str(error), "", fix) from error
    except BotoCoreError as error:
        fix = "mend it, or set AWS_CONFIG_FILE to another"
        raise NotConfigured(str(error), "", fix) from error


def patience() -> "Config":
    """How clients meet throttling and faults: several attempts, with pauses that grow."""
    from botocore.config import Config

    return Config(retries={"total_max_attempts": ATTEMPTS, "mode": "standard"})


def one_attempt() -> "Config":
    """How clients meet faults whose attempts are counted by who calls them (pipeline.deliver).

    An answer that takes longer counts as lost: a call must not outlast what is left of a function.
    """
    from botocore.config import Config

    return Config(
        connect_timeout=CONNECT_S,
        read_timeout=READ_S,
        retries={"total_max_attempts": 1, "mode": "standard"},
    )


@contextmanager
def told(
    service: str,
    where: str = "",
    failed: type[TailraceError] = TailraceError,
    fix_of: Callable[[str, str], str] | None = None,
    unreached: str = "",
) -> Iterator[None]:
    """Errors of boto3 in our words; a service's message is told, for these calls carry no logs.

    failed  what is raised of what the service says
    fix_of  what to do about a code and its message
    unreached  what to do where nobody answers; "" for what is to be done about AWS

    Raises NotConfigured for what is missing on this side: credentials, a sign-in, a region.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        said = error.response.get("Error", {})
        code, message = said.get("Code", ""), said.get("Message", "")
        what = f"{service}: {message or code}"
        if code in STRANGER:
            raise NotConfigured(what, where, f"renew your credentials: {_sign_in()}") from error
        fix = MAY if is_forbidden(error) else AGAIN
        raise failed(what, where, fix_of(code, message) if fix_of else fix) from error
    except BotoCoreError as error:
        if missing := _missing(error):
            raise NotConfigured(str(error), where, missing) from error
        fix = unreached or _unreached(error)
        raise failed(f"{service} cannot be asked: {error}", where, fix) from error


def is_forbidden(error: BaseException | None) -> bool:
    """Whether a service says that who asks may not."""
    from botocore.exceptions import ClientError

    if not isinstance(error, ClientError):
        return False
    code = error.response.get("Error", {}).get("Code", "")
    return any(word in code for word in FORBIDDEN)


def _missing(error: Exception) -> str:
    """What to do about what is missing on this side; "" where nothing is."""
    from botocore import exceptions

    if isinstance(error, (exceptions.NoCredentialsError, exceptions.PartialCredentialsError)):
        return "set AWS_PROFILE; who am I: aws sts get-caller-identity"
    if isinstance(error, (exceptions.SSOError, exceptions.TokenRetrievalError)):
        return f"sign in: {_sign_in()}"
    # Older versions of botocore know no `aws login`.
    if isinstance(error, getattr(exceptions, "LoginError", ())):
        return f"sign in: {_sign_in('aws login')}"
    if isinstance(error, exceptions.CredentialRetrievalError):
        return "mend what your profile gets its credentials from: aws sts get-caller-identity"
    return "set AWS_REGION" if isinstance(error, exceptions.NoRegionError) else ""


def _sign_in(command: str = "aws sso login") -> str:
    profile = aws_profile()
    return f"{command} --profile {profile}" if profile else command


def _unreached(error: Exception) -> str:
    from botocore import exceptions

    # A region that is none has no address, which looks like a network that is down.
    nowhere = (exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError)
    region = aws_region()
    named = f"AWS_REGION ({region})" if region else "AWS_REGION"
    return f"check {named} and the network, then {AGAIN}" if isinstance(error, nowhere) else AGAIN
