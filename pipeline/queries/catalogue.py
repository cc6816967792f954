"""The saved queries: the files of the folder `sql/`."""

from difflib import get_close_matches
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.queries.front_matter import PRICES, SavedQuery, read
from pipeline.settings import Prices


def folder() -> Path:
    """Where the files lie: inside the package when installed, beside it in a checkout."""
    here = Path(__file__)
    installed = here.parents[1] / "sql"
    return installed if installed.is_dir() else here.parents[2] / "sql"


def load(prices: Prices = PRICES) -> dict[str, SavedQuery]:
    """Every saved query by its name, in the order of names; see `front_matter.read`."""
    return {path.stem: read(path, prices) for path in sorted(folder().glob("*.sql"))}


def find(name: str, prices: Prices = PRICES) -> SavedQuery:
    """The saved query of this name; hyphens and underscores are the same.

    Raises UsageError for a name that is none, with the nearest ones.
    """
    wanted = name.replace("-", "_")
    paths = {path.stem: path for path in sorted(folder().glob("*.sql"))}
    if wanted in paths:
        return read(paths[wanted], prices)
    near = get_close_matches(wanted, paths, 3, 0.5)
    raise UsageError(
        f"there is no query called {name}",
        f"nearest: {', '.join(near)}" if near else "",
        "all of them: tailrace query",
    )
