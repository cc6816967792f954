"""tailrace doctor: is everything there, and where does each setting come from?"""

import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import Config, Home, Stage, settings_of
from pipeline.cli.output import counted, visible
from pipeline.deployed.check import Check
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.deliver.lake_file import LakeFile
    from pipeline.settings import Settings

FREE_BYTES = 1 << 30


def doctor(
    rebuild: Annotated[
        bool,
        typer.Option(
            "--rebuild", help="Make the catalogue anew first, from the lake's files and log.db."
        ),
    ] = False,
    stage: Stage = None,
    silence_ok: Annotated[
        bool,
        typer.Option(
            "--silence-ok", help="With --stage: that nothing comes is said, and ends with 0."
        ),
    ] = False,
    config: Config = None,
    home: Home = None,
) -> None:
    """Check the machine and the home, and print every setting with its origin.

    Ends with 1 when something has to be mended, and says how. --stage checks a deployed stack
    instead, part by part: whether it is as declared, and whether logs come in and land. It only
    looks (infra/pipeline.yaml lists what that needs, in LookPolicy), for less than 0.001 USD.

    \b
    tailrace doctor
    tailrace doctor --rebuild
    tailrace doctor --stage staging
    """
    from pipeline.cli.streams import width
    from pipeline.cli.table import listing
    from pipeline.settings import described

    settings = settings_of(config, home)
    if stage:
        from pipeline.cli import staged

        if rebuild:
            raise UsageError("--rebuild is about a home, not a stack", "--stage", "leave one out")
        found = _tell(staged.examined(settings, stage))
        _end([each for each in found if not (silence_ok and each.mild)])
        return
    if silence_ok:
        fix = "leave it out, or name a stage"
        raise UsageError("--silence-ok is about a stack, not a home", "--silence-ok", fix)
    checks = _tell([*(_rebuilt(settings) if rebuild else ()), *_checks(settings)])
    rows = [
        (name, _value(settings, name), settings.origins.get(name, "default"))
        for name, _, _ in described()
    ]
    sys.stdout.write("\n" + listing(("setting", "value", "from"), rows, width()))
    _end(checks)


def _tell(checks: Sequence[Check]) -> Sequence[Check]:
    """Print checks."""
    for check in checks:
        mark = "✓" if check.ok else "!" if check.mild else "✗"
        sys.stdout.write(f"{mark} {check.name:<10}{visible(check.found)}\n")
        if not check.ok:
            sys.stdout.write(f"  {'':<10}{visible(check.fix)}\n")
    return checks


def _end(checks: Sequence[Check]) -> None:
    """End with 1 where something is not ok."""
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


def _rebuilt(settings: "Settings") -> Iterator[Check]:
    from pipeline.batch.context import context_of
    from pipeline.enrich.aws_ranges import NONE
    from pipeline.home import LAKE, readable, writing
    from pipeline.lake.rebuild import rebuild

    folder = settings.home_path
    with readable(folder):
        # A home that was never written to is not made for this.
        pass
    with writing(folder, context_of(settings, aws_ranges=NONE)) as opened:
        found = rebuild(opened.store, folder, folder / LAKE, int(time.time() * 1000))
    held = counted(found.landing, "landing file"), counted(found.curated, "curated file")
    yield Check("catalogue", True, f"made anew: {' and '.join(held)}, {counted(found.rows, 'row')}")
    for path in found.left:
        yield Check("file", False, f"{path} is not whole", "put it back from a copy, run it again")


def _value(settings: "Settings", name: str) -> str:
    value: object = settings
    for part in name.split("."):
        value = getattr(value, part)
    if isinstance(value, dict):
        return counted(len(value), "log group")
    return ", ".join(value) if isinstance(value, list) else str(value)


