"""What is left of an object of the quarantine, whatever it keeps."""

import base64
import gzip
import json
import tracemalloc
from typing import Any

import pytest

from pipeline.batch import reopen
from pipeline.erase.objects import Change, Entry, without
from pipeline.erase.subject import of_address
from pipeline.settings import Limits
from tests.carriers import LINE, envelope, log_events
from tests.erase.homes import ADDRESS, OTHER, bad, bomb, line
from tests.processed import context, processed, record

SUBJECT = of_address(ADDRESS)
LIMITS = Limits()


def kept(payload: bytes, **changes: Any) -> bytes:
    """The one object that a record left in the quarantine."""
    (content,) = processed([record(payload, **changes)]).quarantine.objects.values()
    return content


def left(content: bytes, events_in: int, rejected: int, *resolved: int) -> Change:
    change = without(content, SUBJECT, Entry(events_in, rejected, frozenset(resolved)), context())
    assert change is not None
    return change


def raws(content: bytes | None) -> list[tuple[int, bytes, str]]:
    assert content is not None
    body = json.loads(gzip.decompress(content))
    return [(e["ordinal"], base64.b64decode(e["raw"]), e["reason"]) for e in body["lines"]]


def test_a_refused_line_goes_and_the_others_keep_place_and_reason() -> None:
    content = kept(line(1) + bad(ADDRESS) + bad() + bad())
    change = left(content, 4, 3)
    assert (change.lines, change.removed, change.erased) == (1, 1, 1)
    assert raws(change.content) == [
        (2, bad().strip(), "field_count"),
        (3, bad().strip(), "field_count"),
    ]
    before = {int(e["record_id"]) for e in json.loads(gzip.decompress(content))["lines"]}
    assert change.content is not None
    _, batch, whole = reopen(change.content, None, LIMITS)
    assert (set(batch.record_id.tolist()) < before, whole) == (True, False)


def test_nothing_changes_without_the_subject() -> None:
    for payload in (line(1) + bad(), bad(), bad() + b"\n"):
        assert without(kept(payload), SUBJECT, Entry(2, 1, frozenset()), context()) is None


def test_of_a_whole_payload_the_other_lines_stay_and_drops_do_not_count() -> None:
    header = b"version account-id interface-id srcaddr dstaddr\n"
    content = kept(header + bad(ADDRESS) + b"\n" + bad())
    change = left(content, 4, 2)
    assert (change.lines, change.removed, change.erased) == (1, 1, 1)
    assert change.content is not None
    assert raws(change.content) == [(3, bad().strip(), "field_count")]
    body = json.loads(gzip.decompress(change.content))
    assert body["lines"][0]["header"] != ""
    assert "payload" not in body


def test_of_an_envelope_the_events_keep_their_ids() -> None:
    messages = [bad(each).decode().strip() for each in (OTHER, ADDRESS)]
    content = kept(envelope(log_events(messages)))
    change = left(content, 2, 2)
    assert change.content is not None
    (kept_line,) = json.loads(gzip.decompress(change.content))["lines"]
    _, before, _ = reopen(content, None, LIMITS)
    assert kept_line["event_id"] == before.event_id(0)
    assert int(kept_line["record_id"]) == int(before.record_id[0])


def test_a_stream_that_is_called_so_goes_with_all_its_lines() -> None:
    content = kept(envelope(log_events([LINE + " bad"]), logStream=f"host-{ADDRESS}"))
    assert left(content, 1, 1) == Change(None, 1, 1, 1)


@pytest.mark.parametrize(
    "payload",
    [
        gzip.compress(bad(ADDRESS) * 9)[:-9],
        gzip.compress(bad() + bad(ADDRESS)) + b"junk",
        base64.b64encode(gzip.compress(bad() + bad(ADDRESS))[:-4]),
        gzip.compress(gzip.compress(gzip.compress(bad(ADDRESS)))),
    ],
    ids=["truncated", "junk", "base64", "nested"],
)
def test_what_cannot_be_opened_goes_as_a_whole(payload: bytes) -> None:
    content = kept(payload, base64=payload[:2] != b"\x1f\x8b")
    assert "payload" in json.loads(gzip.decompress(content))
    assert left(content, 1, 1).content is None


