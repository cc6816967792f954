"""What a deployed stack is called, and the settings that its function runs with.

The function's own environment says where it delivers to, so nothing is written down twice.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline import aws
from pipeline.deliver.answers import Refused, answer_of
from pipeline.errors import NotConfigured, TailraceError, UsageError
from pipeline.settings import Delivery, Settings, load

if TYPE_CHECKING:
    import boto3

STAGE = re.compile(r"[a-z][a-z0-9]{1,15}")
MISSING = ("ResourceNotFoundException", "EntityNotFoundException", "ValidationError")


@dataclass(frozen=True)
class Deployed:
    """A stack of a stage, for who asks with `session`."""

    stage: str
    session: "boto3.Session"

    @property
    def name(self) -> str:
        """Name of the CloudFormation stack, and what its parts' names begin with."""
        return f"tailrace-{self.stage}"

    @property
    def function(self) -> str:
        """Name of the function."""
        return f"{self.name}-log-etl"

    def client(self, service: str) -> Any:
        """A client of a service that is patient."""
        return self.session.client(service, config=aws.patience())  # type: ignore[call-overload]

    def settings(self) -> Settings:
        """The settings of the function, from its environment.

        Raises NotConfigured when there is no such function.
        """
        function = self.client("lambda")
        found = asked(lambda: function.get_function_configuration(FunctionName=self.function))
        if found is None:
            raise NotConfigured(
                f"there is no function {self.function}",
                f"in {self.session.region_name}, for this account",
                f"make deploy STAGE={self.stage}; or choose another AWS_PROFILE, AWS_REGION",
            )
        variables = found.get("Environment", {}).get("Variables", {})
        ours = {name: text for name, text in variables.items() if name.startswith("TAILRACE_")}
        return load(environ=ours, config=None, home=None)

    def delivery(self) -> Delivery:
        """Where the function delivers to; as `settings`."""
        return self.settings().delivery


def stack_of(stage: str) -> Deployed:
    """The stack of a stage, for who runs this.

    Raises UsageError for a name that is no stage's, NotConfigured without boto3 or a region.
    """
    if not STAGE.fullmatch(stage):
        raise UsageError(f"not a stage: {stage!r}", "", "write it like staging or production")
    return Deployed(stage, aws.session())


def asked(call: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """What AWS answers; None when what was asked for is not there.

    Raises TailraceError when it does not answer, with what to do.
    """
    answer = answer_of(call)
    if not isinstance(answer, Refused):
        return answer
    if answer.code in MISSING:
        return None
    fix = answer.fix or "try again; AWS_PROFILE and AWS_REGION say who asks, and where"
    raise TailraceError(f"AWS does not answer: {answer.code}", "", fix)


def bucket_of(uri: str) -> tuple[str, str]:
    """Bucket and prefix (with a slash at its end, or empty) of s3://bucket/prefix."""
    name, _, prefix = uri.removeprefix("s3://").partition("/")
    return name, f"{prefix.strip('/')}/" if prefix.strip("/") else ""
