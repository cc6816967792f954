"""tailrace replay --stage S: what a stack's bucket or stream still holds, once more."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from shlex import quote
from typing import TYPE_CHECKING

from pipeline.cli import let_all_in, streams
from pipeline.cli.asking import ask
from pipeline.cli.output import counted, say, visible
from pipeline.errors import DeliveryError
from pipeline.queries.forms import iso

if TYPE_CHECKING:
    from pipeline.backfill import Request, Sum
    from pipeline.deployed.backfill import Found, Outside, Seen
    from pipeline.deployed.stage import Deployed
    from pipeline.queries import Window
    from pipeline.settings import Settings

# Who spends less is not asked.
COSTLY_USD = 1.0
USUAL, MOST = 2, 10
POLL_S, TOLD_EVERY_S = 3.0, 15.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says.

    window   None: any time
    ends     whether it says when the window ends: else what comes in later belongs to it
    """

    stage: str
    window: "Window | None"
    ends: bool
    prefix: str = ""
    source: str = ""
    concurrency: int = USUAL
    dry_run: bool = False
    wait: bool = True
    yes: bool = False

    def again(self, request: "Request") -> str:
        """The same command, whenever it is given."""
        words = [f"tailrace replay --stage {self.stage}"]
        words += [f"--prefix {quote(self.prefix)}"] if self.prefix else []
        words += [f"--source {self.source}"] if self.source else []
        if self.window:
            words.append(f"--from {iso(self.window.from_time)}")
        if self.window and (self.ends or request.stream):
            words.append(f"--to {iso(self.window.to_time)}")
        return " ".join(words)


def backfill(settings: "Settings", asked: Asked) -> None:
    """Say what there is, start a backfill of it, and watch that.

    Raises DeliveryError where something could not be taken, UsageError for what cannot be asked.
    """
    from pipeline import aws
    from pipeline.deployed.backfill import Outside
    from pipeline.deployed.stage import find

    let_all_in()
    session, now = aws.session(settings.target), datetime.now(UTC)
    deployed = find(session, asked.stage)
    outside = Outside(session, deployed, _request(deployed, asked))
    running = outside.running()
    if running:
        say("it runs already; watching it\n")
    else:
        found = outside.found(now)
        usd = _say_found(outside, found)
        _say_erased(outside, asked.stage)
        if not found.batches or asked.dry_run:
            return
        if usd >= COSTLY_USD and not asked.yes:
            ask(f"About {usd:.2f} USD. Begin?", "nothing was begun")
        most = min(asked.concurrency, found.shards or asked.concurrency)
        running = outside.start(now, most)
    say(f"execution {running}\n")
    if asked.wait:
        _watch(outside, asked, running)


def _request(deployed: "Deployed", asked: Asked) -> "Request":
    import msgspec

    from pipeline.backfill import Request
    from pipeline.deployed.backfill import of_prefix, of_route

    if asked.prefix or asked.window is None:
        request = of_prefix(deployed, asked.prefix, asked.source, asked.window)
    else:
        request = of_route(deployed, asked.source, asked.window)
    if not asked.ends and not request.stream:
        request = msgspec.structs.replace(request, to_ms=Request().to_ms)
    return request


def _say_found(outside: "Outside", found: "Found") -> float:
    """Print what a backfill would take; what it costs, in USD."""
    from pipeline.cli.cells import size
    from pipeline.estimate.backfill import reckoned

    if found.gone_until:
        say(f"gone: what arrived before {iso(found.gone_until)} has left the stream\n")
    source = max(found.objects, key=lambda each: found.objects[each], default="")
    source = source or outside.request.source or "vpc-flow"
    reads = found.objects.total() or found.batches
    usd = sum(
        each.usd for each in reckoned(outside.work(found.bytes, reads, found.batches, source))
    )
    kinds = found.objects.most_common()
    what = [f"{counted(count, 'object')} of {name}" for name, count in kinds]
    if found.shards:
        what = [counted(found.shards, "shard")]
    if not found.batches:
        sys.stdout.write("nothing to take\n")
        return 0
    batches = f"{found.batches:,} batch{'' if found.batches == 1 else 'es'}"
    said = [*what, size(found.bytes), batches, f"about {usd:.4f} USD"]
    streams.as_data(sys.stdout)
    sys.stdout.write(" · ".join(said) + "\n")
    sys.stdout.flush()
    return usd


def _say_erased(outside: "Outside", stage: str) -> None:
    count = outside.erasures()
    if count:
        rows = f"rows that {counted(count, 'erasure')} removed come in again where they still are"
        say(f"note: {rows}: run tailrace erase --stage {stage} once more behind it\n")


def _watch(outside: "Outside", asked: Asked, execution: str) -> None:
    from pipeline.deployed.backfill import Seen
    from pipeline.deployed.executions import RUNNING, SUCCEEDED

    again = asked.again(outside.request)
    started, last = time.monotonic(), Seen(RUNNING, execution, 0, 0)
    try:
        with _progress() as show:
            for last in outside.watched(execution):
                show(last)
                if last.status == RUNNING:
                    time.sleep(POLL_S)
    except KeyboardInterrupt:
        end = f"aws stepfunctions stop-execution --execution-arn {last.execution}"
        say(f"\nthe backfill goes on; watch it again: {again}\n  end it: {end}\n")
        raise
    total = outside.notes.sum()
    if total.batches:
        _print(outside, total, time.monotonic() - started)
    for each in total.failed:
        say(visible(f"{each.where}: {each.why}") + "\n")
    if last.status != SUCCEEDED or total.failed or last.done < last.planned:
        status = last.status.lower().replace("_", " ")
        left = f"{last.planned - last.done:,} of {last.planned:,} batches"
        what = f"the execution has {status}; {left} are not done"
        raise DeliveryError(what, f"at {last.execution}", f"mend it, and go on: {again}")


def _print(outside: "Outside", total: "Sum", seconds: float) -> None:
    """What came of it, and what that has cost."""
    from pipeline.cli.cells import size
    from pipeline.estimate.backfill import reckoned

    counts = total.counts
    work = outside.work(
        counts.bytes,
        counts.objects or counts.records,
        max(counts.calls, 1),
        outside.request.source or "vpc-flow",
    )
    usd = sum(each.usd for each in reckoned(work, counts.rows, counts.billed_ms / 1000))
    reads = counted(counts.objects, "object")
    if outside.request.stream:
        reads = counted(counts.records, "record")
    said = [
        reads,
        counted(counts.rows, "row"),
        f"{counts.rejected:,} refused",
        size(counts.bytes),
        f"{seconds:.0f} s",
        f"{counts.billed_ms / 1000:,.1f} s of the function",
        f"about {usd:.4f} USD",
    ]
    sys.stdout.write(" · ".join(said) + "\n")
    sys.stdout.flush()


@contextmanager
def _progress() -> "Iterator[Callable[[Seen], None]]":
    """Shows how many batches are done: a bar on a terminal, a line now and then elsewhere."""
    if not sys.stderr.isatty():
        yield _Lines().show
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("batches", total=None)
        yield lambda seen: bar.update(task, completed=seen.done, total=seen.planned or None)


@dataclass
class _Lines:
    """Progress as lines, none of them sooner than some seconds after the one before."""

    done: int = -1
    told_s: float = float("-inf")

    def show(self, seen: "Seen") -> None:
        """Say how far it is, where that is news."""
        now_s = time.monotonic()
        if seen.done == self.done or now_s < self.told_s + TOLD_EVERY_S:
            return
        self.done, self.told_s = seen.done, now_s
        say(f"{seen.done:,} of {seen.planned:,} batches\n")