def _checks(settings: "Settings") -> Iterator[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Check("python", sys.version_info >= (3, 11), version, "use Python 3.11 or newer")
    yield _engine()
    yield _networks(settings)
    yield _ranges(settings)
    yield from _home(settings.home_path)


def _engine() -> Check:
    from pipeline.decode.inflate import engine

    fast = engine.__name__ == "isal.isal_zlib"
    return Check("gzip", True, "isal" if fast else "zlib (slower; pip install tailrace[fast])")


def _networks(settings: "Settings") -> Check:
    from pipeline.batch.context import context_of
    from pipeline.enrich.aws_ranges import NONE
    from pipeline.errors import TailraceError

    try:
        known = context_of(settings, aws_ranges=NONE).lookups.networks.known
    except TailraceError as error:
        return Check("networks", False, error.what, error.fix)
    file = settings.networks.file or "no [networks] file"
    return Check("networks", True, f"{len(known)} named ({file})")


def _ranges(settings: "Settings") -> Check:
    from pipeline.cli.lookups import FETCH, age_of
    from pipeline.errors import TailraceError
    from pipeline.lookups import in_home, kept_in
    from pipeline.lookups.kept import OLD_DAYS

    try:
        kept = kept_in(in_home(settings.home_path))
    except TailraceError as error:
        return Check("lookups", False, error.what, error.fix)
    if kept is None:
        return Check("lookups", True, f"no address ranges of AWS ({FETCH})")
    age = kept.age_days(int(time.time() * 1000))
    old = f", which is old ({FETCH})" if age >= OLD_DAYS else ""
    found = f"{kept.count:,} address ranges of AWS, checked {age_of(kept)}{old}"
    return Check("lookups", True, found)


def _home(folder: Path) -> Iterator[Check]:
    from pipeline.cli.homes import to_read
    from pipeline.errors import NotConfigured, TailraceError
    from pipeline.home import readable
    from pipeline.lake import catalogue

    above = (folder.absolute(), *folder.absolute().parents)
    at = next(path for path in above if os.path.exists(path))
    free = shutil.disk_usage(at).free
    yield Check(
        "disk", free >= FREE_BYTES, f"{free / 1e9:.1f} GB free", "free some space at the home"
    )
    try:
        read = to_read(folder)
        with readable(read) as opened:
            waiting = opened.store.rows("select count(*) from record")[0][0]
            files = catalogue.held(opened.store)
            missing = _missing(read, catalogue.all_files(opened.store))
    except TailraceError as error:
        none = isinstance(error, NotConfigured)
        said = f"none yet at {folder.absolute()}" if none else f"{folder}: {error.what}"
        yield Check("home", none, said, error.fix)
        yield _writer(folder)
        return
    demo = "" if read == folder else " (the home is empty; this is the demo's data)"
    held = f"{counted(files[1], 'row')} in {counted(files[0], 'file')}"
    yield Check("home", True, f"{read}: {held}{demo}")
    yield Check("stream", True, f"{counted(waiting, 'record')} kept")
    if missing:
        what = f"{counted(len(missing), 'file')} of the lake missing, the first {missing[0]}"
        yield Check("lake", False, what, "put it back from a copy; tailrace audit names them all")
    for closed in _closed(read):
        yield Check("folder", False, f"{closed} cannot be written", "mend its permissions")
    yield _writer(read)


def _missing(home: Path, files: Iterable["LakeFile"]) -> list[str]:
    """Files in force that are not there."""
    from pipeline.home import LAKE

    in_force = (each.path for each in files if each.folded is None and each.retired_ms is None)
    return [path for path in in_force if not (home / LAKE / path).is_file()]


def _closed(home: Path) -> list[Path]:
    """Folders of the home that nothing can be written to."""
    from pipeline.home import LAKE, QUARANTINE

    there = [each for each in (home, home / LAKE, home / QUARANTINE) if each.is_dir()]
    return [each for each in there if not os.access(each, os.W_OK | os.X_OK)]


def _writer(folder: Path) -> Check:
    from pipeline.errors import HomeError
    from pipeline.store.lock import writer_of

    try:
        pid = writer_of(folder)
    except HomeError as error:
        return Check("writer", False, error.what, error.fix)
    return Check("writer", True, f"process {pid} writes now" if pid else "nobody writes now")
