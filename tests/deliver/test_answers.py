"""What a client's call comes to, whatever it raises."""

import pytest
from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    ParamValidationError,
    PartialCredentialsError,
    SSLError,
)
from botocore.parsers import ResponseParserError

from pipeline.deliver.answers import CREDENTIALS, WRONG, Refused, answer_of

UNREADABLE = "an answer that cannot be read"


def told(code: str, status: int) -> ClientError:
    response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "PutObject")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ResponseParserError("<line of a log>"), Refused(UNREADABLE)),
        (AttributeError("'list' object has no attribute 'get'"), Refused(UNREADABLE)),
        (SSLError(endpoint_url="https://x", error="handshake"), Refused("SSLError")),
        (
            CredentialRetrievalError(provider="x", error_msg="later"),
            Refused("CredentialRetrievalError"),
        ),
        (
            PartialCredentialsError(provider="x", cred_var="y"),
            Refused("PartialCredentialsError", CREDENTIALS),
        ),
        (ParamValidationError(report="<line of a log>"), Refused("ParamValidationError", WRONG)),
        (told("Odd", 499), Refused("Odd", WRONG)),
        (told("Odd", 500), Refused("Odd")),
        (told("Odd", 429), Refused("Odd")),
        (told("400", 400), Refused("400")),
        (told("", 400), Refused("no code")),
        (told("KMSThrottlingException", 400), Refused("KMSThrottlingException")),
    ],
    ids=str,
)
def test_an_error_passes_or_it_never_does(error: Exception, expected: Refused) -> None:
    def call() -> dict[str, str]:
        raise error

    assert answer_of(call) == expected


def test_an_answer_is_given_on_and_a_fault_of_ours_is_not_hidden() -> None:
    assert answer_of(lambda: {"ETag": "x"}) == {"ETag": "x"}
    with pytest.raises(ZeroDivisionError, match="division"):
        answer_of(lambda: {"ETag": 1 // 0})
