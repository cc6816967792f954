"""What page views cost beside what logs do: the way in, and counters of what is hot.

A batch is one transaction of the shard's place, its counts and the ids that it held; once a minute
what each shard has counted is added up. Both as pipeline/counters/table.py does it.
"""

from collections.abc import Iterator
from math import ceil

from pipeline.estimate import limits as at
from pipeline.estimate.rates import Counted
from pipeline.estimate.volumes import Volumes, on_demand_shards

MINUTES = at.DAYS * 24 * 60


def arriving(month: Volumes) -> Iterator[Counted]:
    """From a page to the stream: a request each."""
    yield Counted("API Gateway: page views", month.rows / at.MILLION, "api_requests")


def counting(month: Volumes) -> Iterator[Counted]:
    """What is counted, added up, and known of visitors by one key."""
    shards = on_demand_shards(month.carried_bytes)
    minutes = min(MINUTES * shards, month.invocations)
    written = month.invocations * _written(month.rows / month.invocations, at.COUNTED, at.SEEN)
    written += minutes * _written(month.rows / minutes, at.ADDED_UP)
    # Places of all shards; of each its place, and what it has counted since.
    read = MINUTES * (1 + 2 * shards) + written * at.UNIT_BYTES / at.READ_BYTES
    yield Counted("DynamoDB: writes", written / at.MILLION, "dynamodb_writes")
    yield Counted("DynamoDB: reads", read / at.MILLION, "dynamodb_reads")
    seconds = MINUTES * at.ADDING_UP_S * at.MEMORY_MB / 1024
    yield Counted("Lambda: adding up", seconds, "lambda_compute")
    yield Counted("Secrets Manager: key of visitors", 1, "secrets")


def asking(requests: float) -> Iterator[Counted]:
    """So many requests for the ranking."""
    yield Counted("API Gateway: rankings", requests / at.MILLION, "api_requests")
    yield Counted("Lambda: rankings", requests / at.MILLION, "lambda_requests")
    seconds = requests * at.RANKING_S * at.MEMORY_MB / 1024
    yield Counted("Lambda: ranking", seconds, "lambda_compute")
    yield Counted("DynamoDB: rankings", requests * at.RANKING_READS / at.MILLION, "dynamodb_reads")


def _written(views: float, *bytes_a_view: float) -> float:
    """Units of a transaction that writes a place, and an entry of so many bytes a view each."""
    entries = (ceil(views * each / at.UNIT_BYTES) for each in bytes_a_view)
    return at.TRANSACTION_UNITS * (1 + sum(entries))
