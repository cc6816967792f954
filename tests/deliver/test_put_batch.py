"""PutRecordBatch against a Firehose that fails: what has not arrived goes again, and only that."""

import json
from collections import Counter
from random import Random

import pytest

from pipeline.deliver.put_batch import Batch, failures
from pipeline.errors import DeliveryError
from tests.deliver.firehose_service import (
    Fate,
    FirehoseService,
    Reply,
    error,
    failing,
    lost,
    says,
    taken,
    unreached,
)
from tests.deliver.virtual_time import VirtualTime

STREAM = "tailrace-staging-vpc_flow"
FOUR = [b'{"a":1}\n', b'{"a":2}\n', b'{"a":3}\n', b'{"a":4}\n']


def put(service: FirehoseService, records: list[bytes], time: VirtualTime | None = None) -> None:
    Batch(service.client(), STREAM, records).put((time or VirtualTime()).attempts())


def arrived(service: FirehoseService) -> list[bytes]:
    return [record for _, record in service.accepted]


@pytest.mark.fault("F1")
@pytest.mark.parametrize("size", [1, 4, 500])
@pytest.mark.parametrize("share", ["one", "half", "all but one", "all"])
def test_only_what_failed_is_sent_again(size: int, share: str) -> None:
    records = [b"%d\n" % number for number in range(size)]
    count = {"one": 1, "half": max(size // 2, 1), "all but one": max(size - 1, 1), "all": size}
    failed = sorted(Random(5).sample(range(size), count[share]))
    service = FirehoseService(iter([failing(failed)]))
    put(service, records)
    assert [sent for _, sent in service.calls] == [records, [records[place] for place in failed]]
    assert sorted(arrived(service)) == sorted(records)


@pytest.mark.fault("F1")
def test_what_fails_again_goes_again_with_the_same_bytes() -> None:
    service = FirehoseService(iter([failing([0, 2, 3]), failing([1]), failing([0])]))
    put(service, list(FOUR))
    sent = [records for _, records in service.calls]
    assert sent == [FOUR, [FOUR[0], FOUR[2], FOUR[3]], [FOUR[2]], [FOUR[2]]]
    assert Counter(arrived(service)) == Counter(FOUR)


@pytest.mark.fault("F2")
def test_what_fails_for_ever_ends_after_some_attempts() -> None:
    service = FirehoseService(iter([failing([1, 3]), *[failing([0, 1])] * 99]))
    with pytest.raises(
        DeliveryError,
        match=f"{STREAM} did not take it: ServiceUnavailableException, 2 of 2 records\n"
        "  32 attempts, which is enough",
    ):
        put(service, list(FOUR))
    assert len(service.calls) == 32
    assert arrived(service) == [FOUR[0], FOUR[2]]


@pytest.mark.fault("F3")
def test_after_a_lost_answer_all_goes_again_and_nothing_is_missing() -> None:
    service = FirehoseService(iter([lost, lost]))
    put(service, list(FOUR))
    assert arrived(service) == FOUR * 3


UNCLEAR = {
    "no ids": b'{"FailedPutCount": 0, "RequestResponses": [{}, {}, {}, {}]}',
    "empty ids": b'{"FailedPutCount": 0, "RequestResponses": [%s]}'
    % b",".join([b'{"RecordId": ""}'] * 4),
    "fewer": b'{"FailedPutCount": 0, "RequestResponses": [{"RecordId": "a"}]}',
    "more": b'{"FailedPutCount": 0, "RequestResponses": [%s]}'
    % b",".join([b'{"RecordId": "a"}'] * 5),
    "none": b'{"FailedPutCount": 0}',
    "null": b'{"FailedPutCount": 0, "RequestResponses": null}',
    "of another kind": b'{"FailedPutCount": 0, "RequestResponses": {"RecordId": "a"}}',
    "texts": b'{"FailedPutCount": 0, "RequestResponses": ["a", "b", "c", "d"]}',
    "a null among them": b'{"RequestResponses": [null, null, null, null]}',
    "counts more than it names": b'{"FailedPutCount": 2, "RequestResponses": [%s]}'
    % b",".join([b'{"RecordId": "a"}'] * 3 + [b'{"ErrorCode": "X"}']),
    "empty": b"",
    "HTML": b"<html>OK</html>",
    "a list": b"[]",
    "a text": b'"OK"',
    "half": b'{"FailedPutCount": 0, "RequestResp',
    "no UTF-8": b'\xff{"FailedPutCount": 0}',
}


@pytest.mark.fault("F3")
@pytest.mark.parametrize("body", UNCLEAR.values(), ids=UNCLEAR)
def test_an_answer_that_does_not_say_what_was_taken_is_none(body: bytes) -> None:
    service = FirehoseService(iter([says(body)]))
    put(service, list(FOUR))
    assert [records for _, records in service.calls] == [FOUR, FOUR]
    assert arrived(service) == FOUR * 2


def test_an_id_beside_an_error_is_an_error() -> None:
    entries = [{"RecordId": "a", "ErrorCode": "InternalFailure"}, {"RecordId": "b"}]
    answer = {"FailedPutCount": 1, "RequestResponses": entries}
    assert failures(answer, 2) == {0: "InternalFailure"}
    assert failures(answer | {"FailedPutCount": "one"}, 2) == {0: "InternalFailure"}
    assert failures({"RequestResponses": [{"RecordId": "a"}]}, 1) == {}


PASSING = {
    "unavailable": error("ServiceUnavailableException", 503),
    "unavailable, by its code": error("ServiceUnavailableException"),
    "throttled": error("ThrottlingException"),
    "limited": error("LimitExceededException"),
    "too many": error("Whatever", 429),
    "internal": error("InternalFailure", 500),
    "the clock": error("InvalidSignatureException", 403),
    "400 that cannot be read": says(b"<html>What?</html>", 400, ()),
    "gateway": says(b"<html>Bad gateway</html>", 502, ()),
    "error that is no object": says(b"[1]", 500, ()),
    "connection": unreached,
}


@pytest.mark.fault("F25")
@pytest.mark.parametrize("fate", PASSING.values(), ids=PASSING)
def test_what_passes_is_waited_for(fate: Fate) -> None:
    service, time = FirehoseService(iter([fate, fate])), VirtualTime()
    put(service, list(FOUR), time)
    assert arrived(service) == FOUR
    assert len(time.pauses) == 2
    assert 0.05 <= time.pauses[0] <= 0.1 <= time.pauses[1] <= 0.2


LASTING = {
    "AccessDeniedException": "allow it to who runs this",
    "ResourceNotFoundException": "deploy the stack",
    "ValidationException": "look at the settings",
    "InvalidArgumentException": "look at the settings",
    "ExpiredTokenException": "renew them",
    "UnrecognizedClientException": "renew them",
    "InvalidKMSResourceException": "KMS",
}


@pytest.mark.fault("F33")
@pytest.mark.parametrize("code", LASTING)
def test_what_never_passes_is_said_at_once(code: str) -> None:
    service, time = FirehoseService(iter([error(code, message="secret line")])), VirtualTime()
    with pytest.raises(DeliveryError, match=f"{STREAM} refuses: {code}, 4 of 4") as raised:
        put(service, list(FOUR), time)
    assert LASTING[code] in raised.value.fix
    assert "secret" not in str(raised.value)
    assert (len(service.calls), time.pauses) == (1, [])


@pytest.mark.fault("F33")
def test_without_credentials_nothing_is_tried_again() -> None:
    service = FirehoseService()
    client = service.client()
    client._request_signer._credentials = None
    with pytest.raises(DeliveryError, match="refuses: NoCredentialsError"):
        Batch(client, STREAM, list(FOUR)).put(VirtualTime().attempts())
    assert service.calls == []


def test_an_error_tells_no_payload() -> None:
    answer = {"FailedPutCount": 1, "RequestResponses": [{"ErrorCode": "X", "ErrorMessage": "pw"}]}
    service = FirehoseService(iter([says(json.dumps(answer).encode(), 200, ())] * 99))
    with pytest.raises(DeliveryError, match="X, 1 of 1 records") as raised:
        put(service, [b'{"password":"pw"}\n'])
    assert "pw" not in str(raised.value)


def test_no_attempt_begins_when_no_time_is_left() -> None:
    service, time = FirehoseService(), VirtualTime(end_s=0)
    with pytest.raises(DeliveryError, match="0 attempts, and no time was left"):
        put(service, list(FOUR), time)
    assert service.calls == []


@pytest.mark.parametrize("end_s", [0.01, 0.3, 5, 17])
def test_attempts_end_with_the_time(end_s: float) -> None:
    service, time = FirehoseService(iter([unreached] * 99)), VirtualTime(end_s=end_s)
    with pytest.raises(DeliveryError, match="ConnectionClosedError, 4 of 4 records"):
        put(service, list(FOUR), time)
    assert time.now_s < end_s
    # Not because it gave up early: the next pause would have been longer than what was left.
    assert time.left_s() <= min(2 * (time.pauses[-1] if time.pauses else 0.1) * 2, 5)


@pytest.mark.fault("F25")
@pytest.mark.parametrize("by", ["call", "record"])
@pytest.mark.parametrize("percent", [5, 25, 50, 75, 95, 100])
def test_a_minute_of_throttling_costs_few_calls_and_no_record(by: str, percent: int) -> None:
    dice, time = Random(percent), VirtualTime()

    def fate(count: int) -> Reply:
        if time.now_s >= 60:
            return taken(count)
        failed = [place for place in range(count) if dice.randrange(100) < percent]
        if by == "record":
            return failing(failed)(count)
        return (
            error("ThrottlingException")(count) if dice.randrange(100) < percent else taken(count)
        )

    service = FirehoseService(iter(lambda: fate, None))
    client, attempts = service.client(), time.attempts()
    records = [b"%d\n" % number for number in range(800)]
    # Eight records a second for 100 s, or as soon as those before them have arrived.
    for first in range(0, len(records), 8):
        time.now_s = max(time.now_s, first / 8)
        Batch(client, STREAM, records[first : first + 8]).put(attempts)
    assert arrived(service) == records if by == "call" else set(arrived(service)) == set(records)
    assert len(arrived(service)) == len(records)
    assert len(service.calls) <= (2 * 100 if by == "call" else 3 * 100)
