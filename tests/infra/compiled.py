"""Small ELF files with what a test says in them, laid out as a linker does."""

import struct
from collections.abc import Sequence

X86_64, AARCH64 = 62, 183
BASE = 0x10000  # where the file's first byte is loaded
HEADER, PROGRAM = 64, 56


def shared_object(
    machine: int, needed: Sequence[str] = (), versions: Sequence[str] = (), soname: str = ""
) -> bytes:
    """A shared object of 64 bits that needs libraries and versions of their symbols."""
    strings = bytearray(b"\0")

    def place(text: str) -> int:
        at = len(strings)
        strings.extend(text.encode() + b"\0")
        return at

    tags = [(1, place(name)) for name in needed]
    tags += [(14, place(soname))] if soname else []
    entries = [
        struct.pack("<IHHII", 0, 0, 0, place(name), 16 if name != versions[-1] else 0)
        for name in versions
    ]
    verneed = struct.pack("<HHIII", 1, len(entries), 0, 16, 0) + b"".join(entries)
    dynamic_at = HEADER + 2 * PROGRAM
    verneed_at = dynamic_at + 16 * (len(tags) + 4)
    strings_at = verneed_at + len(verneed)
    tags += [(5, BASE + strings_at)]
    tags += [(0x6FFFFFFE, BASE + verneed_at), (0x6FFFFFFF, 1)] if versions else []
    tags += [(0, 0)] * (verneed_at - dynamic_at - 16 * len(tags) >> 4)
    dynamic = b"".join(struct.pack("<QQ", *tag) for tag in tags)
    size = strings_at + len(strings)
    head = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    head += struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, 0, HEADER, 0, 0, 64, PROGRAM, 2, 0, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, BASE, BASE, size, size, 0x1000)
    where = BASE + dynamic_at
    program = struct.pack(
        "<IIQQQQQQ", 2, 6, dynamic_at, where, where, len(dynamic), len(dynamic), 8
    )
    return head + load + program + dynamic + verneed + bytes(strings)
