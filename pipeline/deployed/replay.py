"""All that failed in a stack, brought in once more by who runs this.

Source: AWS Security Token Service API Reference, "AssumeRole".
"""

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from pipeline import aws
from pipeline.aws import told
from pipeline.deployed.again import Hands, Replayed, Wanted, put_again
from pipeline.deployed.asking import Asking
from pipeline.deployed.function import stack_of
from pipeline.deployed.given_up import take_again
from pipeline.deployed.refused import Refused, WantedAgain
from pipeline.deployed.stage import LAMBDA_RECORDS, Deployed

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_s3 import S3Client

READER = "QuarantineReaderArn"


def replay_failed(
    session: "boto3.Session", deployed: Deployed, wanted: Wanted
) -> Iterator[Replayed]:
    """What came of each object: first what Firehose could not deliver, then what Lambda gave up.

    Raises TailraceError where a service does not answer, or the role that reads the quarantine is
    not to be had; what was done until then is done.
    """
    one = aws.one_attempt()
    s3, firehose = session.client("s3", config=one), session.client("firehose", config=one)
    hands = Hands(
        deployed, s3, cache(lambda: reader(session, deployed, "tailrace-replay")), firehose, wanted
    )
    yield from put_again(hands)
    if hands.waiting(deployed.quarantine_bucket, f"{LAMBDA_RECORDS}/"):
        kinesis = session.client("kinesis", config=aws.patience())
        yield from take_again(hands, stack_of(session, deployed), kinesis)


def replay_refused(
    session: "boto3.Session", deployed: Deployed, asking: Asking, wanted: WantedAgain
) -> Iterator[Replayed]:
    """What came of each object of the quarantine that has lines which are refused until now.

    Raises as `Refused.again` does.
    """
    kept = cache(lambda: reader(session, deployed, "tailrace-replay"))
    yield from Refused(deployed, stack_of(session, deployed), kept, asking, wanted).again()


def reader(session: "boto3.Session", deployed: Deployed, name: str) -> "S3Client":
    """A client in the role that the key of the quarantine decrypts for; our own without one.

    name  of the role's session, for the account's trail

    Raises TailraceError where the role is not to be had.
    """
    if READER not in deployed.outputs:
        return session.client("s3", config=aws.one_attempt())
    role = deployed.outputs[READER]
    with told("STS", f"role {role}"):
        client: Any = session.client("sts", config=aws.patience())
        given = client.assume_role(RoleArn=role, RoleSessionName=name)["Credentials"]
    return session.client(
        "s3",
        config=aws.one_attempt(),
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )
