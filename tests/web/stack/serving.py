"""python -m tests.web.stack.serving [--presets] [--refuse TEXT]: the page of a stage in memory.

It is there until a signal, and prints its URL. With presets they were asked seven minutes ago.
Athena fails what has TEXT in it.
"""

import sys
import tempfile
from pathlib import Path

from pipeline.web.address import Address
from pipeline.web.dashboard import show
from pipeline.web.models import StackHealth
from tests.counters.test_counters import delta, of
from tests.counters.test_table import opened
from tests.web.stack.staged import NOW, shown


def main() -> None:
    """Serve it."""
    with tempfile.TemporaryDirectory() as folder:
        page, minute = shown(Path(folder)), int(NOW.timestamp()) // 60
        views = of(minute - 1, **{"/a": 3, "/pricing": 9})
        opened(page.stage.account).add(delta("", "1", views, minute=minute))
        if "--refuse" in sys.argv:
            page.stage.refuses = sys.argv[sys.argv.index("--refuse") + 1]
        if "--presets" in sys.argv[1:]:
            page.refresh()
            page.later(minutes=7)

        def ready(url: str) -> None:
            sys.stdout.write(f"{url}\n")
            sys.stdout.flush()

        show(page.reader(), Address("127.0.0.1", 0), StackHealth, ready)


if __name__ == "__main__":
    main()
