"""What goes wrong between us and Athena, in our words, with a way on."""

from collections.abc import Iterator
from contextlib import contextmanager

from pipeline import aws
from pipeline.errors import QueryFailed

_FIXES = {
    "bytes scanned limit": "ask for a shorter window: the workgroup limits what one query reads",
    "exhausted resources": "ask for a shorter window, or for fewer columns",
    "access denied": aws.MAY,
    "does not exist": "deploy the stack, or name another: --stage",
    "no output location": "deploy the stack, or name another: --stage",
    # LocalStack's words.
    "current license plan": "take the emulator that has Athena: make local-up TARGET=ministack",
}


def fix_of(reason: str, state: str) -> str:
    """What to do about a query that ended in a state for a reason, both in Athena's words."""
    for words, fix in _FIXES.items():
        if words in reason.lower():
            return fix
    if state == "CANCELLED":
        return "somebody stopped it, or a limit of the workgroup did; ask again"
    return "correct the SQL, or ask again"


@contextmanager
def told(where: str) -> Iterator[None]:
    """Errors of boto3 in our words, and answers that are not as they must be.

    Raises NotConfigured for what is missing on this side, QueryFailed for what Athena says.
    """
    try:
        with aws.told("Athena", where, QueryFailed, _code_fix):
            yield
    except (KeyError, IndexError, ValueError) as error:
        what = f"Athena's answer cannot be read: {str(error).splitlines()[0]}"
        raise QueryFailed(what, where, "ask again, or CAST what is odd to varchar") from error


def _code_fix(code: str, message: str) -> str:
    if "Throttl" in code or code == "TooManyRequestsException":
        return "too many queries at once: ask again in a minute"
    if "AccessDenied" in code:
        return aws.MAY
    if "could not find results" in message.lower() or code == "NoSuchKey":
        return "the result has expired: ask again"
    return fix_of(message, "FAILED")
