"""What can be set: names, types, bounds, meanings and defaults."""

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

# More than anybody means, and small enough that sums and waits made of them stay what they are.
Bytes = Meta(ge=1, le=1 << 40)
Count = Meta(ge=1, le=1_000_000)
Seconds = Meta(ge=1, le=86_400)
Hours = Meta(ge=1, le=87_600)
Usd = Meta(ge=0, le=1_000)


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Caps on what an input may cost. Sizes in bytes unless the name says otherwise."""

    record_bytes: Annotated[
        int, Bytes, Meta(description="What one stream record may inflate to.")
    ] = 64 << 20
    record_lines: Annotated[
        int, Count, Meta(description="Lines or log events that it may have then.")
    ] = 400_000
    inflate_ratio: Annotated[
        int, Count, Meta(description="Inflated size against compressed size, at most.")
    ] = 200
    ratio_from_bytes: Annotated[
        int, Bytes, Meta(description="Inflated size from which the ratio counts.")
    ] = 4 << 20
    line_bytes: Annotated[int, Bytes, Meta(description="The longest line that is read.")] = 1 << 20
    body_bytes: Annotated[
        int, Bytes, Meta(description="An HTTP body, as sent and as inflated.")
    ] = 64 << 20
    kept_file_bytes: Annotated[
        int,
        Bytes,
        Meta(description="Unreadable files up to this size are copied to the quarantine."),
    ] = 64 << 20
    slice_bytes: Annotated[
        int, Bytes, Meta(description="Size of the records that a file is cut into.")
    ] = 16 << 20
    batch_bytes: Annotated[
        int, Bytes, Meta(description="Stored size of the records that are processed at once.")
    ] = 4 << 20
    batch_text_bytes: Annotated[
        int, Bytes, Meta(description="Text of some records that is parsed at once.")
    ] = 256 << 20
    batch_records: Annotated[
        int, Count, Meta(description="Records that are processed at once.")
    ] = 2_000
    shards: Annotated[
        int,
        Meta(ge=1, le=256, description="Shards of the stream, from the next start on."),
    ] = 4
    flush_seconds: Annotated[
        int, Seconds, Meta(description="Seconds after which a server lands what waits.")
    ] = 1
    flush_bytes: Annotated[
        int, Bytes, Meta(description="Stored size that a server lands without waiting.")
    ] = 4 << 20
    compact_seconds: Annotated[
        int, Seconds, Meta(description="Seconds after which a server compacts what has landed.")
    ] = 300
    attempts: Annotated[
        int, Count, Meta(description="Attempts at a record that cannot be processed.")
    ] = 5
    age_hours: Annotated[
        int, Hours, Meta(description="Age from which such a record is tried only once.")
    ] = 6
    fatal_attempts: Annotated[
        int, Count, Meta(description="Ends of the process at one record, which then gives way.")
    ] = 5
    retention_hours: Annotated[
        int, Hours, Meta(description="Hours for which consumed records stay in the log.")
    ] = 24
    retention_bytes: Annotated[
        int, Bytes, Meta(description="Size of the log from which they go earlier.")
    ] = 8 << 30
    ranking_keys: Annotated[
        int,
        Count,
        Meta(
            description="Different keys of a ranking that are counted by name within 160 minutes;"
            " what is beyond them counts as (other)."
        ),
    ] = 500_000
    sink_patience_s: Annotated[
        int, Seconds, Meta(description="Seconds that `ingest` waits for a failing sink.")
    ] = 30


class Networks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Named networks of the user."""

    file: Annotated[
        str, Meta(description="CSV file with the columns cidr,name,az_id,vpc_id,region.")
    ] = ""


