"""Methods of the API of page views: what each takes, calls and answers.

Sources: Amazon API Gateway Developer Guide, "Tutorial: Create a REST API as an Amazon Kinesis
proxy", "Use the NEVER passthrough behavior", "Override your API's request and response parameters
and status codes", "Content type conversions", "Set up Lambda proxy integrations", "Mock
integrations for REST APIs".
"""

from base64 import b64encode
from typing import Any

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
from pipeline.derive.machines import INFRA, sub
from pipeline.invoke.posted import IMAGE
from pipeline.web.views import SCRIPT, SCRIPT_CACHED

API, STREAM = {"Ref": "Api"}, {"Ref": "ViewStream"}
RANKS = "Ranks"
_ANSWERS = ("204", "207", "400", "429", "500", "503")
# Kinesis answers 400 of what is too much, too.
_REFUSED = r"4\d{2}"


def resources() -> dict[str, Any]:
    """Paths of all methods."""
    return {
        "ViewsResource": _resource("views"),
        "PixelResource": _resource("pixel.gif"),
        "ScriptResource": _resource("tailrace.js"),
        "RankingResource": {"Condition": RANKS, **_resource("ranking")},
    }


def methods() -> dict[str, Any]:
    """Methods that are always there."""
    return {
        "PostViews": _post(),
        "PreflightOfViews": _preflight(),
        "GetPixel": _pixel(),
        "GetScript": _script(),
    }


def ranking() -> dict[str, Any]:
    """The method that a function answers, and that it may be called by it."""
    proxy = {
        "Type": "AWS_PROXY",
        "IntegrationHttpMethod": "POST",
        "Uri": sub(
            "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/"
            "${RankingArn}/invocations"
        ),
    }
    asked = _method("GET", "RankingResource", proxy, (), {}, {})
    called = {
        "Type": "AWS::Lambda::Permission",
        "Condition": RANKS,
        "Properties": {
            "FunctionName": {"Ref": "RankingArn"},
            "Action": "lambda:InvokeFunction",
            "Principal": "apigateway.amazonaws.com",
            "SourceArn": sub(
                "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*/GET/ranking"
            ),
        },
    }
    return {"GetRanking": {"Condition": RANKS, **asked}, "RankingIsCalled": called}


def skipped(**reasons: str) -> dict[str, Any]:
    """Checks of checkov that do not hold, and why."""
    return {"checkov": {"skip": [{"id": id, "comment": why} for id, why in reasons.items()]}}


def mapping(*names: str, kind: str = "") -> str:
    """A mapping template of some files of infra/views, one after the other.

    kind  type of the body whose records it writes; "" where it writes none
    """
    text = f"#set($kind = '{kind}')\n" if kind else ""
    text += "".join((INFRA / "views" / f"{name}.vtl").read_text("utf-8") for name in names)
    # A mapping template counts characters, which base64 has as many of as the body has bytes.
    given = {
        "MostBase64": len(b64encode(bytes(MOST_BYTES))),
        "MostBytes": MOST_BYTES,
        "MostViews": MOST_VIEWS,
        "Members": ", ".join(f"'{name}'" for name in MEMBERS),
    }
    for name, value in given.items():
        text = text.replace(f"${{{name}}}", str(value))
    return text.rstrip("\n")


def _post() -> dict[str, Any]:
    bodies = {kind: mapping("posted", "records", kind=kind) for kind in (JSON, TEXT, FORM)}
    answers = [
        _answer("204", OPEN, "200", {JSON: mapping("answer")}),
        _answer("400", OPEN, _REFUSED, {JSON: mapping("refused")}),
        _answer("500", OPEN, "", {JSON: '{"message": "the views could not be taken"}'}),
    ]
    return _method(
        "POST",
        "ViewsResource",
        _into_stream(bodies, answers),
        _ANSWERS,
        OPEN,
        {"RequestValidatorId": {"Ref": "Body"}, "RequestModels": {JSON: {"Ref": "Views"}}},
    )


