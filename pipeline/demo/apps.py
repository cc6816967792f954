"""Application log lines of the demo: Lambda functions and a container service.

A function's log stream belongs to one execution environment: INIT_START when it is made, then for
each invocation START, the function's own lines, END and REPORT.

Source: AWS Lambda Developer Guide, "Understanding the Lambda execution environment lifecycle".
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import numpy as np

from pipeline.demo.world import REGION, Put, delays

FUNCTIONS = ("heron-checkout", "heron-catalog", "heron-thumbnails", "heron-invoices")
LOAD = (50, 30, 15, 5)
SERVICE_GROUP = "/ecs/heron-web"
APP_GROUPS = (*(f"/aws/lambda/{name}" for name in FUNCTIONS), SERVICE_GROUP)

SERVICE_SHARE = 0.4  # of the lines; the rest are the functions'
LINES_AN_INVOCATION = 5.1
ENVIRONMENTS = 6  # of a function, at most
COLD_SHARE = 0.015
ERROR_SHARE = 0.012

STEPS = (
    ("INFO", "request accepted"),
    ("INFO", "cart priced"),
    ("INFO", "stock reserved"),
    ("DEBUG", "cache hit"),
    ("DEBUG", "cache miss"),
    ("INFO", "payment authorised"),
    ("WARNING", "upstream is slow"),
)
CUSTOMERS = ("Ada Birch", "Zoë Kranich", "Jürgen Au", "Nadia Fjord", "鷺沢 湊", "Tom Reed")
FAILURES = (
    ("KeyError", "'sku'", "price", "total += PRICES[line['sku']]"),
    ("TimeoutError", "no answer from stock in 2.0 s", "reserve", "return call(stock, line)"),
    ("ValueError", "quantity must be positive, not -1", "check", "raise ValueError(text)"),
)
PAGES = ("/", "/catalog", "/catalog/42", "/cart", "/checkout", "/search", "/health")
TROUBLE = (
    ("WARN ", "pool: 18 of 20 connections in use"),
    ("WARN ", "retrying GET http://stock.heron.internal/v1/levels (attempt 2)"),
    ("ERROR", "upstream catalog answered 502 after 2013 ms"),
)


@dataclass(slots=True)
class _Environment:
    """Where a function runs: one log stream, and whether it has just been made."""

    stream: str
    cold: bool = True


@dataclass(slots=True)
class Apps:
    """The application log groups: one stream an execution environment or task."""

    numbers: np.random.Generator
    dice: random.Random
    environments: dict[str, list[_Environment]] = field(default_factory=dict)
    tasks: list[str] = field(default_factory=list)

    def arrive(self, begin_s: float, seconds: float, lines: float) -> list[Put]:
        """What reaches the log groups from `begin_s` on, about `lines` lines."""
        open_puts: dict[tuple[str, str], Put] = {}
        expected = lines * (1 - SERVICE_SHARE) / LINES_AN_INVOCATION
        for at in self._times(begin_s, seconds, expected):
            name = self.dice.choices(FUNCTIONS, LOAD)[0]
            where = self._environment(name, at)
            self._put(open_puts, f"/aws/lambda/{name}", where.stream, self._invoke(name, where, at))
        for at in self._times(begin_s, seconds, lines * SERVICE_SHARE):
            self._put(open_puts, SERVICE_GROUP, self._task(), [(at, self._service_line(at))])
        return list(open_puts.values())

    def _times(self, begin_s: float, seconds: float, expected: float) -> list[int]:
        """Moments in ms, in the order of arrival and therefore not quite in their own."""
        count = self.numbers.poisson(expected)
        arrivals = np.sort(begin_s + self.numbers.random(count) * seconds)
        moments: list[int] = ((arrivals - delays(self.numbers, count)) * 1000).astype(int).tolist()
        return moments

    def _put(
        self,
        open_puts: dict[tuple[str, str], Put],
        group: str,
        stream: str,
        events: list[tuple[int, str]],
    ) -> None:
        put = open_puts.setdefault((group, stream), Put(group, stream, [], []))
        for at, message in events:
            put.times.append(at)
            put.messages.append(json.dumps(message, ensure_ascii=False)[1:-1])

    def _environment(self, name: str, at: int) -> _Environment:
        """One of the function's environments; now and then a new one in an old one's place."""
        running = self.environments.setdefault(name, [])
        if not running or self.dice.random() < COLD_SHARE:
            day = datetime.fromtimestamp(at / 1000, UTC).strftime("%Y/%m/%d")
            stream = f"{day}/[$LATEST]{self.dice.getrandbits(128):032x}"
            if len(running) >= ENVIRONMENTS:
                running.pop(0)
            running.append(_Environment(stream))
            return running[-1]
        return running[-1 - int(len(running) * self.dice.random() ** 2)]

    def _task(self) -> str:
        while len(self.tasks) < 3:
            self.tasks.append(f"web/heron-web/{self.dice.getrandbits(128):032x}")
        return self.tasks[int(3 * self.dice.random() ** 1.5)]

    def _invoke(self, name: str, where: _Environment, at: int) -> list[tuple[int, str]]:
        """An invocation's lines with their moments."""
        dice, request = self.dice, str(UUID(int=self.dice.getrandbits(128), version=4))
        steps = dice.choices((1, 2, 3), (50, 35, 15))[0]
        spent = dice.lognormvariate(4, 0.9)
        began = at - int(spent)
        events = [(began, f"START RequestId: {request} Version: $LATEST\n")]
        events += [
            (began + 1 + int(spent * step / (steps + 1)), line)
            for step, line in enumerate(self._steps(name, request, began, steps))
        ]
        if dice.random() < ERROR_SHARE:
            events += [(at, line) for line in self._failure(name, request, at)]
        used = 70 + int(60 * dice.random())
        report = (
            f"REPORT RequestId: {request}\tDuration: {spent:.2f} ms\tBilled Duration: "
            f"{int(spent) + 1} ms\tMemory Size: 256 MB\tMax Memory Used: {used} MB\t"
        )
        if where.cold:
            events.insert(0, (began - 400, _init_line(dice.getrandbits)))
            report += f"Init Duration: {dice.uniform(180, 390):.2f} ms\t"
            where.cold = False
        return [*events, (at, f"END RequestId: {request}\n"), (at, report + "\n")]

    def _steps(self, name: str, request: str, at: int, count: int) -> list[str]:
        dice = self.dice
        return [
            json.dumps(
                {
                    "timestamp": _iso(at),
                    "level": level,
                    "message": message,
                    "logger": name,
                    "requestId": request,
                    "order": f"o-{dice.randrange(10**6):06d}",
                    "customer": dice.choice(CUSTOMERS),
                    "amount_cents": int(dice.lognormvariate(8, 0.8)),
                    "elapsed_ms": round(dice.lognormvariate(2.5, 1), 3),
                    "returning": dice.random() < 0.6,
                    "coupon": dice.choice((None, None, None, "SPRING")),
                },
                ensure_ascii=False,
            )
            for level, message in dice.choices(STEPS, (40, 15, 10, 15, 8, 10, 2), k=count)
        ]

    def _failure(self, name: str, request: str, at: int) -> list[str]:
        """The function's own JSON line and the runtime's traceback, which is one event."""
        kind, text, function, code = self.dice.choice(FAILURES)
        line = {
            "timestamp": _iso(at),
            "level": "ERROR",
            "message": "request failed",
            "logger": name,
            "requestId": request,
            "error": kind,
        }
        trace = (
            f"[ERROR] {kind}: {text}\nTraceback (most recent call last):\n"
            f'  File "/var/task/app.py", line 31, in handler\n    return {function}(event)\n'
            f'  File "/var/task/app.py", line 74, in {function}\n    {code}\n'
        )
        return [json.dumps(line), trace]

    def _service_line(self, at: int) -> str:
        dice = self.dice
        if dice.random() < 0.03:
            level, text = dice.choices(TROUBLE, (5, 3, 2))[0]
            return f"{_iso(at)} {level} web {text}"
        page = dice.choices(PAGES, (20, 16, 12, 8, 4, 10, 30))[0]
        status = dice.choices((200, 304, 404, 500), (92, 5, 2.5, 0.5))[0]
        level = "ERROR" if status >= 500 else "INFO "
        return f"{_iso(at)} {level} web GET {page} {status} {dice.lognormvariate(2.5, 0.9):.0f}ms"


def _init_line(bits: Callable[[int], int]) -> str:
    arn = f"arn:aws:lambda:{REGION}::runtime:{bits(256):064x}"
    return f"INIT_START Runtime Version: python:3.13.v12\tRuntime Version ARN: {arn}\n"


def _iso(moment_ms: int) -> str:
    moment = datetime.fromtimestamp(moment_ms / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment_ms % 1000:03d}Z"
