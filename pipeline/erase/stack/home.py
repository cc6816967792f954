"""Erasure as the environment of its function names it."""

from pipeline.curate import from_settings as curator
from pipeline.erase.stack.objects import Bucket
from pipeline.erase.stack.steps import Eraser


def from_settings() -> Eraser:
    """What erases from the stage that the environment names: by the hands that compact it.

    Raises NotConfigured where it names none.
    """
    hands = curator()
    bucket = Bucket(hands.objects.client, hands.objects.bucket)
    return Eraser(bucket, hands.objects, hands.catalog, hands.clock, hands.fresh, hands.runs)
