"""The home that the golden answers are about."""

from pathlib import Path

import pytest

from pipeline.queries import Window
from tests.queries.homes import bring, lines_at, moment

# Network web sends to db (both ends log it: the second line is a second sight), talks to a web
# server outside, and is knocked on from outside. What 10.0.1.7 sends to db its own interface lets
# through and the other end rejects. The first and the last line lie just outside of the hour that
# is asked for.
FLOWS = """
1 eni-a 10.0.1.5    10.0.2.9     40000 5432  6 10 7777 13:59:59 ACCEPT OK       egress
1 eni-a 10.0.1.5    10.0.2.9     40000 5432  6 10 1000 14:00:00 ACCEPT OK       egress
1 eni-b 10.0.1.5    10.0.2.9     40000 5432  6 10 1000 14:00:00 ACCEPT OK       ingress
1 eni-a 10.0.1.5    52.94.76.1   40001 443   6 4  600  14:06:30 ACCEPT OK       egress
1 eni-a 52.94.76.1  10.0.1.5     443   40001 6 6  2400 14:06:59 ACCEPT OK       ingress
1 eni-a 45.33.32.10 10.0.1.5     50000 22    6 1  40   14:11:00 REJECT OK       ingress
1 eni-a 45.33.32.10 10.0.1.5     50001 22    6 2  80   14:12:00 REJECT OK       ingress
1 eni-a 45.33.32.77 10.0.1.6     50001 22    6 1  40   14:12:00 REJECT OK       ingress
1 eni-a 45.33.32.77 10.0.1.5     50002 23    6 1  44   14:13:00 REJECT OK       ingress
1 eni-b 10.0.1.6    10.0.2.9     40002 53   17 1  100  14:20:00 ACCEPT OK       egress
1 eni-a 10.0.1.7    10.0.2.8     40003 3306  6 3  180  14:20:30 ACCEPT OK       egress
1 eni-d 10.0.1.7    10.0.2.8     40003 3306  6 3  180  14:20:30 REJECT OK       ingress
1 eni-c -           -            -     -     - -  -    14:21:00 -      NODATA   -
1 eni-c -           -            -     -     - -  -    14:22:00 -      SKIPDATA -
1 eni-a 10.0.1.5    10.0.2.9     40000 5432  6 10 8888 15:00:00 ACCEPT OK       egress
"""
BAD_ADDRESS = "1 eni-a 10.0.1.999 10.0.2.9 1 2 6 1 1 1795615200 ACCEPT OK egress"


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the flows above, three lines that are none, and one with a bad address."""
    folder = tmp_path_factory.mktemp("golden")
    bring(folder, lines_at(FLOWS), "flows", "2026-11-25T15:01:00")
    bring(folder, ["first", "second one"], "bad", "2026-11-25T14:30:00")
    bring(folder, ["third", BAD_ADDRESS], "worse", "2026-11-25T14:40:00")
    return folder


@pytest.fixture(scope="session")
def hour() -> Window:
    """The hour that is asked for."""
    return Window(moment("2026-11-25T14:00"), moment("2026-11-25T15:00"))
