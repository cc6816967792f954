"""Identity of an event: `record_id`, one int64, a pure function of where the event came from.

CloudWatch gives an event an id of 56 digits, consecutive inside an envelope; the hash of the stream
plus the id modulo 2^64 keeps them consecutive, so that they cost a tenth of a byte in Parquet.
Everything else is the hash of its carrier's identity plus the ordinal of the line.
"""

from hashlib import blake2b

import numpy as np

from pipeline.decode.envelope import Stream

ID_DIGITS = 56
_POWERS = np.array([pow(10, ID_DIGITS - 1 - i, 1 << 64) for i in range(ID_DIGITS)], np.uint64)


def h64(*parts: str) -> int:
    """Stable 64-bit hash of some texts (BLAKE2b, RFC 7693)."""
    text = "\0".join(parts).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big")


def of_ordinals(identity: str, ordinals: np.ndarray) -> np.ndarray:
    """int64 record ids of lines that have nothing but their place in a carrier."""
    return (np.uint64(h64(identity)) + ordinals.astype(np.uint64)).view(np.int64)


def of_events(stream: Stream, ids: list[str]) -> np.ndarray:
    """int64 record ids of the events of one log stream."""
    base = np.uint64(h64(stream.owner, stream.group, stream.name))
    joined = "".join(ids)
    proper = joined.isascii() and joined.isdigit() and all(len(i) == ID_DIGITS for i in ids)
    if not proper:
        hashes = [h64(stream.owner, stream.group, stream.name, event_id) for event_id in ids]
        return np.array(hashes, np.uint64).view(np.int64)
    digits = np.frombuffer(joined.encode(), np.uint8).reshape(len(ids), ID_DIGITS) - ord("0")
    # uint64 wraps around, which is what "modulo 2^64" asks for.
    return (digits.astype(np.uint64) @ _POWERS + base).view(np.int64)
