"""Which source reads what: declared by log group or by place in S3, never guessed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pipeline.errors import UsageError
from pipeline.settings import Settings
from pipeline.sources import find

OTHERWISE = "app-log"
REST = "*"
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
                raise UsageError(error.what, f"as the source of {name}", error.fix) from error
        return cls(Named.of(settings.sources), Named.of(settings.declared_formats()))

    def source_of(self, name: str) -> str:
        """The source of a log group or an object; app-log, which reads any text, for all others."""
        return self.sources.get(name, OTHERWISE)
