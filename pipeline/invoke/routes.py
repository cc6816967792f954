"""Which source reads what: declared by log group or by place in S3, never guessed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pipeline.errors import UsageError
from pipeline.settings import Settings
from pipeline.sources import Source, find

OTHERWISE = "app-log"
REST = "*"
OBJECTS = "s3://"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Named(Generic[T]):
    """Something declared by name; a name that ends in * stands for all that begin so."""

    exact: Mapping[str, T]
    beginnings: Sequence[tuple[str, T]]

    @classmethod
    def of(cls, declared: Mapping[str, T]) -> "Named[T]":
        """The same as declared, the longest beginning first."""
        rest = [(name.removesuffix(REST), it) for name, it in declared.items() if REST in name[-1:]]
        return cls(declared, sorted(rest, key=lambda each: len(each[0]), reverse=True))

    def get(self, name: str, otherwise: T) -> T:
        """What is declared for a name."""
        if name in self.exact:
            return self.exact[name]
        return next(
            (it for beginning, it in self.beginnings if name.startswith(beginning)), otherwise
        )


@dataclass(frozen=True, slots=True)
class Routes:
    """Sources by log group (or s3://bucket/key), and the formats of objects."""

    sources: Named[str] = field(default_factory=lambda: Named.of({}))
    formats: Named[tuple[str, ...]] = field(default_factory=lambda: Named.of({}))

    @classmethod
    def of(cls, settings: Settings) -> "Routes":
        """As the settings say.

        Raises UsageError for a source or a format that is none.
        """
        for name, given in settings.sources.items():
            try:
                find(given)
            except UsageError as error:
                where = f"as the source of {name}{_declared_in(settings, 'sources')}"
                raise UsageError(error.what, where, error.fix) from error
        formats = settings.declared_formats()
        routes = cls(Named.of(settings.sources), Named.of(formats))
        for name, texts in formats.items():
            try:
                routes.check(name, texts)
            except UsageError as error:
                place = f"declared for {name}{_declared_in(settings, 'formats')}"
                where = f"{error.where}, {place}" if error.where else place
                raise UsageError(error.what, where, error.fix) from error
        return routes

    def source_of(self, name: str) -> str:
        """The source of a log group or an object; app-log, which reads any text, for all others."""
        return self.sources.get(name, OTHERWISE)

    def check(self, name: str, texts: Sequence[str]) -> None:
        """Raise UsageError for formats that no source which meets them by this name can read."""
        if name.endswith(REST) and not _of_objects(name.removesuffix(REST)):
            fix = "name each log group whole; * ends names of objects alone, s3://bucket/folder/*"
            raise UsageError("no log group has a * in its name", "", fix)
        read_by = [source for source in self.read_by(name) if source.check_format is not None]
        if not read_by:
            fix = "say under sources what writes there, or take the format out"
            what = f"{self.source_of(_group(name))} takes no format"
            raise UsageError(what, f"in {', '.join(texts)[:300]!r}", fix)
        for source in read_by:
            source.check_formats(texts)
            if texts and name.startswith(OBJECTS) and not source.has_time(texts):
                what = f"the format has no time, such as {source.time_from or 'time'}"
                fix = "add it where the log is written: lines of objects have no time beside it"
                raise UsageError(what, f"in {', '.join(texts)[:300]!r}", fix)

    def read_by(self, name: str) -> Iterator[Source]:
        """The sources that what has the formats of this name is read by."""
        yield find(self.source_of(_group(name)))
        if name.endswith(REST):
            by_name = Named.of({each: each for each in self.formats.exact})
            for each in self.sources.exact:
                beginning = each.removesuffix(REST)
                within = beginning.startswith(name.removesuffix(REST))
                if within and name in (each, by_name.get(beginning, "")):
                    yield find(self.sources.exact[each])


def _group(name: str) -> str:
    """What a source is declared for: the group of group:stream, an object, or a beginning."""
    name = name.removesuffix(REST)
    return name if _of_objects(name) else name.partition(":")[0]


def _of_objects(beginning: str) -> bool:
    return beginning.startswith(OBJECTS) or OBJECTS.startswith(beginning)


def _declared_in(settings: Settings, name: str) -> str:
    origin = settings.origins.get(name, "")
    return f" in {origin}" if origin else ""
