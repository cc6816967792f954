"""The usual fields of access logs, in short: each is a `Field` under its own name or the log's."""

from pipeline.schema import Domain, Field, OneOf, Range, Type

COUNT = Range(0, 10**18 - 1)
PORT = Range(0, 65_535)
# 000: the client left before it got one.
STATUS = Range(0, 999)


def text(name: str, doc: str, log_name: str = "", domain: Domain | OneOf = Domain.ANY) -> Field:
    """Text, empty too."""
    return Field(name, Type.VARCHAR, doc, "", log_name or name, domain)


def quoted(name: str, doc: str, log_name: str = "") -> Field:
    """Text with the escapes of a web server."""
    return text(name, doc, log_name, Domain.ESCAPED)


def encoded(name: str, doc: str, log_name: str = "") -> Field:
    """Percent-encoded text."""
    return text(name, doc, log_name, Domain.PERCENT)


def address(name: str, doc: str, log_name: str = "") -> Field:
    """An IP address."""
    return text(name, doc, log_name, Domain.ADDRESS)


def endpoint(name: str, doc: str, log_name: str) -> Field:
    """An IP address, a colon and a port."""
    return text(name, doc, log_name, Domain.ENDPOINT)


def whole(name: str, doc: str, unit: str = "", log_name: str = "") -> Field:
    """A whole number from 0, such as bytes."""
    return Field(name, Type.INT64, doc, unit, log_name or name, COUNT)


def small(name: str, doc: str, allowed: Range, log_name: str = "") -> Field:
    """A whole number in some bounds, such as a port or a status."""
    return Field(name, Type.INT32, doc, "", log_name or name, allowed)


def decimal(name: str, doc: str, unit: str = "", log_name: str = "") -> Field:
    """A decimal number, such as seconds."""
    return Field(name, Type.DOUBLE, doc, unit, log_name or name)


def moment(name: str, doc: str, domain: Domain = Domain.ISO_TIME, log_name: str = "") -> Field:
    """A time."""
    return Field(name, Type.TIMESTAMP, doc, "", log_name or name, domain)
