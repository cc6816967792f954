"""What goes wrong between us and a service of AWS, in our words, with a way on."""

from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.deliver.answers import CREDENTIALS, FOR_GOOD
from pipeline.errors import NotConfigured, TailraceError

MAY = "see what your identity may do: aws sts get-caller-identity"
AGAIN = "run it again"


@contextmanager
def told(service: str, where: str = "") -> Iterator[None]:
    """Errors of boto3 in our words; a service's message is told, for these calls carry no logs.

    Raises NotConfigured for what is missing on this side, TailraceError for what the service says.
    """
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        NoCredentialsError,
        PartialCredentialsError,
    )

    try:
        yield
    except (NoCredentialsError, PartialCredentialsError) as error:
        fix = "set AWS_PROFILE; who am I: aws sts get-caller-identity"
        raise NotConfigured(str(error), where, fix) from error
    except ClientError as error:
        said = error.response["Error"]
        code, message = said.get("Code", ""), said.get("Message", "")
        fix = _fix(code)
        raise TailraceError(f"{service}: {message or code}", where, fix) from error
    except BotoCoreError as error:
        raise TailraceError(f"{service} cannot be asked: {error}", where, AGAIN) from error


def _fix(code: str) -> str:
    if FOR_GOOD.get(code) == CREDENTIALS:
        return "renew your credentials: aws sts get-caller-identity"
    return MAY if "AccessDenied" in code or code in ("403", "Forbidden") else AGAIN
