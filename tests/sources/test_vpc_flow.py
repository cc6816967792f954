"""VPC flow logs: every sample field by field, and 20,000 awkward lines against the row-wise model."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sources.vpc_flow import DEFAULT_FORMAT, LOG, TABLE
from tests.carriers import envelope, log_event
from tests.model.awkward import ARRIVAL_MS, lines
from tests.model.flow_line import VPC_DEFAULT, VPC_FIELDS, Drop, Reject, Row, read, read_all
from tests.model.outcomes import only, outcomes
from tests.model.samples import LINES, Sample, expected_rows, samples
from tests.processed import context, record

# decode takes the carriage return off a line of text and the text out of {"message": ...}.
TAKEN_BY_DECODE = (b"\r", b'{"message"')


def columns(fields: tuple[str, ...]) -> list[str]:
    names = {"start": "start_time", "end": "end_time"}
    return [names.get(field, field.replace("-", "_")) for field in fields if field in VPC_FIELDS]


def awkward(seed: int, count: int, fields: tuple[str, ...]) -> list[bytes]:
    return [
        line
        for line in lines(seed, count, fields)
        if not line.endswith(TAKEN_BY_DECODE[0]) and not line.startswith(TAKEN_BY_DECODE[1])
    ]


def random_format(seed: int) -> tuple[str, ...]:
    random = Random(seed)
    known = random.sample(sorted(VPC_FIELDS), random.randint(2, 54))
    strangers = random.sample(("new-field", "x9", "zone-id-3", "tgw-id"), random.randint(0, 2))
    return tuple(random.sample((*known, *strangers), len(known) + len(strangers)))


def check(seed: int, count: int, fields: tuple[str, ...]) -> None:
    text = awkward(seed, count, fields)
    # A slice of a file, not its first: nothing is opened, no byte order mark is taken off.
    slice_ = record(
        b"\n".join(text) + b"\n", formats=(" ".join(fields),), opened=True, first_ordinal=1
    )
    expected = read_all(text, fields, ARRIVAL_MS, need_time=False)
    found = outcomes([slice_], "vpc-flow", context())
    for line, ours, theirs in zip(text, found, expected, strict=True):
        mine = list(theirs.columns) if isinstance(theirs, Row) else []
        assert only(ours, mine) == theirs, line[:300]


@pytest.mark.parametrize("seed", range(20))
def test_awkward_lines_of_the_default_format_are_read_as_the_model_reads_them(seed: int) -> None:
    check(seed, 500, VPC_DEFAULT)


@pytest.mark.parametrize("seed", range(100, 124))
def test_awkward_lines_of_any_format_are_read_as_the_model_reads_them(seed: int) -> None:
    check(seed, 500, random_format(seed))


@pytest.mark.parametrize("seed", [5, 105])
def test_a_format_with_every_field_is_read_as_the_model_reads_it(seed: int) -> None:
    check(seed, 300, tuple(Random(seed).sample(sorted(VPC_FIELDS), 54)))


@pytest.mark.parametrize("seed", range(200, 206))
def test_awkward_messages_of_an_envelope_are_read_as_the_model_reads_them(seed: int) -> None:
    fields = VPC_DEFAULT if seed % 2 else random_format(seed)
    random = Random(seed)
    sent = [random.choice((ARRIVAL_MS, 86_400_000, 0, ARRIVAL_MS + 86_400_001)) for _ in range(300)]
    messages = lines(seed, 300, fields)
    # Bytes that are not UTF-8 stand raw in the JSON, as they do when a log agent copies them.
    texts = [message.decode("utf-8", "surrogateescape") for message in messages]
    events = [log_event(text, n, timestamp=sent[n]) for n, text in enumerate(texts)]
    raw = b"".join(raw_json(piece) for piece in envelope(events).decode().split("\\udc"))
    expected = [read(m, fields, ARRIVAL_MS, at) for m, at in zip(messages, sent, strict=True)]
    carrier = record(raw, formats=())
    within = context(formats=formats_of(fields))
    for ours, theirs in zip(outcomes([carrier], "vpc-flow", within), expected, strict=True):
        assert ours == theirs


def raw_json(piece: str) -> bytes:
    return piece.encode()


def formats_of(fields: tuple[str, ...]):  # noqa: ANN201
    raise NotImplementedError
