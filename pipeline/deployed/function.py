"""The stack's function, asked what it is set to.

Source: AWS Lambda API Reference, "GetFunctionConfiguration".
"""

from typing import TYPE_CHECKING, Any

from pipeline import aws, invoke
from pipeline.aws import told
from pipeline.deployed.stage import Deployed
from pipeline.invoke.stack import check_delivery
from pipeline.settings import of_function

if TYPE_CHECKING:
    import boto3


def configuration(session: "boto3.Session", deployed: Deployed) -> dict[str, Any]:
    """What Lambda says of the function. Raises TailraceError where it does not."""
    name = deployed.output("FunctionName")
    with told("Lambda", f"function {name}"):
        client: Any = session.client("lambda", config=aws.patience())
        found: dict[str, Any] = client.get_function_configuration(FunctionName=name)
    return found


def stack_of(session: "boto3.Session", deployed: Deployed) -> invoke.Stack:
    """What the function works with, made here, for who runs this.

    Raises TailraceError where Lambda does not say its settings, UsageError where this version does
    not know them.
    """
    environ = configuration(session, deployed).get("Environment", {}).get("Variables", {})
    settings = of_function(environ)
    check_delivery(settings.delivery)
    one = aws.one_attempt()
    firehose, s3 = session.client("firehose", config=one), session.client("s3", config=one)
    home = invoke.AwsHome(settings.delivery, firehose, s3)
    return invoke.stack_of(settings, home, invoke.kept_ranges(settings.lookups, s3))
