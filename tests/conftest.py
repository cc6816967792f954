"""How hypothesis searches: no deadline (two cores are often shared), a repeatable print.

And the fault matrix, which every run can end with.
"""

import signal

from hypothesis import settings

from tests.fault_report import (
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_sessionfinish,
    pytest_sessionstart,
    pytest_terminal_summary,
)

__all__ = [
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_sessionfinish",
    "pytest_sessionstart",
    "pytest_terminal_summary",
]

settings.register_profile("tests", deadline=None, print_blob=True)
settings.load_profile("tests")

# A shell makes what it starts behind itself deaf to Ctrl-C; tests send it, and would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# gzip writes the time into its head: two processes would give a test two names.
GZIP = (b"\x1f\x8b", b"H4sI")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A name that is the same in every process, for what is gzipped."""
    if isinstance(val, bytes) and val.startswith(GZIP):
        return f"{argname} gzipped {len(val)}"
    return None