def _pixel() -> dict[str, Any]:
    headers = {**OPEN, "content-type": IMAGE}
    pixel = b64encode(PIXEL).decode()
    # An image that is none shows as a broken one, so it is answered whatever became of the view.
    answers = [
        {**_answer("200", headers, "", {JSON: pixel}), "ContentHandling": "CONVERT_TO_BINARY"}
    ]
    asked = {JSON: mapping("image", "records", kind=IMAGE)}
    return _method("GET", "PixelResource", _into_stream(asked, answers), ("200",), headers, {})


def _preflight() -> dict[str, Any]:
    mock = _made_up("204", PREFLIGHT, {JSON: ""})
    return _method("OPTIONS", "ViewsResource", mock, ("204",), PREFLIGHT, {})


def _script() -> dict[str, Any]:
    headers = {**OPEN, "cache-control": SCRIPT_CACHED, "content-type": "text/javascript"}
    # It holds neither # nor $, which a mapping template would have: a test looks.
    script = {JSON: SCRIPT.read_text("utf-8").rstrip("\n")}
    return _method("GET", "ScriptResource", _made_up("200", headers, script), ("200",), headers, {})


def _made_up(status: str, headers: dict[str, str], bodies: dict[str, str]) -> dict[str, Any]:
    """An integration that calls nothing."""
    return {
        "Type": "MOCK",
        "PassthroughBehavior": "NEVER",
        "RequestTemplates": {JSON: f'{{"statusCode": {status}}}'},
        "IntegrationResponses": [_answer(status, headers, "", bodies)],
    }


def _into_stream(bodies: dict[str, str], answers: list[dict[str, Any]]) -> dict[str, Any]:
    """An integration that calls PutRecords with what a mapping template makes of a request."""
    return {
        "Type": "AWS",
        "IntegrationHttpMethod": "POST",
        "Uri": sub("arn:${AWS::Partition}:apigateway:${AWS::Region}:kinesis:action/PutRecords"),
        "Credentials": {"Fn::GetAtt": ["ApiRole", "Arn"]},
        "PassthroughBehavior": "NEVER",
        "RequestParameters": {
            "integration.request.header.Content-Type": "'application/x-amz-json-1.1'"
        },
        "RequestTemplates": {kind: _of_stream(text) for kind, text in bodies.items()},
        "IntegrationResponses": answers,
    }


def _of_stream(text: str) -> Any:
    # Joined: what Velocity calls ${q} Fn::Sub would have as ${!q}, which LocalStack does not know.
    before, _, after = text.partition("${StreamName}")
    return {"Fn::Join": ["", [before, STREAM, after]]}


def _answer(
    status: str, headers: dict[str, str], pattern: str, bodies: dict[str, str]
) -> dict[str, Any]:
    """What is answered; `pattern`: of the statuses of Kinesis it is for, "" for all others."""
    chosen = {"SelectionPattern": pattern} if pattern else {}
    return {
        "StatusCode": status,
        **chosen,
        "ResponseParameters": {
            f"method.response.header.{name}": f"'{value}'" for name, value in headers.items()
        },
        "ResponseTemplates": bodies,
    }


def _method(
    verb: str,
    resource: str,
    integration: dict[str, Any],
    statuses: tuple[str, ...],
    headers: dict[str, str],
    more: dict[str, Any],
) -> dict[str, Any]:
    told = {f"method.response.header.{name}": True for name in headers}
    answers = [{"StatusCode": status, "ResponseParameters": told} for status in statuses]
    return {
        "Type": "AWS::ApiGateway::Method",
        "Metadata": skipped(CKV_AWS_59="pages of any site ask here, whoever looks at them"),
        "Properties": {
            "RestApiId": API,
            "ResourceId": {"Ref": resource},
            "HttpMethod": verb,
            "AuthorizationType": "NONE",
            **more,
            "Integration": integration,
            **({"MethodResponses": answers} if statuses else {}),
        },
    }


def _resource(name: str) -> dict[str, Any]:
    return {
        "Type": "AWS::ApiGateway::Resource",
        "Properties": {
            "RestApiId": API,
            "ParentId": {"Fn::GetAtt": ["Api", "RootResourceId"]},
            "PathPart": name,
        },
    }
