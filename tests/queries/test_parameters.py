"""Parameters of queries: by name, of their type, within their limits."""

import pytest

from pipeline.errors import UsageError
from pipeline.queries import Parameter
from pipeline.queries.parameters import read_all

TOP = Parameter("top", "integer", "20", (1, 100), "rows at most")
PORT = Parameter("port", "integer", None, None, "the port")


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        ("integer", "7", 7),
        ("integer", -7, -7),
        ("bigint", "9223372036854775807", 2**63 - 1),
        ("double", "2.5", 2.5),
        ("double", "1e-3", 0.001),
        ("double", "0.00012345678901234567", 0.00012345678901234567),
        ("double", 1.7976931348623157e308, 1.7976931348623157e308),
        ("boolean", "True", True),
        ("varchar", "10.0.0.1' OR 1=1 --", "10.0.0.1' OR 1=1 --"),
        ("varchar", "", ""),
    ],
)
def test_values_are_read_by_type(kind, given, value):
    assert read_all("q", [Parameter("x", kind)], {"x": given}) == {"x": value}


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("integer", "1_0", "a whole number from"),
        ("integer", " 7", "a whole number from"),
        ("integer", "\u0667", "a whole number from"),
        ("integer", "2147483648", "a whole number from -2147483648 to 2147483647"),
        ("integer", True, "a whole number from"),
        ("bigint", "9223372036854775808", "a whole number from"),
        ("double", "nan", "a number"),
        ("double", "1e999", "a number"),
        ("double", "1_0.5", "a number"),
        ("boolean", "yes", "true or false"),
        ("varchar", "\udc80", "valid text"),
    ],
)
def test_what_is_not_of_the_type_is_refused(kind, given, expected):
    with pytest.raises(UsageError, match=f"parameter x of q is not {expected}"):
        read_all("q", [Parameter("x", kind)], {"x": given})


@pytest.mark.parametrize("given", ["-0.1", "9.01", "1e999"])
def test_a_number_keeps_to_its_limits(given):
    rate = Parameter("rate", "double", "1", (0, 9))
    assert read_all("q", [rate], {"rate": "9.0"}) == {"rate": 9.0}
    with pytest.raises(UsageError, match="parameter rate of q is not a number from 0 to 9"):
        read_all("q", [rate], {"rate": given})


def test_defaults_fill_what_is_not_given():
    assert read_all("q", [TOP, PORT], {"port": "22"}) == {"top": 20, "port": 22}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"limit": "5", "port": "22"}, "q has no parameter limit\n  it takes: top=20 port="),
        ({}, "q needs the parameter port"),
        ({"port": "22", "top": "0"}, "parameter top of q is not a whole number from 1 to 100: '0'"),
    ],
)
def test_wrong_calls_name_what_is_declared(given, message):
    with pytest.raises(UsageError) as caught:
        read_all("q", [TOP, PORT], given)
    assert message in str(caught.value)
