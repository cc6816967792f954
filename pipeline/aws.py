"""Sessions for AWS: the one place where they are made.

Who asks, and at which address, is AWS's own business: AWS_PROFILE and AWS_ENDPOINT_URL are read by
boto3 itself. AWS_REGION it does not read; AWS's other tools do.
"""

from typing import TYPE_CHECKING

from pipeline.errors import NotConfigured
from pipeline.settings import aws_region

if TYPE_CHECKING:
    import boto3
    from botocore.config import Config

ATTEMPTS = 6
CONNECT_S, READ_S = 2, 8


def session() -> "boto3.Session":
    """A session for who runs this.

    Raises NotConfigured where boto3 is not installed, the profile is none, or no region is named.
    """
    try:
        import boto3
        from botocore.exceptions import ProfileNotFound
    except ModuleNotFoundError as error:
        raise NotConfigured(
            f"AWS needs {error.name}, which is not installed", "", "pip install 'tailrace[aws]'"
        ) from error
    try:
        made = boto3.Session(region_name=aws_region())
    except ProfileNotFound as error:
        fix = "set AWS_PROFILE to one of: aws configure list-profiles"
        raise NotConfigured(str(error), "", fix) from error
    if not made.region_name:
        fix = "set AWS_REGION, or AWS_PROFILE to one that has a region"
        raise NotConfigured("AWS is not told which region to ask", "", fix)
    return made


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
