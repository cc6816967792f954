"""Where the processes of a session listen: an emulator is for this machine alone.

Source: proc(5), "/proc/pid/stat" and "/proc/net/tcp". Linux only, as the emulators are here.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv6Address, ip_address
from pathlib import Path

PROC = Path("/proc")
LISTENS = "0A"


def beyond_loopback(session: int) -> list[str]:
    """Addresses that others could reach, of the processes of a session."""
    ours = {socket for process in _processes(session) for socket in _sockets(process)}
    listening = {address for socket, address in _listening() if socket in ours}
    return sorted(address for address in listening if not _is_loopback(address))


def _processes(session: int) -> Iterator[Path]:
    for stat in PROC.glob("[0-9]*/stat"):
        # Behind the name, which may hold anything: state, parent, group, session.
        with suppress(OSError):
            if stat.read_text("utf-8", "replace").rpartition(")")[2].split()[3] == str(session):
                yield stat.parent


def _sockets(process: Path) -> Iterator[str]:
    with suppress(OSError):
        for handle in (process / "fd").iterdir():
            with suppress(OSError):
                if found := re.fullmatch(r"socket:\[(\d+)\]", str(handle.readlink())):
                    yield found[1]


def _listening() -> Iterator[tuple[str, str]]:
    for name in ("tcp", "tcp6"):
        for line in (PROC / "net" / name).read_text("ascii").splitlines()[1:]:
            words = line.split()
            if words[3] == LISTENS:
                yield words[9], _address(words[1].partition(":")[0])


def _address(text: str) -> str:
    """An address as the kernel writes it: words of four bytes, each the wrong way round."""
    raw = bytes.fromhex(text)
    return str(ip_address(b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))))


def _is_loopback(address: str) -> bool:
    found = ip_address(address)
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return (mapped or found).is_loopback
