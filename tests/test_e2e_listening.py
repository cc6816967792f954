"""Where an emulator listens, as far as it can be looked at without any."""

import subprocess
import sys

import pytest

from tests.e2e.listening import beyond_loopback

LISTEN = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.create_server((sys.argv[1], 0), family=family):
    print("up", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("address", "found"),
    [("127.0.0.1", []), ("::1", []), ("0.0.0.0", ["0.0.0.0"]), ("::", ["::"])],  # noqa: S104 - to be found
)
def test_who_listens_to_others_is_found(address: str, found: list[str]) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LISTEN, address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        assert beyond_loopback(child.pid) == found
