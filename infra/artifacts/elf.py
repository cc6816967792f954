"""ELF: what a compiled file is made for, and what it needs of the system.

Read the way the loader does: by program headers and the dynamic section, since section headers
may be stripped. Source: System V ABI, "Object Files" and "Program Loading and Dynamic Linking";
Linux Standard Base, "Symbol Versioning".
"""

import struct
from dataclasses import dataclass
from pathlib import Path

MAGIC = b"\x7fELF"
LOAD, DYNAMIC = 1, 2  # p_type
NEEDED, STRTAB, SONAME, VERNEED, VERNEEDNUM = 1, 5, 14, 0x6FFFFFFE, 0x6FFFFFFF  # d_tag


@dataclass(frozen=True, slots=True)
class Elf:
    """A compiled file.

    machine   e_machine of its header
    needed    libraries that the loader looks for
    versions  versions of symbols that these have to have: GLIBC_2.17, GLIBCXX_3.4.21
    soname    what other files need it as; "" for none
    """

    machine: int
    needed: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    soname: str = ""


def read(path: Path) -> Elf | None:
    """What a file says of itself; None when it is no ELF file.

    Raises ValueError for one that is not of 64 bits and little-endian, or is cut off.
    """
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            return None
    return parse(path.read_bytes())


def parse(content: bytes) -> Elf:
    """What the bytes of an ELF file say. Raises ValueError as `read` does."""
    if content[4:6] != b"\x02\x01":
        raise ValueError("an ELF file that is not of 64 bits and little-endian")
    try:
        return _parse(content)
    except (struct.error, IndexError) as error:
        raise ValueError(f"an ELF file that is cut off: {error}") from error


def _parse(content: bytes) -> Elf:
    (machine,) = struct.unpack_from("<H", content, 18)
    (start,) = struct.unpack_from("<Q", content, 32)
    size, count = struct.unpack_from("<HH", content, 54)
    headers = [struct.unpack_from("<IIQQQQ", content, start + i * size) for i in range(count)]
    loads = [(vaddr, vaddr + size, at) for kind, _, at, vaddr, _, size in headers if kind == LOAD]
    dynamic = [(at, size) for kind, _, at, _, _, size in headers if kind == DYNAMIC]
    if not dynamic:
        return Elf(machine)
    at, size = dynamic[0]
    tags = list(struct.iter_unpack("<QQ", content[at : at + size]))
    entries = dict(tags)
    strings = _offset(loads, entries[STRTAB])
    needed = tuple(_text(content, strings + value) for tag, value in tags if tag == NEEDED)
    soname = _text(content, strings + entries[SONAME]) if SONAME in entries else ""
    first = _offset(loads, entries[VERNEED]) if VERNEED in entries else 0
    versions = _versions(content, first, entries.get(VERNEEDNUM, 0), strings)
    return Elf(machine, needed, versions, soname)


def _versions(content: bytes, at: int, libraries: int, strings: int) -> tuple[str, ...]:
    found: set[str] = set()
    for _ in range(libraries):
        _, symbols, _, aux, following = struct.unpack_from("<HHIII", content, at)
        inner = at + aux
        for _ in range(symbols):
            _, _, _, name, step = struct.unpack_from("<IHHII", content, inner)
            found.add(_text(content, strings + name))
            inner += step
        at += following
    return tuple(sorted(found))


def _offset(loads: list[tuple[int, int, int]], address: int) -> int:
    for low, high, at in loads:
        if low <= address < high:
            return at + address - low
    raise IndexError(f"nothing is loaded at {address:#x}")


def _text(content: bytes, at: int) -> str:
    end = content.find(b"\0", at)
    if end < 0:
        raise IndexError(f"no end of the text at {at}")
    return content[at:end].decode("utf-8", "replace")
