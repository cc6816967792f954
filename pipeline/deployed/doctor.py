"""Is a deployed stack well? Each part is asked, and what it says is one line.

Sources: API References of AWS STS, CloudFormation, Firehose ("DescribeDeliveryStream"), Lambda
("GetFunctionConfiguration", "ListEventSourceMappings") and Athena ("GetWorkGroup").
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pipeline import aws
from pipeline.aws import told
from pipeline.deployed import drift
from pipeline.deployed.check import Check
from pipeline.deployed.folded import compaction
from pipeline.deployed.function import configuration
from pipeline.deployed.intake import freshness, intake
from pipeline.deployed.outside import lookups
from pipeline.deployed.patient import Patient
from pipeline.deployed.ranked import counters
from pipeline.deployed.signs import alarms, calls, letters
from pipeline.deployed.stage import WHOLE
from pipeline.errors import TailraceError
from pipeline.lake.glue import LANDING_FILES
from pipeline.lake.tables import all_tables

NEEDED = ("LakeBucket", "QuarantineBucket", "FunctionName", "LogRoute", "Delivery")
SHOWN = 10


Looks = Callable[[Patient], Iterable[Check]]


def examined(patient: Patient) -> Iterator[Check]:
    """All checks, in the order in which data flows; a part that does not answer is not ok."""
    looks: dict[str, Looks] = {
        "identity": _identity,
        "stack": _stack,
        "intake": intake,
        "function": _function,
        "mapping": _mappings,
        "calls": calls,
        "letters": letters,
        "alarm": alarms,
        "lookups": lookups,
        "counters": counters,
    }
    if patient.deployed.outputs.get("Delivery") == "firehose":
        looks["stream"] = _streams
    if "Database" in patient.deployed.outputs:
        looks |= {
            "table": _tables,
            "curated": compaction,
            "workgroup": _workgroup,
            "query": _query,
            "freshness": freshness,
        }
    yield from _each(patient, looks)


def glanced(patient: Patient) -> Iterator[Check]:
    """The checks that cost next to nothing and are quick: for who looks every minute.

    What stands still or is given up, alarms tell.
    """
    looks: dict[str, Looks] = {
        "stack": _stack,
        "function": _function,
        "alarm": alarms,
        "counters": counters,
    }
    yield from _each(patient, looks)


def _each(patient: Patient, looks: Mapping[str, Looks]) -> Iterator[Check]:
    for name, look in looks.items():
        try:
            yield from look(patient)
        except TailraceError as error:
            yield _unseen(name, error)


def _unseen(name: str, error: TailraceError) -> Check:
    """A part that does not answer, or may not be asked."""
    found = f"{error.what} ({error.where})" if error.where else error.what
    if aws.is_forbidden(error.__cause__):
        fix = "let who asks do it: infra/pipeline.yaml lists all that is asked, in LookPolicy"
        return Check(name, False, f"cannot look: {found}", fix)
    return Check(name, False, found, error.fix)


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
    fix = f"see why: {patient.logs}"
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
    found = (
        f"{name} {', '.join(wrong)}" if wrong else f"{name} stops a query at {int(limit):,} bytes"
    )
    yield Check("workgroup", not wrong, found, f"deploy it anew: {patient.deploy}")


def _query(patient: Patient) -> Iterator[Check]:
    (row,) = patient.asking.rows("SELECT 1 AS one", "the check of Athena")
    yield Check("query", int(row["one"]) == 1, "Athena answers", "ask again")
