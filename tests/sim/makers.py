"""What is sent: posts and files of all kinds, each once more at times."""

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random

from tests.sim.poison import poisoned
from tests.sim.senders import File, Post, Retry, Sender
from tests.sim.traffic import (
    APP,
    CUSTOM_FORMAT,
    CUSTOM_GROUP,
    GROUPS,
    OWN_GROUP,
    VPC,
    Broken,
    Envelope,
    Plain,
    Traffic,
    broken,
    joined,
)
from tests.sim.truth import Line
from tests.sim.weather import Weather


@dataclass
class Makers:
    """Makes those who send, by chance; `waiting` are not answered yet, `sent` are."""

    random: Random
    traffic: Traffic
    weather: Weather
    now_ms: Callable[[], int]
    waiting: list[Sender] = field(default_factory=list)
    sent: list[Sender] = field(default_factory=list)
    _numbers: int = 0

    def sender(self) -> Sender:
        """One who waits, one who was answered, or a new one."""
        chance = self.random.random()
        if self.waiting and chance < 0.4:
            return self.random.choice(self.waiting)
        if self.sent and chance < 0.55:
            return self._again(self.random.choice(self.sent))
        if chance < 0.8:
            return self._file()
        return self._post()

    def answered(self, sender: Sender) -> None:
        """A sender has heard that all is taken."""
        self.waiting.remove(sender)
        if isinstance(sender, File) and sender.later:
            self.waiting.append(self._retry_of(sender))
        else:
            self.sent.append(sender)

    def _again(self, sender: Sender) -> Sender:
        """Sent once more though it was answered: at once, or mixed with other events."""
        if isinstance(sender, Post) and len(sender.items) == 1:
            (item,) = sender.items
            if isinstance(item, Envelope) and not item.control and item.group != CUSTOM_GROUP:
                some = item.events[self.random.randrange(len(item.events)) :]
                more = self._envelope(item.source, item.stream, item.group)
                both = Envelope(item.source, item.stream, some + more.events, item.group)
                return Post(sender.key, [both], [self._packing(both)])
        return sender

    def _post(self) -> Post:
        items: list[Envelope | Plain | Broken] = []
        for _ in range(self.random.choice((1, 1, 2, 3))):
            source = self.random.choice((VPC, VPC, APP))
            chance = self.random.random()
            self._numbers += 1
            if chance < 0.12:
                items.append(broken(self.random, source, self._numbers))
            elif chance < 0.15 and self.weather.poison:
                items.append(poisoned(self.random, self.now_ms()))
            elif chance < 0.5:
                lines = tuple(self.traffic.plain_lines(source, self.now_ms()))
                with_key = source == VPC and self.random.random() < 0.5
                identity = f"request/{source}/{self._numbers}" if with_key else ""
                items.append(Plain(source, lines, identity))
            else:
                stream = self.random.choice(self.traffic.streams[source])
                items.append(self._envelope(source, stream, self._group(source)))
        key = self.random.choice("abcdefgh")
        return Post(key, items, [self._packing(item) for item in items])

    def _group(self, source: str) -> str:
        return OWN_GROUP if self.random.random() < 0.08 else GROUPS[source]

    def _envelope(self, source: str, stream: str, group: str) -> Envelope:
        control = self.random.random() < 0.08
        events = tuple(self.traffic.events(source, self.now_ms()))
        return Envelope(source, stream, events[:1] if control else events, group, control)

    def _packing(self, item: object) -> str:
        kinds = ("plain", "gzip") if isinstance(item, Plain) else ("plain", "gzip", "base64")
        return self.random.choice(kinds)

    def _file(self) -> File:
        self._numbers += 1
        name, source = f"file-{self._numbers}.log", self.random.choice((VPC, APP))
        chance = self.random.random()
        if chance < 0.1:
            content = broken(self.random, source, self._numbers)
            if content.content:
                digest = sha256(content.content).hexdigest()
                return File(name, source, (), content.content, digest, content.reason)
        if chance < 0.4 and source == VPC:
            lines, later = self._in_two_formats(), (CUSTOM_FORMAT,)
        else:
            lines, later = self.traffic.plain_lines(source, self.now_ms(), 15), ()
        content_bytes = joined(lines)
        digest = sha256(content_bytes).hexdigest()
        if self.random.random() < 0.3:
            content_bytes = Plain(source, tuple(lines)).payload("gzip")
        return File(name, source, tuple(lines), content_bytes, digest, "", later)

    def _in_two_formats(self) -> list[Line]:
        lines: list[Line] = []
        for _ in range(self.random.randint(2, 12)):
            chance = self.random.random()
            if chance < 0.5:
                custom = self.traffic.flow(self.now_ms(), custom=True)
                lines.append(Line(custom.raw, "reject", "field_count", None, custom.content))
                self.traffic.mended[custom.raw] = custom
            elif chance < 0.8:
                lines.append(self.traffic.flow(self.now_ms()))
            elif chance < 0.9:
                lines.append(Line(b"", "drop", "blank"))
            else:
                self._numbers += 1
                lines.append(Line(b"garbage %d" % self._numbers, "reject", "field_count"))
        return lines

    def _retry_of(self, file: File) -> Retry:
        known = self.traffic.mended
        return Retry(file, tuple(known.get(line.raw, line) for line in file.lines))