def test_a_record_that_nobody_has_opened_stays_one_event() -> None:
    body = json.loads(gzip.decompress(kept(bad() + bad(ADDRESS) + bad())))
    body["reasons"] = {"failed": 1}
    content = gzip.compress(json.dumps(body).encode())
    change = left(content, 1, 1)
    assert (change.lines, change.removed, change.erased) == (1, 0, 0)
    assert change.content is not None
    source, batch, whole = reopen(change.content, None, LIMITS)
    assert (source, len(batch), whole) == ("vpc-flow", 2, True)
    # Another subject later: still one event until nothing is left.
    again = without(change.content, of_address(OTHER), Entry(1, 1, frozenset()), context())
    assert again == Change(None, 2, 2, 1)


def test_a_line_that_became_a_row_is_no_reject_any_more() -> None:
    content = kept(line(1) + bad(ADDRESS) + bad(ADDRESS))
    _, batch, _ = reopen(content, None, LIMITS)
    change = left(content, 3, 1, int(batch.record_id[0]))
    assert change == Change(None, 2, 2, 1)


DEEP = b"[" * 100_000 + b"]" * 100_000


def of_one_line(**changes: Any) -> bytes:
    """An object of one line with the subject, some values of which are some other JSON."""
    body = json.loads(gzip.decompress(kept(line(1) + bad(ADDRESS))))
    given = {name: f"<{name}>" for name in changes}
    body["lines"][0] |= given
    text = json.dumps(body)
    for name, value in given.items():
        text = text.replace(json.dumps(value), changes[name])
    return gzip.compress(text.encode())


def of_a_payload(**changes: Any) -> bytes:
    """An object of a payload with the subject, some values of which are others."""
    body = json.loads(gzip.decompress(kept(bad() + bad(ADDRESS))))
    return gzip.compress(json.dumps(body | changes).encode())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x",
        *(gzip.compress(each) for each in (b"{}", b"[]", b"1", b'"lines"', b"\xff")),
        *(gzip.compress(b'{"lines": %s}' % each) for each in (b"1", b"{}", b'""', b"[1]", b"[{}]")),
        gzip.compress(b'{"lines": %s}' % DEEP),
        gzip.compress(b'{"payload": %s}' % DEEP),
        *(of_one_line(record_id=each) for each in ('"x"', "[]", "1e400", '"%s"' % ("9" * 5_000))),
        *(of_one_line(raw=each) for each in ("1", '"\u00e9"', '"abc"')),
        *(of_one_line(raw='""', log_group=each) for each in ("1", "[1]")),
        of_one_line(detail=DEEP.decode()),
        *(of_a_payload(arrival_ms=each) for each in (10**18, 10**30)),
        *(of_a_payload(reasons=each) for each in (1, {"x": 1}, [[]])),
        of_a_payload(payload=1),
    ],
)
def test_what_is_no_object_is_told(content: bytes) -> None:
    with pytest.raises(ValueError, match="it is no object of the quarantine"):
        without(content, SUBJECT, Entry(1, 1, frozenset()), context())


def test_what_inflates_to_more_than_we_ever_write_is_no_object() -> None:
    with pytest.raises(ValueError, match="no object of the quarantine: it inflates to more than"):
        without(bomb(600), SUBJECT, Entry(1, 1, frozenset()), context())


def test_a_payload_is_inflated_no_further_than_a_record_may_be() -> None:
    content = kept(gzip.compress(bad(ADDRESS)) + bomb(500))
    tracemalloc.start()
    try:
        assert left(content, 1, 1).content is None
        assert tracemalloc.get_traced_memory()[1] < 256 << 20
    finally:
        tracemalloc.stop()
