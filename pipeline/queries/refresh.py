"""Presets asked on a schedule: each answer becomes an object, which whoever looks reads.

Source: Amazon S3 API Reference, "PutObject", "GetObject", "ListObjectsV2".
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pipeline import aws
from pipeline.errors import NotConfigured, QueryFailed
from pipeline.presets import PREFIX, RANGES, Preset, presets
from pipeline.queries.engines import Engine
from pipeline.queries.engines.athena import Athena, place_of
from pipeline.queries.engines.stored import Stored, answer_of, content_of
from pipeline.queries.runner import run
from pipeline.settings import load

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Fewer than any account may ask at once: others ask, too.
AT_ONCE = 5


@dataclass(frozen=True, slots=True)
class Objects:
    """The answers of presets in a bucket."""

    client: "S3Client"
    bucket: str

    def put(self, preset: Preset, content: bytes) -> None:
        """Keep an answer. Raises TailraceError where S3 does not take it."""
        with aws.told("S3", self._where(preset)):
            self.client.put_object(
                Bucket=self.bucket,
                Key=preset.key,
                Body=content,
                ContentType="application/json",
                ContentEncoding="gzip",
            )

    def get(self, preset: Preset) -> Stored | None:
        """An answer; None where there is none (any more).

        Raises QueryFailed for one that is damaged, TailraceError where S3 does not tell.
        """
        where = self._where(preset)
        with aws.told("S3", where):
            try:
                body = self.client.get_object(Bucket=self.bucket, Key=preset.key)["Body"]
            except self.client.exceptions.NoSuchKey:
                return None
            content = body.read()
        return answer_of(content, where)

    def made(self) -> Mapping[str, datetime]:
        """When each was made, by its key. Raises TailraceError where S3 does not tell."""
        with aws.told("S3", f"s3://{self.bucket}/{PREFIX}"):
            pages = self.client.get_paginator("list_objects_v2")
            return {
                each["Key"]: each["LastModified"]
                for page in pages.paginate(Bucket=self.bucket, Prefix=PREFIX)
                for each in page.get("Contents", ())
            }

    def _where(self, preset: Preset) -> str:
        return f"s3://{self.bucket}/{preset.key}"


@dataclass(frozen=True, slots=True)
class Refresh:
    """What asks presets anew.

    minutes  between two calls of it; no preset is asked more often
    """

    engine: Engine
    objects: Objects
    minutes: int

    def due(self, now: datetime) -> list[Preset]:
        """Presets whose answer is missing, or as old as its range allows."""
        made, slack = self.objects.made(), timedelta(minutes=self.minutes) / 2
        found = []
        for each in presets():
            every = timedelta(minutes=RANGES[each.range].minutes(self.minutes))
            at = made.get(each.key)
            if at is None or now - at >= every - slack:
                found.append(each)
        return found

    def run(self, now: datetime) -> int:
        """Ask all that are due; gives how many. One that fails leaves the others alone.

        Raises QueryFailed, when all were asked, where some have failed.
        """
        due = self.due(now)
        with ThreadPoolExecutor(AT_ONCE, "preset") as pool:
            errors = [error for error in pool.map(lambda each: self._ask(each, now), due) if error]
        if errors:
            what = f"{len(errors)} of {len(due)} presets were not asked anew: {errors[0].what}"
            raise QueryFailed(what, errors[0].where, errors[0].fix)
        return len(due)

    def _ask(self, preset: Preset, now: datetime) -> QueryFailed | None:
        try:
            params = dict(preset.params)
            answer = run(
                preset.name, params=params, since=preset.since, engine=self.engine, now=now
            )
            self.objects.put(preset, content_of(answer, now))
        except QueryFailed as error:
            return error
        return None


def from_settings(minutes: int) -> Refresh:
    """What a function asks with that is called every so many minutes.

    Raises NotConfigured where its environment does not say which stack it belongs to.
    """
    settings = load()
    stack = settings.stack
    if not (stack.stage and stack.results):
        what = "TAILRACE_STACK_STAGE and TAILRACE_STACK_RESULTS are not set"
        raise NotConfigured(what, "", "deploy the stack's own template, which sets them")
    session = aws.session()
    # What is of now is asked now.
    place = replace(place_of(settings, stack.stage), reuse_minutes=0)
    objects = Objects(session.client("s3", config=aws.patience()), stack.results)
    return Refresh(Athena(session, place), objects, minutes)
