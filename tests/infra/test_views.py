"""The way in of page views: its mapping templates, evaluated on whatever a client may send."""

import base64
import json
from base64 import b64decode
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.beacon import (
    FORM,
    JSON,
    MEMBERS,
    MOST_BYTES,
    MOST_VIEWS,
    OPEN,
    PIXEL,
    PREFLIGHT,
    TEXT,
)
from pipeline.invoke.posted import opened
from pipeline.settings import of_function
from pipeline.web.views import SCRIPT, SCRIPT_CACHED
from tests.infra.gateway import (
    ADDRESS,
    AT_MS,
    REQUEST,
    Request,
    answered,
    merged,
    method,
    put,
    told,
)
from tests.infra.stack import Stack

EVENT = "0b5c2f6e-1111-4222-8333-0123456789ab"
KEY = bytes(range(32))
HOSTILE = [
    '{"path": "/\\"quoted\\" and \'single\'"}',
    '{"path": "/a",\r\n\t"title": "Grüße \u2028 \U0001f600"}',
    '{"path": "/$context.requestId ${q} $!{input.body} #set($key = \'x\') #end #stop ##"}',
    '{"path": "/\\\\\' \\\\"}',
    '"}, {"Data": "", "PartitionKey": "mine"',
    "$util.base64Encode($input.body)",
    "#foreach($x in [1..999999])x#end",
    "no JSON at all",
    "'",
    '"',
    "\\",
    "\0\x01",
    "{}",
    "0",
]
kinds = pytest.mark.parametrize("kind", [JSON, TEXT, FORM])


@kinds
@pytest.mark.parametrize("body", HOSTILE)
def test_a_body_is_one_record_that_holds_its_bytes(body: str, kind: str) -> None:
    (record,) = put("PostViews", Request(body, headers={"CloudFront-Viewer-Country": "CH"}), kind)
    assert told(record) == {
        "at": AT_MS,
        "id": REQUEST,
        "ip": ADDRESS,
        "agent": "curl/8.5.0",
        "country": "CH",
        "referer": "",
        "kind": kind,
        "body": body,
    }
    assert record["PartitionKey"] == REQUEST


@given(body=st.text(min_size=1).filter(lambda text: text[0] != "["), agent=st.text())
def test_whatever_stands_in_a_body_or_header_stays_there(body: str, agent: str) -> None:
    request = Request(body, agent, {"CloudFront-Viewer-Country": agent})
    (record,) = put("PostViews", request)
    said = told(record)
    assert (said["body"], said["agent"], said["country"]) == (body, agent, agent)
    assert record["PartitionKey"] == REQUEST


def test_what_is_missing_is_empty() -> None:
    (record,) = put("PostViews", Request('{"path": "/"}', agent=None))
    assert (told(record)["agent"], told(record)["country"]) == ("", "")


def test_an_event_id_is_the_key_where_it_is_a_uuid() -> None:
    for body, kind in (
        (json.dumps({"path": "/", "event_id": EVENT, "title": "x"}), JSON),
        (json.dumps({"title": 'an "event_id" of "it"', "event_id": EVENT.upper()}), TEXT),
        (f"event_id={EVENT}&path=%2F", FORM),
        (f"path=%2F&event_id={EVENT}", FORM),
    ):
        (record,) = put("PostViews", Request(body), kind)
        assert record["PartitionKey"].lower() == EVENT, body


@pytest.mark.parametrize(
    "event",
    [
        "",
        "mine",
        EVENT + "0",
        EVENT[1:],
        EVENT + "\n",
        f" {EVENT}",
        EVENT.replace("-", ""),
        7,
        None,
    ],
)
def test_no_other_text_of_a_client_is_a_key(event: object) -> None:
    (record,) = put("PostViews", Request(json.dumps({"path": "/", "event_id": event})))
    assert record["PartitionKey"] == REQUEST


@kinds
def test_a_list_is_one_record_a_view_each_by_its_own_event_id(kind: str) -> None:
    views = [{"path": "/ä $x", "event_id": EVENT}, {"path": "/b"}, 7, None, "text"]
    records = put("PostViews", Request(json.dumps(views)), kind)
    assert [json.loads(told(each)["body"]) for each in records] == views
    assert [each["PartitionKey"] for each in records] == [EVENT, *[REQUEST] * 4]


