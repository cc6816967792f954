"""How hypothesis searches: no deadline (two cores are often shared), a repeatable print."""

from hypothesis import settings

settings.register_profile("tests", deadline=None, print_blob=True)
settings.load_profile("tests")
