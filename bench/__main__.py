"""`python -m bench`: measure the product's path beside the base and write what came out.

The product's cases live in bench/product.py, which offers

    cases(corpus: Corpus) -> list[Case]                    one invocation at a time, from envelopes
    commands(corpus: Corpus, file: Path) -> list[Case]     whole commands over corpus.text in a file

`cases` is asked for each format and for the corpus with bad lines, `commands` for plain lines. It
keeps every thread pool at one thread.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from bench import base, measure, product
from bench.corpus import Corpus, build
from bench.measure import BenchError, Case

LINES = 250_000
QUICK_LINES = 40_000
BAD_SHARE = 0.01


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, write; 1 when the cases disagree."""
    options = parse_options(argv)
    core = measure.pin()
    report: dict[str, Any] = {"machine": measure.machine(core), "rounds": options.rounds}
    report["corpus"], report["comparisons"] = {}, {}
    try:
        for title, figures, cases in comparisons(options.lines):
            timings = measure.compare(cases, options.rounds)
            say(measure.table(title, timings))
            report["corpus"][title] = figures
            report["comparisons"][title] = [asdict(timing) for timing in timings]
    except BenchError as error:
        sys.stderr.write(f"bench: {error}\n")
        return 1
    measure.write_json(options.out, report)
    say(f"written to {options.out}")
    return 0


def parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line; `--quick` lowers what is not given."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, help="rounds of every case (5; quick 3)")
    parser.add_argument(
        "--lines", type=int, help=f"lines of the corpus ({LINES}; quick {QUICK_LINES})"
    )
    parser.add_argument("--quick", action="store_true", help="a look, not a measurement")
    parser.add_argument("--out", type=Path, default=Path("bench/out/bench.json"), metavar="FILE")
    options = parser.parse_args(argv)
    options.rounds = options.rounds or (3 if options.quick else 5)
    options.lines = options.lines or (QUICK_LINES if options.quick else LINES)
    return options


def comparisons(lines: int) -> Iterator[tuple[str, dict[str, float], list[Case]]]:
    """Title, corpus figures and cases of each comparison; the first case is the base."""
    narrow = build(lines)
    cases = from_envelopes(narrow)
    cases += [*product.cases(narrow), *with_bad_lines(lines)]
    yield "v2 lines in envelopes", narrow.figures(), cases

    wide = build(max(lines // 4, 1), base.V5)
    cases = from_envelopes(wide)
    cases += product.cases(wide)
    yield "29 fields in envelopes", wide.figures(), cases

    with tempfile.TemporaryDirectory(prefix="tailrace-bench-") as folder:
        file = Path(folder, "flows.log")
        plain = build(lines * 2)  # a command has a start of its own, that few lines would measure
        file.write_bytes(plain.text)
        cases = [from_plain_lines(plain)]
        cases += product.commands(plain, file)
        yield "v2 plain lines of a file", plain.figures(), cases


def from_envelopes(corpus: Corpus) -> list[Case]:
    """The base and floor S over a corpus's invocations."""
    first, count = corpus.invocations[0], len(corpus.lines)
    work = partial(base.process, columns=corpus.columns)
    return [
        Case("base", count, lambda: each(work, corpus), lambda: base.digest(work(first))),
        Case(
            "floor S (stdlib decode, gunzip, JSON)",
            count,
            lambda: each(base.floor_stdlib, corpus),
            lambda: base.digest(
                base.process_lines("\n".join(base.floor_stdlib(first)).encode(), corpus.columns)
            ),
        ),
    ]


def from_plain_lines(corpus: Corpus) -> Case:
    """The base over the same lines as a file holds them."""
    text = corpus.text
    work = partial(base.process_lines, columns=corpus.columns)
    return Case("base", len(corpus.lines), lambda: work(text), lambda: base.digest(work(text)))


def with_bad_lines(lines: int) -> list[Case]:
    """The product's cases over the dirty twin, which owe the rows that are left."""
    twin = build(lines, bad_share=BAD_SHARE)
    owed = partial(base.process_lines, twin.first_good, twin.columns)
    return [
        replace(case, name=f"{case.name}, 1 % bad", expects=lambda: base.digest(owed()))
        for case in product.cases(twin)
    ]


def each(work: Any, corpus: Corpus) -> None:
    """Do the work invocation by invocation; what came out of one is gone before the next."""
    for payloads in corpus.invocations:
        work(payloads)


def say(text: str) -> None:
    """A block of the report, at once."""
    sys.stdout.write(text + "\n\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
