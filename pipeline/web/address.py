"""Where a server listens."""

import socket
from dataclasses import dataclass

from pipeline.errors import TailraceError, UsageError

BACKLOG = 2048


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; port 0: any that is free."""

    host: str
    port: int


def listen(address: Address) -> socket.socket:
    """A socket that listens there.

    Raises UsageError for a host that is none, TailraceError for a port that is taken.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    # Named as TCP: only then asyncio sends each answer at once, and not after 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address.host, address.port))
        listener.listen(BACKLOG)
        return listener
    except OSError as error:
        listener.close()
        place = f"at {address.host} port {address.port}"
        if isinstance(error, socket.gaierror):
            what = f"no such address: {error.strerror}"
            raise UsageError(what, place, "give another --host") from error
        raise TailraceError(
            f"the address cannot be listened on: {error.strerror}",
            place,
            "end who listens there, or choose another --port (0: any that is free)",
        ) from error


def url_of(address: Address, listener: socket.socket) -> str:
    """Its URL."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"http://{host}:{listener.getsockname()[1]}"
