"""The words of failure: exit codes, messages of one line each, the closed lists."""

import pytest

from pipeline import errors
from pipeline.errors import Drop, Reason, TailraceError


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.TailraceError, 1),
        (errors.UsageError, 2),
        (errors.NotConfigured, 3),
        (errors.QueryFailed, 4),
        (errors.HomeError, 1),
        (errors.InputError, 1),
        (errors.DeliveryError, 1),
    ],
)
def test_each_failure_has_its_exit_code(kind: type[TailraceError], code: int) -> None:
    assert issubclass(kind, TailraceError)
    assert kind.exit_code == code


def test_a_failure_says_what_where_and_what_to_do() -> None:
    error = TailraceError("it broke", "in the middle", "mend it")
    assert str(error) == "it broke\n  in the middle\n  mend it"
    assert str(TailraceError("it broke", fix="mend it")) == "it broke\n  mend it"
    assert str(TailraceError("it broke")) == "it broke"


def test_the_reasons_are_a_closed_list() -> None:
    assert {str(reason) for reason in Reason} == {
        "failed",
        *("empty", "gzip_truncated", "gzip_corrupt", "gzip_junk", "too_large"),
        *("base64_malformed", "envelope_malformed", "parquet_unsupported"),
        *("too_long", "control_char", "byte_order_mark", "encoding", "field_count", "type"),
        *("range", "address", "value", "time_range", "no_time", "ambiguous"),
        *("quote", "json"),
    }


def test_the_names_of_drops_are_a_closed_list() -> None:
    assert {str(drop) for drop in Drop} == {*("blank", "header", "control", "own_log", "continued")}
