"""Numbers and their nouns, as findings say them."""


def counted(count: int, noun: str) -> str:
    """A number and its noun: 1 row, 2,000 rows."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
