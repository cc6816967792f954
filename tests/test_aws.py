"""What goes wrong between us and AWS is told with the way on, wherever it is asked from."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError

from pipeline.aws import told
from pipeline.errors import NotConfigured, QueryFailed, TailraceError
from pipeline.queries.engines import athena_errors

SIGN_IN = "sign in: aws sso login --profile ann"
ENDPOINT = "https://athena.eu-wst-1.amazonaws.com/"


def of_service(where: str) -> AbstractContextManager[None]:
    return told("Lambda", where)


def raised(asking: Callable[[str], AbstractContextManager[None]], error: Exception) -> str:
    """What an error of boto3 becomes: its type, its exit code and what to do."""
    with pytest.raises(TailraceError) as caught, asking("there"):
        raise error
    assert caught.value.where == "there"
    assert caught.value.__cause__ is error
    return f"{type(caught.value).__name__} {caught.value.exit_code}: {caught.value.fix}"


@pytest.fixture(autouse=True)
def ann(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody with a profile and a region."""
    monkeypatch.setenv("AWS_PROFILE", "ann")
    monkeypatch.setenv("AWS_REGION", "eu-wst-1")


@pytest.mark.parametrize("asking", [of_service, athena_errors.told])
@pytest.mark.parametrize(
    ("error", "fix"),
    [
        (exceptions.SSOError(), SIGN_IN),
        (exceptions.SSOTokenLoadError(error_msg="none"), SIGN_IN),
        (exceptions.UnauthorizedSSOTokenError(), SIGN_IN),
        (exceptions.TokenRetrievalError(provider="sso", error_msg="it has expired"), SIGN_IN),
        (exceptions.LoginRefreshRequired(), "sign in: aws login --profile ann"),
        (
            exceptions.NoCredentialsError(),
            "set AWS_PROFILE; who am I: aws sts get-caller-identity",
        ),
        (
            exceptions.CredentialRetrievalError(provider="custom-process", error_msg="it failed"),
            "mend what your profile gets its credentials from: aws sts get-caller-identity",
        ),
        (exceptions.NoRegionError(), "set AWS_REGION"),
        (
            ClientError({"Error": {"Code": "ExpiredToken", "Message": "it has expired"}}, "Ask"),
            "renew your credentials: aws sso login --profile ann",
        ),
    ],
)
def test_whoever_is_not_signed_in_is_told_how_to(
    asking: Callable[[str], AbstractContextManager[None]], error: Exception, fix: str
) -> None:
    assert raised(asking, error) == f"NotConfigured 3: {fix}"


def test_without_a_profile_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_PROFILE")
    monkeypatch.delenv("AWS_DEFAULT_PROFILE", raising=False)
    with pytest.raises(NotConfigured) as caught, told("Lambda"):
        raise exceptions.UnauthorizedSSOTokenError
    assert caught.value.fix == "sign in: aws sso login"


@pytest.mark.parametrize(
    ("asking", "kind"), [(of_service, "TailraceError 1"), (athena_errors.told, "QueryFailed 4")]
)
def test_a_region_that_is_none_is_no_question_of_who_asks(
    asking: Callable[[str], AbstractContextManager[None]], kind: str
) -> None:
    for error in (
        exceptions.EndpointConnectionError(endpoint_url=ENDPOINT),
        exceptions.ConnectTimeoutError(endpoint_url=ENDPOINT),
    ):
        fix = "check AWS_REGION (eu-wst-1) and the network, then run it again"
        assert raised(asking, error) == f"{kind}: {fix}"
    passing = exceptions.ReadTimeoutError(endpoint_url=ENDPOINT)
    assert raised(asking, passing) == f"{kind}: run it again"


@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"])
def test_whoever_may_not_is_told_to_see_what_they_may(code: str) -> None:
    error = ClientError({"Error": {"Code": code, "Message": "you may not"}}, "Ask")
    fix = "see what your identity may do: aws sts get-caller-identity"
    assert raised(of_service, error) == f"TailraceError 1: {fix}"


def test_an_emulator_without_athena_is_told_as_such() -> None:
    said = "The API for service athena is either not included in your current license plan or ..."
    assert athena_errors.fix_of(said, "FAILED").endswith("make local-up TARGET=ministack")


def test_what_athena_says_is_a_query_that_failed() -> None:
    error = ClientError({"Error": {"Code": "TooManyRequestsException"}}, "StartQueryExecution")
    said = pytest.raises(QueryFailed, match="Athena: TooManyRequestsException")
    with said as caught, athena_errors.told("there"):
        raise error
    assert caught.value.fix == "too many queries at once: ask again in a minute"
