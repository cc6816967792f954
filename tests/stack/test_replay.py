"""What a stack gave up on the way is sent again, once."""

import json
from datetime import UTC, datetime

import pytest

from pipeline import invoke
from pipeline.errors import DeliveryError
from pipeline.settings import Delivery
from pipeline.stack.remains import Remains
from pipeline.stack.replay import Again, Sent
from tests.carriers import envelope, gzipped, kinesis_event, log_events
from tests.deliver.firehose_service import FirehoseService, error
from tests.invoke.stacks import MemoryHome, memory_stack
from tests.stack.account import Account
from tests.stack.test_audit import DELIVERY, ERRORS, error_object

AT = datetime(2026, 11, 25, 15, tzinfo=UTC)
SINCE = datetime(1970, 1, 1, tzinfo=UTC)
GIVEN_UP = "s3://kept-bucket/aws/lambda/1f2e/x"


class Stage:
    """A stack whose buckets hold what was given up."""

    def __init__(self) -> None:
        self.account, self.firehose, self.home = Account(), FirehoseService(), MemoryHome()
        self.now = 0.0

    def clock(self) -> float:
        self.now += 1
        return self.now

    def again(self, dry_run: bool = False, delivery: Delivery = DELIVERY) -> list[Sent]:
        remains = Remains(self.account.session().client("s3"), delivery, SINCE)
        stack: invoke.Stack = memory_stack(self.home)
        return list(Again(remains, self.firehose.client(), stack, self.clock, dry_run).run())


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.mark.fault("F19")
def test_rows_that_firehose_could_not_write_are_sent_again_once(stage: Stage) -> None:
    content = error_object(("x", b'{"srcport":1}\n{"srcport":2}\n'), ("x", b'{"srcport":3}'))
    stage.account.put(ERRORS, content, AT)
    assert stage.again() == [Sent(ERRORS, "vpc_flow: 3 x x")]
    rows = stage.firehose.rows("tailrace-staging-vpc_flow")
    assert [row["srcport"] for row in rows] == [1, 2, 3]
    assert stage.again() == []
    assert len(stage.firehose.calls) == 1


def test_a_dry_run_sends_nothing_and_marks_nothing(stage: Stage) -> None:
    stage.account.put(ERRORS, error_object(("x", b"{}\n")), AT)
    stage.account.put(GIVEN_UP, b'{"payload": "{}"}', AT)
    before = stage.account.keys("lake-bucket") + stage.account.keys("kept-bucket")
    told = stage.again(dry_run=True)
    assert [each.uri for each in told] == [ERRORS, GIVEN_UP]
    assert stage.firehose.calls == []
    assert stage.account.keys("lake-bucket") + stage.account.keys("kept-bucket") == before


@pytest.mark.fault("F1", "F19")
def test_rows_that_firehose_refuses_again_stay_unmarked(stage: Stage) -> None:
    stage.account.put(ERRORS, error_object(("x", b"{}\n")), AT)
    stage.firehose.fates = iter([error("AccessDeniedException")])
    with pytest.raises(DeliveryError, match="AccessDeniedException"):
        stage.again()
    assert f"{ERRORS}.replayed" not in [f"s3://lake-bucket/{k}" for k in _keys(stage)]
    assert [each.left for each in stage.again()] == [""]


def _keys(stage: Stage) -> list[str]:
    return stage.account.keys("lake-bucket")


@pytest.mark.parametrize("name", ["payload", "requestPayload"])
def test_an_invocation_that_was_given_up_goes_through_the_functions_code(
    stage: Stage, name: str
) -> None:
    event = kinesis_event([gzipped(envelope(log_events(["2 no flow"])))])
    body = json.dumps({"version": "1.0", name: json.dumps(event)})
    stage.account.put(GIVEN_UP, body.encode(), AT)
    assert stage.again() == [Sent(GIVEN_UP, "1 events")]
    assert len(stage.home.quarantine.objects) == 1
    assert stage.again() == []


@pytest.mark.fault("F34")
@pytest.mark.parametrize(
    ("content", "left"),
    [
        (
            b'{"KinesisBatchInfo": {"shardId": "shardId-000000000001"}}',
            "it tells where its records are, and holds none",
        ),
        (b"no JSON", "it tells where its records are, and holds none"),
        (b'{"payload": "{}"}', "this is no Kinesis, SQS, S3 or CloudWatch Logs event"),
    ],
)
def test_what_cannot_be_sent_again_is_told_and_stays(
    stage: Stage, content: bytes, left: str
) -> None:
    stage.account.put(GIVEN_UP, content, AT)
    assert [each.left for each in stage.again()] == [left]
    assert [each.left for each in stage.again()] == [left]


def test_an_error_object_that_cannot_be_read_is_told_and_stays(stage: Stage) -> None:
    stage.account.put(ERRORS, b"no JSON\n", AT)
    assert stage.again() == [Sent(ERRORS, "vpc_flow: 1 x unreadable", "it cannot be read")]


@pytest.mark.fault("F33")
def test_whoever_may_not_read_the_quarantine_is_told_which_role_may(stage: Stage) -> None:
    stage.account.put(GIVEN_UP, b"{}", AT)
    stage.account.answers["GetObject"] = "AccessDenied"
    with pytest.raises(Exception, match="QuarantineReaderArn"):
        stage.again()
