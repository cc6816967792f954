"""What each target has of AWS, as measured: the one list by which tests run, or say why not.

    has       a test has to show it; `reason`: with what, where it is not the emulator's alone
    pretends  it says yes and does something else, or nothing: a probe shows that it still does
    lacks     it says no, or has nothing of the kind

AWS has all of it, which a first deployment has to show: until then these tests refuse to run there.
docs/localstack.md has the table of `python -m tests.e2e.capabilities`.
"""

import sys
from dataclasses import dataclass
from typing import Literal

from pipeline.targets import AWS


@dataclass(frozen=True, slots=True)
class State:
    """Whether a target has a capability, and why not."""

    kind: Literal["has", "pretends", "lacks"]
    reason: str = ""


HAS = State("has")
# What infra/emulators/inside/ministack_host.py adds: values that are bound, views, "$path".
BY_DUCKDB = State("has", "by DuckDB, with what our launcher adds")

# tests/e2e/proxy.py: no emulator fails by itself.
BY_PROXY = State("has", "by a proxy of ours before it")


def pretends(reason: str) -> State:
    """It answers, and what it says is not so."""
    return State("pretends", reason)


def lacks(reason: str) -> State:
    """It has none."""
    return State("lacks", reason)


@dataclass(frozen=True, slots=True)
class Capability:
    """Something of AWS that the stack needs, and how it is in each emulator."""

    what: str
    ministack: State
    localstack: State

    def on(self, target: str) -> State:
        """How it is in a target."""
        found: State = HAS if target == AWS else getattr(self, target)
        return found


_PLAN = lacks("Glue and Athena are in LocalStack's dearest plan alone")

CAPABILITIES = {
    "sam.deploy": Capability("`sam deploy` of the template as it is", HAS, HAS),
    "stack.doctor": Capability("the stack is there as it was declared", HAS, HAS),
    "logs.to_kinesis": Capability(
        "a subscription writes envelopes to the stream",
        pretends("the filter is accepted, and nothing arrives in the stream"),
        HAS,
    ),
    "kinesis.to_function": Capability("the stream's records reach the function", HAS, HAS),
    "logs.to_function": Capability(
        "a subscription calls the function (LogRoute=lambda)",
        HAS,
        lacks("it refuses a bucket as the destination of calls that fail"),
    ),
    "s3.to_function": Capability(
        "files in a bucket reach the function through the queue (LogRoute=s3)", HAS, HAS
    ),
    "s3.delivery": Capability("the function writes Parquet by itself (Delivery=s3)", HAS, HAS),
    "esm.partial": Capability(
        "what a partial answer names comes again",
        pretends("it is taken for a whole one, and what it names is lost"),
        HAS,
    ),
    "esm.retries": Capability(
        "a batch is given up after its attempts",
        pretends("it is tried for ever, and holds its shard"),
        HAS,
    ),
    "esm.destination": Capability(
        "a batch that is given up is kept in the bucket",
        pretends("nothing is ever given up"),
        HAS,
    ),
    "esm.bisect": Capability(
        "a batch that fails comes again in halves",
        pretends("it comes again whole"),
        pretends("it comes again whole"),
    ),
    "function.rows": Capability("the function's rows are those of the embedded home", HAS, HAS),
    "function.quarantine": Capability("what is refused lies in the quarantine's bucket", HAS, HAS),
    "firehose.parquet": Capability(
        "Firehose makes Parquet by the table in Glue",
        HAS,
        pretends("JSON lines in a file called .parquet"),
    ),
    "firehose.prefix": Capability(
        "Firehose puts hours of arrival into prefixes",
        HAS,
        pretends("!{timestamp:...} stays as it is, with a date of its own behind"),
    ),
    "demo": Capability("`tailrace demo --target` follows a sample from place to place", HAS, HAS),
    "firehose.faults": Capability("Firehose fails, and no row is lost", BY_PROXY, BY_PROXY),
    "views.gateway": Capability(
        "page views go from API Gateway through a stream to rows (ViewsPerSecond)",
        lacks("its mapping templates know no directives, and it calls no Kinesis"),
        HAS,
    ),
    "views.types": Capability(
        "a body of views is what its type says, with a charset or without",
        lacks("it calls no Kinesis from API Gateway"),
        pretends("it holds every body against the model of JSON, and knows no type with a charset"),
    ),
    "views.ranking": Capability(
        "page views of the stream are counted in DynamoDB, and a function says which are hot",
        HAS,
        lacks("its DynamoDB is a program in Java, which is in its image alone"),
    ),
    "glue.catalog": Capability("tables and views as declared", HAS, _PLAN),
    "athena.answers": Capability(
        "`tailrace query --engine athena` reads the lake", BY_DUCKDB, _PLAN
    ),
    "athena.saved": Capability("saved queries, with bound values, over views", BY_DUCKDB, _PLAN),
    "make.query": Capability("`make query ENGINE=athena`", BY_DUCKDB, _PLAN),
    "trino.parquet": Capability(
        "a real Trino reads what Firehose wrote, with the views of Glue",
        State("has", "Trino on this machine"),
        lacks("there is no Parquet to be read"),
    ),
    "athena.trino": Capability(
        "Trino's semantics", pretends("DuckDB answers: 1/2 is 0.5, Trino says 0"), _PLAN
    ),
    "stack.audit": Capability("`tailrace audit --stage` balances", BY_DUCKDB, _PLAN),
    "states.compaction": Capability(
        "Step Functions compacts by Athena, whatever fails on the way", BY_DUCKDB, _PLAN
    ),
    "states.backfill": Capability(
        "Step Functions backfills, whatever fails on the way", HAS, _PLAN
    ),
    "states.erasure": Capability(
        "Step Functions erases a person from lake and quarantine", BY_DUCKDB, _PLAN
    ),
    "dynamodb.counters": Capability(
        "counters of rankings in DynamoDB: transactions under conditions",
        HAS,
        lacks("its DynamoDB is a program in Java, which is in its image alone"),
    ),
    "wrangler.lake": Capability("awswrangler reads lake and catalogue", HAS, _PLAN),
}


def page() -> str:
    """The table as docs/localstack.md has it."""
    head = ["| capability | MiniStack | LocalStack |", "| --- | --- | --- |"]
    rows = [
        f"| {each.what} | {_cell(each.ministack)} | {_cell(each.localstack)} |"
        for each in CAPABILITIES.values()
    ]
    return "\n".join(head + rows)


def _cell(state: State) -> str:
    word = {"has": "yes", "pretends": "**pretends**", "lacks": "no"}[state.kind]
    reason = state.reason.replace("|", "\\|")
    return f"{word}: {reason}" if reason else word


if __name__ == "__main__":
    sys.stdout.write(f"{page()}\n")
