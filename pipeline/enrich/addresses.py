"""Addresses: strict reading, and what kind of network they belong to.

Sources: RFC 1918, 6598, 3927, 4193, 4291, 5771, 6890.
"""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

import numpy as np
import pyarrow as pa

Network = IPv4Network | IPv6Network

# What no list names is public. The documentation ranges are public here, unlike in Python's
# `is_private`: they stand for the outside in examples.
CLASSES: tuple[tuple[str, str], ...] = (
    ("10.0.0.0/8", "private"),
    ("172.16.0.0/12", "private"),
    ("192.168.0.0/16", "private"),
    ("100.64.0.0/10", "private"),
    ("fc00::/7", "private"),
    ("169.254.0.0/16", "link_local"),
    ("fe80::/10", "link_local"),
    ("127.0.0.0/8", "loopback"),
    ("::1/128", "loopback"),
    ("224.0.0.0/4", "multicast"),
    ("ff00::/8", "multicast"),
    ("0.0.0.0/8", "reserved"),
    ("240.0.0.0/4", "reserved"),
    ("::/128", "reserved"),
)
PUBLIC = "public"
MOST_KNOWN = 1 << 16
LONGEST = 45  # of an IPv6 address with an IPv4 one inside
V4_MAPPED = bytes(10) + b"\xff\xff"
CLASS_NAMES = (PUBLIC, *dict.fromkeys(name for _, name in CLASSES))


def packed(texts: pa.Array) -> list[bytes | None]:
    """4 or 16 bytes of each address of a string array; None for null and for what is none.

    Strictly: no zones, no leading zeros.
    """
    words = texts.to_pylist()
    found = list(map(_known.get, words))
    if None in found:
        for at, word in enumerate(words):
            if found[at] is None and word is not None:
                found[at] = _pack(word)
    return found


# The parser and the enrichers ask for the same addresses, batch after batch. A plain dictionary
# answers in half the time of an lru_cache; it begins anew when it is full.
_known: dict[str | None, bytes] = {}


def _pack(text: str) -> bytes | None:
    # Longer text is no address, and must not be kept.
    if len(text) > LONGEST:
        return None
    try:
        pack = socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
    except (OSError, UnicodeEncodeError, ValueError):
        return None
    if len(_known) >= MOST_KNOWN:
        _known.clear()
    _known[text] = pack
    return pack


@dataclass(frozen=True, slots=True, eq=False)
class Ranges:
    """Nested networks, flattened to sorted starts: the longest prefix wins.

    starts  per family: first address of each interval (uint32, or 16 bytes), sorted
    labels  per family: int32 label of each interval; -1 for none
    """

    starts: tuple[np.ndarray, np.ndarray]
    labels: tuple[np.ndarray, np.ndarray]

    @classmethod
    def of(cls, networks: Sequence[tuple[Network, int]]) -> "Ranges":
        """Flatten (network, label) pairs; the same network twice: the later one wins."""
        starts, labels = zip(*(_flatten(networks, version) for version in (4, 6)), strict=True)
        return cls(starts, labels)

    @property
    def empty(self) -> bool:
        """Whether no address can be in any network."""
        return all(labels.max() < 0 for labels in self.labels)

    def find(self, addresses: "Packed") -> np.ndarray:
        """int32 label of each address; -1 where it is null or in none."""
        found = np.full(addresses.count, -1, np.int32)
        if self.empty:
            return found
        for family in (0, 1):
            where, values = addresses.where[family], addresses.values[family]
            if len(where):
                at = np.searchsorted(self.starts[family], values, "right") - 1
                found[where] = self.labels[family][at]
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """Unique addresses as numbers: IPv4 as uint32, IPv6 as 16 bytes (they sort alike)."""

    count: int
    where: tuple[np.ndarray, np.ndarray]
    values: tuple[np.ndarray, np.ndarray]

    @classmethod
    def of(cls, texts: pa.Array) -> "Packed":
        """Pack the addresses of a string array; what is null or no address belongs to nothing."""
        packs = packed(texts)
        if None not in packs and len(joined := b"".join(packs)) == 4 * len(packs):  # type: ignore[arg-type]
            every, none = np.arange(len(packs)), np.empty(0, np.int64)
            return cls(len(packs), (every, none), (_v4(joined), np.empty(0, "S16")))
        packs = [_plain(pack) for pack in packs]
        v4 = [at for at, pack in enumerate(packs) if pack is not None and len(pack) == 4]
        v6 = [at for at, pack in enumerate(packs) if pack is not None and len(pack) == 16]
        return cls(
            len(packs),
            (np.array(v4, np.int64), np.array(v6, np.int64)),
            (
                _v4(b"".join(packs[at] or b"" for at in v4)),
                np.frombuffer(b"".join(packs[at] or b"" for at in v6), "S16"),
            ),
        )


def _v4(joined: bytes) -> np.ndarray:
    return np.frombuffer(joined, ">u4").astype(np.uint32)


def _plain(pack: bytes | None) -> bytes | None:
    return pack[12:] if pack is not None and pack.startswith(V4_MAPPED) else pack


def class_ranges() -> Ranges:
    """The intervals of `CLASSES`; the label is the place in `CLASS_NAMES`."""
    return Ranges.of([(ip_network(cidr), CLASS_NAMES.index(name)) for cidr, name in CLASSES])


def _flatten(
    networks: Sequence[tuple[Network, int]], version: int
) -> tuple[np.ndarray, np.ndarray]:
    mine = [(net, label) for net, label in networks if net.version == version]
    mine.sort(key=lambda pair: (int(pair[0].network_address), pair[0].prefixlen))
    starts: list[int] = [0]
    labels: list[int] = [-1]

    def cut(at: int, label: int) -> None:
        if starts[-1] == at:
            labels[-1] = label
        else:
            starts.append(at)
            labels.append(label)

    open_networks: list[tuple[int, int]] = []  # (last address, label), outermost first
    last_of_family = (1 << (32 if version == 4 else 128)) - 1
    for net, label in [*mine, (None, -1)]:
        first = int(net.network_address) if net is not None else last_of_family + 1
        while open_networks and open_networks[-1][0] < first:
            end, _ = open_networks.pop()
            outer = open_networks[-1][1] if open_networks else -1
            if end < last_of_family:
                cut(end + 1, outer)
        if net is not None:
            cut(first, label)
            open_networks.append((int(net.broadcast_address), label))
    return _as_starts(starts, version), np.array(labels, np.int32)


def _as_starts(starts: list[int], version: int) -> np.ndarray:
    if version == 4:
        return np.array(starts, np.uint32)
    # numpy drops trailing NUL bytes when it compares "S16", which leaves the order right.
    return np.array([start.to_bytes(16, "big") for start in starts], "S16")
