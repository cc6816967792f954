"""What a service of AWS answered: taken, or refused for now, or refused for good.

One place for Firehose and S3. Nothing that a service says is passed on but its code: messages
repeat what was sent.

Sources: AWS SDKs and Tools Reference Guide, "Retry behavior"; Amazon S3 API Reference, "Error
responses"; Amazon Data Firehose API Reference, "Common Errors".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.aws import STRANGER

CREDENTIALS = "the credentials are wrong or have expired: renew them, or give the function a role"
PERMISSION = "allow it to who runs this, and its key in KMS: a role of the stack can do it"
MISSING = "it is not there: deploy the stack, or name it right in the settings"
WRONG = "it will never be taken like this: look at the settings, and at its limits"

FOR_GOOD = {
    "AccessDenied": PERMISSION,
    "AccessDeniedException": PERMISSION,
    "NotAuthorized": PERMISSION,
    "OptInRequired": PERMISSION,
    "InvalidKMSResourceException": PERMISSION,
    "KMS.DisabledException": PERMISSION,
    "ResourceNotFoundException": MISSING,
    "NoSuchBucket": MISSING,
    "PermanentRedirect": MISSING,
    **dict.fromkeys(STRANGER, CREDENTIALS),
    "NoCredentialsError": CREDENTIALS,
    "PartialCredentialsError": CREDENTIALS,
    "SSOTokenLoadError": CREDENTIALS,
    "TokenRetrievalError": CREDENTIALS,
    "UnauthorizedSSOTokenError": CREDENTIALS,
    "NoRegionError": "set AWS_REGION",
}
# They pass although the status says that the request was wrong: the clock is set, the body arrives.
FOR_NOW = {
    "BadDigest",
    "IncompleteBody",
    "InvalidSignatureException",
    "OperationAborted",
    "RequestExpired",
    "RequestInProgress",
    "RequestTimeTooSkewed",
    "RequestTimeout",
    "RequestTimeoutException",
}
TRANSIENT_STATUS = (408, 429)
NO_CODE = "no code"
CODE_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Refused:
    """What was not taken: its code, and where it can never pass, what to do."""

    code: str
    fix: str = ""

    @property
    def for_good(self) -> bool:
        """Whether the same will be refused again and again."""
        return bool(self.fix)


def answer_of(call: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any] | Refused:
    """What a client's call answers; or that it was refused, or nobody knows whether it was."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        return call()
    except ClientError as error:
        return _refused(error.response)
    except BotoCoreError as error:
        return _unsent(error)
    # Beside their own error botocore's parsers raise these, at JSON that is no object, or no UTF-8.
    except (ResponseParserError, AttributeError, LookupError, TypeError, ValueError):
        return Refused("an answer that cannot be read")


def _refused(response: Mapping[str, Any]) -> Refused:
    code = str(response.get("Error", {}).get("Code") or NO_CODE)[:CODE_LENGTH]
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0
    if code in FOR_GOOD:
        return Refused(code, FOR_GOOD[code])
    passes = status >= 500 or status in TRANSIENT_STATUS or code in FOR_NOW
    # Where the body says nothing that can be read, botocore gives the status for a code.
    passes = passes or code in (NO_CODE, str(status)) or _is_throttle(code)
    return Refused(code) if passes else Refused(code, WRONG)


def _is_throttle(code: str) -> bool:
    words = ("Throttl", "SlowDown", "TooManyRequests", "LimitExceeded", "Unavailable", "Internal")
    return any(word in code for word in words)


def _unsent(error: Exception) -> Refused:
    """Connections, names, time-outs: it may have been taken, and the answer was lost."""
    from botocore import exceptions

    code = type(error).__name__
    if code in FOR_GOOD:
        return Refused(code, FOR_GOOD[code])
    passing = (
        exceptions.HTTPClientError,
        exceptions.ConnectionError,
        exceptions.IncompleteReadError,
        exceptions.ChecksumError,
        exceptions.CredentialRetrievalError,
        exceptions.MetadataRetrievalError,
    )
    return Refused(code) if isinstance(error, passing) else Refused(code, WRONG)