def test_the_longest_body_and_list_are_taken_and_longer_ones_are_none() -> None:
    """Of none Kinesis says that it is wrong, so nothing is stored of it."""
    longest = "é" * (MOST_BYTES // 2)
    (record,) = put("PostViews", Request(longest))
    assert told(record)["body"] == longest
    # Base64 counts in threes.
    assert put("PostViews", Request(longest + "xx")) == []
    assert len(put("PostViews", Request(json.dumps([7] * MOST_VIEWS)))) == MOST_VIEWS
    for body in (json.dumps([7] * (MOST_VIEWS + 1)), "[]"):
        assert put("PostViews", Request(body)) == []


def test_a_record_is_read_as_it_was_written() -> None:
    body = '{"path": "/a", "event_id": "' + EVENT + '", "server": {"visitor": "mine"}}'
    request = Request(body, 'a "quoted" agent', {"CloudFront-Viewer-Country": "CH"})
    (record,) = put("PostViews", request, TEXT)
    line = opened(b64decode(record["Data"]), KEY)
    server = json.loads(line)["server"]
    assert (server["at"], server["user_agent"], server["country"]) == (
        *(AT_MS, 'a "quoted" agent', "CH"),
    )
    assert ADDRESS.encode() not in line
    assert server["visitor"] != "mine"


def test_an_image_tells_its_members_and_the_page_it_stands_in() -> None:
    query = {"path": "/a b&c=é", "event_id": EVENT, "title": "$x #end \"'", "other": "x"}
    (record,) = put(
        "GetPixel", Request(query=query, headers={"Referer": "https://heron.example/p"})
    )
    said = told(record)
    assert parse_qs(said["body"]) == {name: [query[name]] for name in MEMBERS if name in query}
    assert (said["kind"], said["referer"]) == ("image/gif", "https://heron.example/p")
    assert record["PartitionKey"] == EVENT
    assert json.loads(opened(b64decode(record["Data"]), KEY))["path"] == "/a b&c=é"


def test_an_image_without_members_is_the_page_it_stands_in() -> None:
    (record,) = put("GetPixel", Request(headers={"Referer": "https://heron.example/p?a=1"}))
    assert json.loads(opened(b64decode(record["Data"]), KEY))["path"] == "/p?a=1"
    assert record["PartitionKey"] == REQUEST
    (bare,) = put("GetPixel", Request())
    assert set(json.loads(opened(b64decode(bare["Data"]), KEY))) == {"server"}


def of_records(*codes: str) -> dict[str, object]:
    records = [{"ErrorCode": code} if code else {"SequenceNumber": "1"} for code in codes]
    return {"FailedRecordCount": sum(map(bool, codes)), "Records": records}


SLOW = "ProvisionedThroughputExceededException"


@pytest.mark.parametrize(
    ("kinesis", "body", "status"),
    [
        (200, of_records("", ""), 204),
        (200, of_records(SLOW), 429),
        (200, of_records(SLOW, SLOW), 429),
        (200, of_records("InternalFailure"), 503),
        (200, of_records(SLOW, "", SLOW), 207),
        (400, {"__type": SLOW}, 429),
        (400, {"__type": "com.amazonaws.kinesis#LimitExceededException"}, 429),
        (400, {"__type": "KMSThrottlingException"}, 429),
        (400, {"__type": "ValidationException"}, 400),
        (400, {"__type": "InvalidArgumentException"}, 400),
        (400, {"__type": "ResourceNotFoundException"}, 500),
        (400, {"__type": "AccessDeniedException"}, 500),
        (500, {"__type": "InternalFailure"}, 500),
        (503, {}, 500),
    ],
)
def test_what_kinesis_answers_a_client_is_told(kinesis: int, body: object, status: int) -> None:
    found, said = answered("PostViews", kinesis, body)
    assert found == status
    assert str(status) in [each["StatusCode"] for each in method("PostViews")["MethodResponses"]]
    if status == 204:
        assert said == ""
    else:
        assert ("failed" if status == 207 else "message") in json.loads(said)


def test_which_views_were_not_taken_is_told() -> None:
    _, said = answered("PostViews", 200, of_records(SLOW, "", SLOW))
    assert json.loads(said) == {"failed": [0, 2]}


def test_an_image_is_answered_whatever_became_of_the_view() -> None:
    for status in (200, 400, 500):
        found, said = answered("GetPixel", status, {})
        assert (found, base64.b64decode(said)) == (200, PIXEL)
    (answer,) = method("GetPixel")["Integration"]["IntegrationResponses"]
    assert answer["ContentHandling"] == "CONVERT_TO_BINARY"


def test_nothing_passes_that_no_template_reads() -> None:
    for name in ("PostViews", "GetPixel", "PreflightOfViews"):
        assert method(name)["Integration"]["PassthroughBehavior"] == "NEVER"
    assert set(method("PostViews")["Integration"]["RequestTemplates"]) == {JSON, TEXT, FORM}


@pytest.mark.parametrize(
    ("name", "headers"),
    [
        ("PostViews", OPEN),
        ("GetPixel", {**OPEN, "content-type": "image/gif"}),
        ("PreflightOfViews", PREFLIGHT),
    ],
)
def test_pages_of_any_site_are_answered(name: str, headers: dict[str, str]) -> None:
    wanted = {f"method.response.header.{each}": f"'{text}'" for each, text in headers.items()}
    for answer in method(name)["Integration"]["IntegrationResponses"]:
        assert answer["ResponseParameters"] == wanted


def test_no_log_of_requests_is_kept_and_more_than_is_asked_for_is_refused() -> None:
    views = Stack(ViewsPerSecond="250").nested("Views")
    stage = views.resources["ApiStage"]["Properties"]
    assert "AccessLogSetting" not in stage
    for settings, rate in zip(stage["MethodSettings"], ("250", "20"), strict=True):
        assert (settings["LoggingLevel"], settings["DataTraceEnabled"]) == ("OFF", False)
        assert settings["ThrottlingRateLimit"] == settings["ThrottlingBurstLimit"] == rate


def test_without_it_nothing_of_it_is_made() -> None:
    types = {each["Type"] for _, each in Stack().all()}
    assert not [each for each in types if "ApiGateway::" in each or "Secret" in each]
    assert "AWS::DynamoDB::Table" not in types
    assert not {"Views", "ViewEtl", "ViewMapping", "Ranking", "Counters"} & set(Stack().resources)


def test_without_a_ranking_views_come_in_and_nothing_is_counted() -> None:
    stack = Stack(ViewsPerSecond="1", RankingsPerSecond="0")
    assert not {each for each in stack.resources if "Ranking" in each or "Counters" in each}
    variables = stack.resources["ViewEtl"]["Properties"]["Environment"]["Variables"]
    assert variables["TAILRACE_COUNTERS_TABLE"] == ""
    views = stack.nested("Views")
    assert not {each for each in views.resources if "Ranking" in each}
    assert len(views.resources["ApiStage"]["Properties"]["MethodSettings"]) == 1


def test_a_stage_shows_what_its_deployment_depends_on() -> None:
    """A method that is added later, or is gone, needs a deployment of its own."""
    shown = set()
    for rate in ("0", "20"):
        views = Stack(ViewsPerSecond="1", RankingsPerSecond=rate).nested("Views")
        (deployment,) = views.of_type("AWS::ApiGateway::Deployment")
        assert views.resources["ApiStage"]["Properties"]["DeploymentId"] == deployment
        made = set(views.of_type("AWS::ApiGateway::Method"))
        assert made <= set(views.resources[deployment]["DependsOn"])
        shown.add(deployment)
    assert len(shown) == 2


def test_the_script_is_answered_as_a_server_answers_it() -> None:
    (answer,) = method("GetScript")["Integration"]["IntegrationResponses"]
    text = answer["ResponseTemplates"]["application/json"]
    assert merged(text) + "\n" == SCRIPT.read_text("utf-8")
    told = answer["ResponseParameters"]
    assert told["method.response.header.content-type"] == "'text/javascript'"
    assert told["method.response.header.cache-control"] == f"'{SCRIPT_CACHED}'"


def test_a_ranking_is_asked_of_the_function_and_views_of_a_shard_are_counted_in_order() -> None:
    stack = Stack(ViewsPerSecond="1", ParallelBatches="10")
    called = stack.nested("Views").resources["GetRanking"]["Properties"]["Integration"]
    assert (called["Type"], called["IntegrationHttpMethod"]) == ("AWS_PROXY", "POST")
    assert "/functions/Ranking.Arn/invocations" in called["Uri"]
    assert stack.resources["ViewMapping"]["Properties"]["ParallelizationFactor"] == 1
    for name in ("ViewEtl", "Ranking", "Counters"):
        variables = stack.resources[name]["Properties"]["Environment"]["Variables"]
        assert variables["TAILRACE_COUNTERS_TABLE"] == "CountersTable"


def test_what_is_counted_is_forgotten_by_the_table_itself() -> None:
    made = Stack(ViewsPerSecond="1").resources["CountersTable"]["Properties"]
    assert made["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}
    assert [each["AttributeName"] for each in made["KeySchema"]] == ["pk", "sk"]
    assert {each["AttributeType"] for each in made["AttributeDefinitions"]} == {"S"}


def test_the_function_reads_views_alone_and_tells_pages_apart_as_it_is_told() -> None:
    stack = Stack(ViewsPerSecond="1", ViewParameters="id,lang")
    made = stack.resources["ViewEtl"]["Properties"]["Environment"]["Variables"]
    settings = of_function({name: str(it) for name, it in made.items() if "TAILRACE" in name})
    assert settings.declared_formats() == {"page-view": ("id,lang",)}
    assert settings.sources == {"*": "page-view"}
    assert settings.delivery.visitor_secret in stack.resources
