"""A home at rest is tampered with: the audit must say so, and where."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path


def tamper(home: Path, seed: int, say: Callable[[str], None]) -> Counter[str]:
    return Counter()
