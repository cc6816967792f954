"""What a run ends with when something is wrong."""


class Violation(Exception):
    """A promise is broken."""