class Athena(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The deployed stack's side of a query; {stage} is filled in."""

    stage: Annotated[str, Meta(description="The stack that is asked when --stage names none.")] = ""
    workgroup: Annotated[str, Meta(description="Athena's workgroup.")] = "tailrace-{stage}"
    database: Annotated[str, Meta(description="Its database in Glue.")] = "tailrace_{stage}"
    reuse_minutes: Annotated[
        int,
        Meta(ge=0, le=10_080, description="Age up to which an earlier answer is given again."),
    ] = 60


class Delivery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a deployed function delivers to; its template sets it in the environment."""

    mode: Annotated[
        Literal["firehose", "s3"],
        Meta(description="Rows through Firehose, or as Parquet straight to S3."),
    ] = "firehose"
    streams: Annotated[
        str, Meta(description="What Firehose's streams are called before the table's name.")
    ] = ""
    lake: Annotated[str, Meta(description="The lake, s3://bucket/folder.")] = ""
    quarantine: Annotated[str, Meta(description="The quarantine, s3://bucket/folder.")] = ""
    database: Annotated[
        str, Meta(description="Of a function that compacts: the lake's database in Glue.")
    ] = ""
    visitor_secret: Annotated[
        str,
        Meta(
            description="Of a function that takes page views: the secret that visitors are hashed"
            " with, its ARN."
        ),
    ] = ""


class Lookups(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Outside data that rows are enriched by; fetched when asked, and never else."""

    aws_ranges: Annotated[
        str,
        Meta(
            description="Where AWS's address ranges are fetched from, by `tailrace lookups refresh`"
            " and once a day by a deployed stack."
        ),
    ] = "https://ip-ranges.amazonaws.com/ip-ranges.json"
    folder: Annotated[
        str, Meta(description="In a deployed function: where they are kept, s3://bucket/folder.")
    ] = ""


class Counting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a deployed function keeps what rankings are made of; its template sets it."""

    table: Annotated[str, Meta(description="In a deployed function: the table in DynamoDB.")] = ""


class Stack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The stack that a deployed function belongs to and asks; its template sets it."""

    stage: Annotated[str, Meta(description="In a deployed function: the stage of its stack.")] = ""
    results: Annotated[
        str, Meta(description="In a deployed function: the bucket of Athena's answers.")
    ] = ""


class Prices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What AWS charges, in USD: list prices of us-east-1, without volume steps or free tiers."""

    # "Amazon EC2 On-Demand Pricing", Data Transfer: across zones, in each direction.
    cross_az: Annotated[
        float, Usd, Meta(description="USD per GB between zones, each way: a byte is paid twice.")
    ] = 0.01
    # "Amazon EC2 On-Demand Pricing", Data Transfer: from us-east-1 to most other regions.
    cross_region: Annotated[
        float, Usd, Meta(description="USD per GB to another region, paid where it leaves.")
    ] = 0.02
    # "Amazon EC2 On-Demand Pricing", Data Transfer: out to the internet, the first 10 TB a month.
    internet: Annotated[
        float, Usd, Meta(description="USD per GB out to the internet; what comes in is free.")
    ] = 0.09
    # "Amazon VPC Pricing", NAT gateway, data processed.
    nat: Annotated[
        float, Usd, Meta(description="USD per GB through a NAT gateway, both directions.")
    ] = 0.045
    # "AWS PrivateLink Pricing", interface endpoints, data processed, the first PB a month.
    endpoint: Annotated[
        float, Usd, Meta(description="USD per GB through an interface endpoint, both directions.")
    ] = 0.01
    # "AWS Transit Gateway Pricing", data processed.
    transit_gateway: Annotated[
        float, Usd, Meta(description="USD per GB sent into a transit gateway.")
    ] = 0.02
    # "Amazon EC2 On-Demand Pricing", Data Transfer: VPC peering across zones, in each direction.
    peering: Annotated[
        float,
        Usd,
        Meta(description="USD per GB over VPC peering between zones, each way; free in one zone."),
    ] = 0.01
    # "Amazon Athena Pricing", SQL queries, data scanned.
    athena: Annotated[float, Usd, Meta(description="USD per TB that a query scans on Athena.")] = (
        5.0
    )


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be set; `origins` tells where each value came from."""

    home: Annotated[str, Meta(description="Folder that holds the state.")] = ".tailrace"
    target: Annotated[
        Literal["", "aws", "ministack", "localstack"],
        Meta(
            description="Where stages are: aws, ministack or localstack; nothing: where"
            " AWS_ENDPOINT_URL and the profile lead."
        ),
    ] = ""
    formats: Annotated[
        dict[str, str | list[str]],
        Meta(description="Declared formats by log group, or by group:stream."),
    ] = msgspec.field(default_factory=dict)
    networks: Annotated[Networks, Meta(description="Named networks.")] = Networks()
    limits: Annotated[Limits, Meta(description="Caps on inputs.")] = Limits()
    sources: Annotated[
        dict[str, str],
        Meta(
            description="In a deployed function: source by log group, or by s3://bucket/key; a name"
            " that ends in * is a beginning. What is not named is app-log."
        ),
    ] = msgspec.field(default_factory=dict)
    delivery: Annotated[Delivery, Meta(description="Where a function delivers to.")] = Delivery()
    lookups: Annotated[Lookups, Meta(description="Outside data.")] = Lookups()
    counters: Annotated[Counting, Meta(description="Counters of rankings.")] = Counting()
    stack: Annotated[Stack, Meta(description="The stack of a function.")] = Stack()
    athena: Annotated[Athena, Meta(description="Queries of a deployed stack.")] = Athena()
    prices: Annotated[Prices, Meta(description="What AWS charges.")] = Prices()
    # Every name begins with nothing.
    own_log_groups: Annotated[
        list[Annotated[str, Meta(min_length=1)]],
        Meta(description="Log groups of the pipeline itself (prefixes): dropped and counted."),
    ] = msgspec.field(default_factory=lambda: ["/aws/lambda/tailrace-"])
    origins: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def home_path(self) -> Path:
        """The home folder; never one that begins with ~, which engines take for somebody's own."""
        home = Path(self.home)
        return home.absolute() if str(home).startswith("~") else home

    def declared_formats(self) -> dict[str, tuple[str, ...]]:
        """Candidate formats by log group (or group:stream), as declared."""
        return {
            name: (given,) if isinstance(given, str) else tuple(given)
            for name, given in self.formats.items()
        }


def described() -> list[tuple[str, str, Any]]:
    """(dotted name, what it does, default) of every setting, in order."""
    found: list[tuple[str, str, Any]] = []
    defaults = Settings()
    for name, doc in _declared(Settings):
        if name == "origins":
            continue
        value = getattr(defaults, name)
        if isinstance(value, msgspec.Struct):
            found += [(f"{name}.{n}", d, getattr(value, n)) for n, d in _declared(type(value))]
        else:
            found.append((name, doc, value))
    return found


def _declared(struct: type[msgspec.Struct]) -> list[tuple[str, str]]:
    return [(field.name, _doc(_metas(field.type))) for field in msgspec.structs.fields(struct)]


def _doc(metas: list[Meta]) -> str:
    doc = next((each.description for each in metas if each.description), "")
    most = next((each.le for each in metas if each.le is not None), None)
    return doc if most is None else f"{doc} At most {most:_}."


def _metas(hint: Any) -> list[Meta]:
    return [part for part in getattr(hint, "__metadata__", ()) if isinstance(part, Meta)]
