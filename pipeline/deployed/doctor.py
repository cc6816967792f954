"""Is a deployed stack well? Each part is asked, and what it says is one line.

Sources: API References of AWS STS, CloudFormation, Firehose ("DescribeDeliveryStream"), Lambda
("GetFunctionConfiguration", "ListEventSourceMappings") and Athena ("GetWorkGroup").
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipeline import aws
from pipeline.aws import told
from pipeline.deployed import drift
from pipeline.deployed.asking import Asking
from pipeline.deployed.check import Check
from pipeline.deployed.function import configuration
from pipeline.deployed.stage import WHOLE, Deployed
from pipeline.errors import TailraceError
from pipeline.lake.glue import LANDING_FILES
from pipeline.lake.tables import all_tables
from pipeline.queries.dialect.athena import literal
from pipeline.schema import BATCH

if TYPE_CHECKING:
    import boto3

NEEDED = ("LakeBucket", "QuarantineBucket", "FunctionName", "LogRoute", "Delivery")
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Patient:
    """A stack, who asks it, and when."""

    deployed: Deployed
    session: "boto3.Session"
    asking: Asking
    now: datetime

    @property
    def deploy(self) -> str:
        """How it is made as it is declared."""
        return f"make deploy STAGE={self.deployed.stage}"

    def client(self, service: str) -> Any:
        """A client of a service."""
        make: Callable[..., Any] = self.session.client
        return make(service, config=aws.patience())


Looks = Callable[[Patient], Iterable[Check]]


def examined(patient: Patient) -> Iterator[Check]:
    """All checks, in the order in which data flows; a part that does not answer is not ok."""
    looks: dict[str, Looks] = {
        "identity": _identity,
        "stack": _stack,
        "function": _function,
        "mapping": _mappings,
    }
    if patient.deployed.outputs.get("Delivery") == "firehose":
        looks["stream"] = _streams
    if "Database" in patient.deployed.outputs:
        looks |= {
            "table": _tables,
            "workgroup": _workgroup,
            "query": _query,
            "freshness": _freshness,
        }
    for name, look in looks.items():
        try:
            yield from look(patient)
        except TailraceError as error:
            yield Check(name, False, f"{error.what} ({error.where})", error.fix)


def _identity(patient: Patient) -> Iterator[Check]:
    with told("STS"):
        said = patient.client("sts").get_caller_identity()
    where = f"account {said['Account']}, {patient.deployed.region}"
    yield Check("identity", True, f"{said['Arn']} in {where}")


def _stack(patient: Patient) -> Iterator[Check]:
    deployed = patient.deployed
    missing = [name for name in NEEDED if name not in deployed.outputs]
    ok = deployed.status in WHOLE and not missing
    found = f"{deployed.stack} is {deployed.status}"
    found += f", without the outputs {', '.join(missing)}" if missing else ""
    running = deployed.status.endswith("_IN_PROGRESS")
    fix = "wait until it is done" if running else f"deploy it anew: {patient.deploy}"
    yield Check("stack", ok, found, fix)


def _function(patient: Patient) -> Iterator[Check]:
    said = configuration(patient.session, patient.deployed)
    state, update = said.get("State", "?"), said.get("LastUpdateStatus", "?")
    # Idle for weeks it is put away, and fetched at the next call.
    ok = state in ("Active", "Inactive") and update == "Successful"
    reason = said.get("StateReason") or said.get("LastUpdateStatusReason") or ""
    found = f"{patient.deployed.output('FunctionName')} is {state}, last update {update}"
    found += f" ({reason})" if reason and not ok else ""
    yield Check("function", ok, found, f"wait a moment, or deploy it anew: {patient.deploy}")


def _mappings(patient: Patient) -> Iterator[Check]:
    route = patient.deployed.output("LogRoute")
    if route == "lambda":
        yield Check("mapping", True, "none: CloudWatch Logs calls the function itself")
        return
    name = patient.deployed.output("FunctionName")
    with told("Lambda", f"mappings of {name}"):
        pages = patient.client("lambda").get_paginator("list_event_source_mappings")
        asked = pages.paginate(FunctionName=name)
        found = [each for page in asked for each in page["EventSourceMappings"]]
    if not found:
        what = f"nothing calls {name}, though logs come by {route}"
        yield Check("mapping", False, what, f"deploy it anew: {patient.deploy}")
    yield from (_mapping(patient, each) for each in found)


def _mapping(patient: Patient, said: dict[str, Any]) -> Check:
    state, last = said.get("State", "?"), said.get("LastProcessingResult") or "nothing yet"
    source = said.get("EventSourceArn", "?").rpartition(":")[2]
    well = not last.startswith("PROBLEM")
    fix = f"see why: make logs STAGE={patient.deployed.stage}"
    if state != "Enabled":
        fix = f"aws lambda update-event-source-mapping --enabled --uuid {said.get('UUID', '?')}"
    return Check("mapping", well and state == "Enabled", f"{source} is {state}: {last}", fix)


def _streams(patient: Patient) -> Iterator[Check]:
    client, wrong = patient.client("firehose"), []
    names = {patient.deployed.stream(table): table for table in all_tables()}
    for stream, table in names.items():
        with told("Firehose", f"stream {stream}"):
            try:
                said = client.describe_delivery_stream(DeliveryStreamName=stream)
            except client.exceptions.ResourceNotFoundException:
                wrong.append(f"{stream} is missing")
                continue
        wrong += _stream(stream, table, said["DeliveryStreamDescription"])
    if wrong:
        yield Check("stream", False, _some(wrong), f"deploy it anew: {patient.deploy}")
        return
    yield Check("stream", True, f"{len(names)} streams of Firehose are ACTIVE and make Parquet")


def _stream(name: str, table: str, said: dict[str, Any]) -> list[str]:
    status = said.get("DeliveryStreamStatus", "?")
    if status != "ACTIVE":
        return [f"{name} is {status}"]
    destination = said.get("Destinations", [{}])[0].get("ExtendedS3DestinationDescription", {})
    conversion = destination.get("DataFormatConversionConfiguration", {})
    if not conversion.get("Enabled"):
        return [f"{name} makes no Parquet"]
    schema = conversion.get("SchemaConfiguration", {}).get("TableName")
    wanted = f"{table}{LANDING_FILES}"
    return [] if schema == wanted else [f"{name} has the columns of {schema}, not of {wanted}"]


def _tables(patient: Patient) -> Iterator[Check]:
    database, wanted = patient.deployed.output("Database"), drift.declared()
    wrong = list(drift.differences(wanted, drift.there(patient.session, database)))
    if wrong:
        fix = f"deploy this version, or use that of the stack: {patient.deploy}"
        yield Check("table", False, _some(wrong), fix)
        return
    found = f"{len(wanted)} tables and views of {database} are as they are declared"
    yield Check("table", True, found)


def _some(wrong: list[str]) -> str:
    more = f"; and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
    return f"{'; '.join(wrong[:SHOWN])}{more}"


def _workgroup(patient: Patient) -> Iterator[Check]:
    name = patient.deployed.output("Workgroup")
    with told("Athena", f"workgroup {name}"):
        said = patient.client("athena").get_work_group(WorkGroup=name)["WorkGroup"]
    settings = said.get("Configuration", {})
    limit = settings.get("BytesScannedCutoffPerQuery")
    wrong = [
        text
        for text, is_so in (
            (f"is {said.get('State', '?')}", said.get("State") == "ENABLED"),
            ("lets clients set aside its settings", settings.get("EnforceWorkGroupConfiguration")),
            ("has no limit of what a query scans", limit),
        )
        if not is_so
    ]
    found = f"{name} {', '.join(wrong)}" if wrong else f"{name} stops a query at {limit:,} bytes"
    yield Check("workgroup", not wrong, found, f"deploy it anew: {patient.deploy}")


def _query(patient: Patient) -> Iterator[Check]:
    (row,) = patient.asking.rows("SELECT 1 AS one", "the check of Athena")
    yield Check("query", int(row["one"]) == 1, "Athena answers", "ask again")


def _freshness(patient: Patient) -> Iterator[Check]:
    yesterday = f"{patient.now.astimezone(UTC) - timedelta(days=1):%Y-%m-%d}"
    sql = (
        f"SELECT max(ingest_time) AS newest FROM {BATCH.name}{LANDING_FILES}"  # noqa: S608 - own words
        f" WHERE arrival_dt >= {literal(yesterday)}"
    )
    (row,) = patient.asking.rows(sql, "the check of what is newest")
    newest: datetime | None = row["newest"]
    if newest is None:
        # A stack that was just deployed has nothing, and is well.
        found = f"nothing has come since {yesterday}; what comes can be asked within minutes"
        yield Check("freshness", True, found)
        return
    minutes = int((patient.now - newest.replace(tzinfo=UTC)).total_seconds()) // 60
    found = f"the newest record came {minutes:,} minutes ago, at {newest:%Y-%m-%d %H:%M}Z"
    yield Check("freshness", True, found)
