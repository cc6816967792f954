"""Sessions for AWS: the one place where they are made.

Who asks, where and at which address is AWS's own business: AWS_PROFILE, AWS_REGION and
AWS_ENDPOINT_URL are read by boto3 itself.
"""

from typing import TYPE_CHECKING

from pipeline.errors import NotConfigured

if TYPE_CHECKING:
    import boto3
    from botocore.config import Config

ATTEMPTS = 6


def session() -> "boto3.Session":
    """A session for who runs this. Raises NotConfigured where boto3 is not installed."""
    try:
        import boto3
    except ModuleNotFoundError as error:
        raise NotConfigured(
            "AWS needs boto3, which is not installed", "", "pip install 'tailrace[aws]'"
        ) from error
    return boto3.Session()


def patience() -> "Config":
    """How clients meet throttling and faults: several attempts, with pauses that grow."""
    from botocore.config import Config

    return Config(retries={"total_max_attempts": ATTEMPTS, "mode": "standard"})
