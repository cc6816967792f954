"""Outside data that rows are enriched by: kept with its token and its age, fetched when asked.

    document  what AWS publishes, read strictly
    kept      what is kept of it, and how it is looked up
    fetching  a document from an address, bounded in size and time
    renewal   fetch, judge, keep; what is broken or too small is refused and the old one stays

What fetches is loaded when something is fetched: functions that enrich never do.
"""

from pipeline.lookups.kept import (
    Cache,
    Kept,
    decoded,
    in_home,
    kept_in,
    of_home,
    ranges_in,
    read_file,
)

__all__ = ["Cache", "Kept", "decoded", "in_home", "kept_in", "of_home", "ranges_in", "read_file"]
