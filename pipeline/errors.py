"""Every way to fail, in one place.

    TailraceError                 exit 1
    ├── UsageError                exit 2   the call is wrong: a name, a flag, a format, a setting
    ├── NotConfigured             exit 3   something the call needs is not there (yet)
    ├── QueryFailed               exit 4   the engine refused or broke off a query
    ├── HomeError                 exit 1   the home folder: in use, unreadable, of another version;
    │                                      a file of the saved queries that is not as it must be
    ├── InputError                exit 1   a file or stream that cannot be read to its end; outside
    │                                      data that is not what it should be
    ├── OutputError               exit 1   standard output or error takes nothing (more)
    ├── BackPressure              exit 1   the stream is full: the same may be sent again later
    ├── Conflict                  exit 1   an idempotency key that already stands for something else
    ├── DeliveryError             exit 1   a sink did not take the rows; the batch is tried again
    └── Unforeseen                exit 1   a fault of ours: its type and place, never its words

Two roads, told apart by type: a DeliveryError may pass later, so the record is retried in order. A
reject (`Reason`) can never pass: it is data, not an exception; its bytes and reason are kept and
its neighbours go on.
"""

from enum import StrEnum


class TailraceError(Exception):
    """What failed, where, and what to do about it: one line each."""

    exit_code = 1

    def __init__(self, what: str, where: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.fix = what, where, fix

    def __str__(self) -> str:
        return "\n  ".join(line for line in (self.what, self.where, self.fix) if line)


class UsageError(TailraceError):
    """The call itself is wrong; nothing was done."""

    exit_code = 2


class NotConfigured(TailraceError):
    """Something the call needs is not there: data, a stack, an optional part."""

    exit_code = 3


class QueryFailed(TailraceError):
    """The engine refused a query or broke it off."""

    exit_code = 4


class HomeError(TailraceError):
    """The home folder cannot be used: another writer, no permission, another version.

    Or a file of the saved queries cannot: whoever asks is not to blame for it either.
    """


class InputError(TailraceError):
    """An input broke off or changed while it was read; what was accepted before stands.

    Or outside data cannot be fetched, or is refused: what was kept before stands.
    """


class OutputError(TailraceError):
    """Standard output or error is closed, or what lies behind it is full."""


class DeliveryError(TailraceError):
    """A sink did not take what it was given; the same batch is tried again, in order.

    undelivered  position of the first record of which not all was taken; "" where nobody said so
    """

    undelivered = ""


class Unforeseen(TailraceError):
    """A fault of ours. Its own words may repeat a line of a log, so it goes without them."""


class BackPressure(TailraceError):
    """The stream takes nothing more for now; nothing was accepted."""

    def __init__(self, what: str, where: str = "", fix: str = "", retry_after_s: int = 1) -> None:
        super().__init__(what, where, fix)
        self.retry_after_s = retry_after_s


class Conflict(TailraceError):
    """What was sent contradicts what was accepted before; nothing was accepted."""


class Reason(StrEnum):
    """Why something can never become a row; the closed list of the column `reject.reason`."""

    EMPTY = "empty"
    GZIP_TRUNCATED = "gzip_truncated"
    GZIP_CORRUPT = "gzip_corrupt"
    GZIP_JUNK = "gzip_junk"
    TOO_LARGE = "too_large"
    BASE64_MALFORMED = "base64_malformed"
    ENVELOPE_MALFORMED = "envelope_malformed"
    PARQUET_UNSUPPORTED = "parquet_unsupported"
    TOO_LONG = "too_long"
    CONTROL_CHAR = "control_char"
    BYTE_ORDER_MARK = "byte_order_mark"
    ENCODING = "encoding"
    FIELD_COUNT = "field_count"
    QUOTE = "quote"
    JSON = "json"
    TYPE = "type"
    RANGE = "range"
    ADDRESS = "address"
    VALUE = "value"
    TIME_RANGE = "time_range"
    NO_TIME = "no_time"
    AMBIGUOUS = "ambiguous"
    FAILED = "failed"  # a fault of ours, attempt after attempt: its record is in the failure store


class Drop(StrEnum):
    """What is left out on purpose and counted by name."""

    BLANK = "blank"
    HEADER = "header"
    CONTROL = "control"
    OWN_LOG = "own_log"
    CONTINUED = "continued"
