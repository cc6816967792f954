"""The registry of sources: one file and one name each."""

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module

from pipeline.errors import UsageError
from pipeline.sources.source import Source

__all__ = ["NAMES", "Source", "all_sources", "find"]

NAMES = (
    *("vpc-flow", "tgw-flow", "app-log"),
    *("alb", "nlb", "cloudfront", "api-gateway", "s3-access", "http-access", "waf", "resolver"),
    "page-view",
)


def find(name: str) -> Source:
    """The source of this name; hyphens and underscores are the same.

    Raises UsageError for a name that is none, with the nearest one.
    """
    wanted = name.replace("_", "-")
    if wanted not in NAMES:
        near = get_close_matches(wanted, NAMES, 1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(NAMES)}"
        raise UsageError(f"there is no source called {name}", "", hint)
    # Imported by name, so that a handler loads its own source only.
    module = import_module(f"pipeline.sources.{wanted.replace('-', '_')}")
    source: Source = module.SOURCE
    return source


def all_sources() -> Mapping[str, Source]:
    """Every source by its name."""
    return {name: find(name) for name in NAMES}
