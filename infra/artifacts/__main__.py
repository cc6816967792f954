"""Build the functions for Lambda: `make build`, and `make build-LogEtl` as `sam build` calls it."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.artifacts.build import ROOT, Artifact, build, build_into, function_of, functions
from infra.artifacts.target import ARCHITECTURES, PYTHON, Target
from infra.telling import say, table, tell
from pipeline.errors import TailraceError

HEAD = ("function", "for", "unzipped", "zipped", "import CPU", "of a bare Python")


def main(words: Sequence[str] | None = None) -> int:
    """Build and print what was built; 0, or the exit code of the error that is told."""
    asked = _parser().parse_args(words)
    try:
        artifacts = _built(asked)
    except TailraceError as error:
        say(f"error: {error}")
        return error.exit_code
    tell(table(HEAD, [_row(artifact) for artifact in artifacts]))
    for artifact in artifacts:
        if not artifact.compiled:
            label = f"{artifact.function} for {artifact.target.architecture}"
            version = artifact.target.python
            tell(f"NOT COMPILED: {label}: no python{version} here; cold starts cost twice the CPU")
        if artifact.untried:
            label = f"{artifact.function} for {artifact.target.architecture}"
            tell(f"NOT TRIED: {label}: {artifact.untried}; only its files were checked")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m infra.artifacts", description=__doc__)
    parser.add_argument("--python", default=PYTHON, help="version of Python (%(default)s)")
    parser.add_argument("--architecture", choices=ARCHITECTURES, action="append")
    parser.add_argument("--function", help="one function, by its name or logical id")
    parser.add_argument("--into", type=Path, help="a folder for its tree; no zip is made then")
    return parser


def _built(asked: argparse.Namespace) -> list[Artifact]:
    names = [function_of(asked.function, ROOT)] if asked.function else functions(ROOT)
    targets = [Target(each, asked.python) for each in asked.architecture or ARCHITECTURES]
    if asked.into:
        return [build_into(targets[0], names[0], asked.into)]
    artifacts = []
    for target in targets:
        out = ROOT / "build" / f"python{target.python}" / target.architecture
        say(f"==> {out.relative_to(ROOT)}")
        artifacts += build(target, names, out)
    return artifacts


def _row(artifact: Artifact) -> tuple[str, ...]:
    target = artifact.target
    cells = [artifact.function, f"{target.architecture} {target.python}"]
    cells += [_mb(artifact.unzipped), _mb(artifact.zipped) if artifact.zipped else "-"]
    if artifact.import_s is None:
        return (*cells, "-", "-")
    cold, bare = artifact.import_s
    return (*cells, f"{cold * 1000:.0f} ms", f"{cold / bare:.0f}x")


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


if __name__ == "__main__":
    sys.exit(main())
