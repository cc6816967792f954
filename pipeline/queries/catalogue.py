"""The saved queries: the files of the folder `sql/`."""

from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

from pipeline.errors import HomeError, UsageError
from pipeline.queries.front_matter import PRICES, SavedQuery, read
from pipeline.settings import Prices


def folder() -> Path:
    """Where the files lie: inside the package when installed, beside it in a checkout."""
    here = Path(__file__)
    installed = here.parents[1] / "sql"
    return installed if installed.is_dir() else here.parents[2] / "sql"


def load(prices: Prices = PRICES, within: Path | None = None) -> dict[str, SavedQuery]:
    """Every saved query by its name, in the order of names.

    within  another folder than `folder()`

    Raises HomeError where one of them, or all, cannot be read; see `front_matter.read`.
    """
    found = {name: read(path, prices) for name, path in _paths(within).items()}
    if not found:
        where = f"in {within or folder()}"
        raise HomeError("there are no saved queries", where, "install Tailrace again")
    return found


def readable(within: Path | None = None) -> list[SavedQuery]:
    """Those that can be read: one that cannot must not keep another error from being told."""
    found = []
    for path in _paths(within).values():
        with suppress(HomeError):
            found.append(read(path))
    return found


def find(name: str, prices: Prices = PRICES) -> SavedQuery:
    """The saved query of this name; hyphens and underscores are the same.

    Raises UsageError for a name that is none, with the nearest ones, HomeError where its file
    cannot be read.
    """
    wanted = name.replace("-", "_")
    paths = _paths()
    if wanted in paths:
        return read(paths[wanted], prices)
    near = get_close_matches(wanted, paths, 3, 0.5)
    raise UsageError(
        f"there is no query called {name}",
        f"nearest: {', '.join(near)}" if near else "",
        "all of them: tailrace query",
    )


def _paths(within: Path | None = None) -> dict[str, Path]:
    return {path.stem: path for path in sorted((within or folder()).glob("*.sql"))}
