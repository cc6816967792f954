"""Is a stack as it was declared, and does it work? Each look is cheap; none changes anything."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.errors import QueryFailed
from pipeline.lake.glue import CURATED_FILES, LANDING_FILES
from pipeline.lake.shared import shared_views
from pipeline.lake.tables import all_tables
from pipeline.settings import Athena
from pipeline.stack.audit import Ask
from pipeline.stack.deployed import Deployed, asked

GOOD = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")
SHOWN = 3


@dataclass(frozen=True, slots=True)
class Look:
    """One look: `fix` says what to do when it is not ok."""

    name: str
    ok: bool
    found: str
    fix: str = ""


def looks(stack: Deployed, ask: Ask, athena: Athena, now: datetime) -> Iterator[Look]:
    """Looks at a stack, one by one; `athena` names its workgroup and database.

    Raises NotConfigured when it is not there, TailraceError when AWS does not answer.
    """
    deploy = f"make deploy STAGE={stack.stage}"
    delivery = stack.delivery()
    yield _identity(stack)
    yield _formed(stack)
    yield from _function(stack, deploy)
    if delivery.mode == "firehose":
        yield _streams(stack, delivery.streams)
    yield _catalogue(stack, athena.database.replace("{stage}", stack.stage), deploy)
    yield _workgroup(stack, athena.workgroup.replace("{stage}", stack.stage), deploy)
    yield from _answers(ask, now)


def _identity(stack: Deployed) -> Look:
    who = asked(lambda: stack.client("sts").get_caller_identity()) or {}
    where = f"{who.get('Account')} in {stack.session.region_name}, as {who.get('Arn')}"
    return Look("account", True, where)


def _formed(stack: Deployed) -> Look:
    found = asked(lambda: stack.client("cloudformation").describe_stacks(StackName=stack.name))
    status = found["Stacks"][0]["StackStatus"] if found else "not there"
    fix = f"aws cloudformation describe-stack-events --stack-name {stack.name}"
    return Look("stack", status in GOOD, f"{stack.name}: {status}", fix)


def _function(stack: Deployed, deploy: str) -> Iterator[Look]:
    client = stack.client("lambda")
    name = stack.function
    told = asked(lambda: client.get_function_configuration(FunctionName=name)) or {}
    state, update = told.get("State"), told.get("LastUpdateStatus")
    good = state in ("Active", "Inactive") and update == "Successful"
    reason = told.get("StateReason") or told.get("LastUpdateStatusReason") or ""
    yield Look("function", good, f"{name}: {state}, {update} {reason}".strip(), deploy)
    mappings = asked(lambda: client.list_event_source_mappings(FunctionName=name)) or {}
    for each in mappings.get("EventSourceMappings", []):
        result = each.get("LastProcessingResult") or "nothing yet"
        good = each["State"] == "Enabled" and not result.startswith("PROBLEM")
        source = each["EventSourceArn"].rpartition(":")[2]
        yield Look("mapping", good, f"{source}: {each['State']}, {result}", "make logs says why")


def _streams(stack: Deployed, prefix: str) -> Look:
    client = stack.client("firehose")
    wrong = []
    for table in all_tables():
        name = f"{prefix}{table}"
        found = asked(_described(client, name))
        told = found["DeliveryStreamDescription"] if found else {}
        status = told.get("DeliveryStreamStatus", "not there")
        if status != "ACTIVE":
            wrong.append(f"{name}: {status}")
        elif not _converts(told):
            wrong.append(f"{name}: makes no Parquet")
    fix = "deploy again; a stream that was made by hand has to go first"
    return Look("firehose", not wrong, _told(wrong, f"{len(all_tables())} streams, active"), fix)


def _described(client: Any, name: str) -> Any:
    return lambda: client.describe_delivery_stream(DeliveryStreamName=name)


def _converts(told: Mapping[str, Any]) -> bool:
    first = (told.get("Destinations") or [{}])[0].get("ExtendedS3DestinationDescription", {})
    return bool(first.get("DataFormatConversionConfiguration", {}).get("Enabled"))


def _catalogue(stack: Deployed, database: str, deploy: str) -> Look:
    client = stack.client("glue")
    pages = client.get_paginator("get_tables").paginate(DatabaseName=database)
    found = asked(lambda: {"tables": [each for page in pages for each in page["TableList"]]})
    there = {each["Name"]: _columns(each) for each in (found or {}).get("tables", [])}
    wrong = []
    for name, table in all_tables().items():
        wanted = {each["Name"]: each["Type"] for each in table.glue_columns}
        for suffix in (LANDING_FILES, CURATED_FILES, "", "_landing"):
            has = there.get(f"{name}{suffix}")
            if has is None:
                wrong.append(f"{name}{suffix} is not there")
            elif not wanted.items() <= has.items():
                wrong.append(f"{name}{suffix} has other columns: {_differing(wanted, has)}")
    wrong += [f"{name} is not there" for name in shared_views() if name not in there]
    told = _told(wrong, f"{database}: {len(there)} tables and views, as declared")
    return Look("catalogue", not wrong, told, deploy)


def _columns(told: Mapping[str, Any]) -> dict[str, str]:
    columns = told.get("StorageDescriptor", {}).get("Columns", [])
    return {each["Name"]: each.get("Type", "") for each in columns}


def _differing(wanted: Mapping[str, str], has: Mapping[str, str]) -> str:
    return ", ".join(name for name, kind in wanted.items() if has.get(name) != kind)


def _workgroup(stack: Deployed, name: str, deploy: str) -> Look:
    found = asked(lambda: stack.client("athena").get_work_group(WorkGroup=name))
    told = found["WorkGroup"]["Configuration"] if found else {}
    limit = told.get("BytesScannedCutoffPerQuery", 0)
    good = bool(told.get("EnforceWorkGroupConfiguration") and limit)
    what = f"{name}: queries end at {limit / 1e9:,.0f} GB" if found else f"{name}: not there"
    return Look("workgroup", good, what if good or not found else f"{name}: not enforced", deploy)


def _answers(ask: Ask, now: datetime) -> Iterator[Look]:
    try:
        (row,) = ask(
            f"SELECT max(ingest_time) AS newest FROM batch WHERE dt >= '{now:%Y-%m-%d}'"  # noqa: S608
        )
    except QueryFailed as error:
        yield Look("athena", False, error.what, error.fix or "the workgroup's history says more")
        return
    yield Look("athena", True, "answers")
    newest = row["newest"]
    told = f"the newest record is of {newest:%Y-%m-%dT%H:%M:%SZ}" if newest else "nothing today"
    yield Look("freshness", True, told)


def _told(wrong: list[str], good: str) -> str:
    if not wrong:
        return good
    more = f", and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
    return f"{'; '.join(wrong[:SHOWN])}{more}"
