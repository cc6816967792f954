"""infra/views.yaml: page views from API Gateway straight into a stream, by infra/views/*.vtl.

Sources: Amazon API Gateway Developer Guide, "Tutorial: Create a REST API as an Amazon Kinesis
proxy", "Use the NEVER passthrough behavior", "Override your API's request and response parameters
and status codes", "Content type conversions"; Amazon Kinesis Data Streams API Reference,
"PutRecords".
"""

import hashlib
import json
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
from pipeline.derive import yaml
from pipeline.derive.machines import INFRA, may, sub
from pipeline.derive.stack import HAS_TOPIC, STAGE, TOPIC, VERSION, alarm
from pipeline.invoke.posted import IMAGE

# With what the path of every method begins, as in the server.
API_VERSION = "v1"
_ABOUT = "Page views: API Gateway writes them into a stream, and no code of ours stands on the way."
_API, _STREAM = {"Ref": "Api"}, {"Ref": "ViewStream"}
_ANSWERS = ("204", "207", "400", "429", "500", "503")
# Kinesis answers 400 of what is too much, too.
_REFUSED = r"4\d{2}"


def page() -> str:
    """The file."""
    return yaml.page(_ABOUT, template())


def template() -> dict[str, Any]:
    """The template."""
    methods = {"PostViews": _post(), "PreflightOfViews": _preflight(), "GetPixel": _pixel()}
    refusals = {f"Refused{kind}": _refused(kind) for kind in ("4XX", "5XX")}
    shape = json.dumps([_api(), _model(), refusals, methods], sort_keys=True).encode()
    # A deployment is what all of it was when it was made: anything else is another one.
    deployment = f"Deployment{hashlib.sha256(shape).hexdigest()[:10]}"
    text = {"Type": "String"}
    return {
        "AWSTemplateFormatVersion": VERSION,
        "Description": "Tailrace: page views from API Gateway straight into a stream.",
        "Parameters": {
            "Stage": STAGE,
            "KeyArn": {**text, "Description": "What the stream is encrypted with"},
            "RetentionHours": {"Type": "Number", "Description": "How long it keeps a view"},
            "RequestsPerSecond": {"Type": "Number", "Description": "From which on 429 is answered"},
            "AlarmTopicArn": TOPIC,
        },
        "Conditions": {"HasTopic": HAS_TOPIC},
        "Resources": {
            "ViewStream": _stream(),
            "ApiRole": _role(),
            "Api": _api(),
            **refusals,
            "ViewsResource": _resource("views"),
            "PixelResource": _resource("pixel.gif"),
            "Views": _model(),
            "Body": {
                "Type": "AWS::ApiGateway::RequestValidator",
                "Properties": {"RestApiId": _API, "Name": "body", "ValidateRequestBody": True},
            },
            **methods,
            deployment: {
                "Type": "AWS::ApiGateway::Deployment",
                "DependsOn": sorted([*refusals, *methods]),
                "Properties": {"RestApiId": _API},
            },
            "ApiStage": _stage(deployment),
            **_alarms(),
        },
        "Outputs": {
            "StreamName": {"Value": _STREAM},
            "StreamArn": {"Value": {"Fn::GetAtt": ["ViewStream", "Arn"]}},
            "Url": {
                "Description": "Behind it stand /views and /pixel.gif",
                "Value": sub(
                    "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/${ApiStage}"
                ),
            },
        },
    }


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


def _stream() -> dict[str, Any]:
    return {
        "Type": "AWS::Kinesis::Stream",
        "Properties": {
            "Name": sub("tailrace-${Stage}-views"),
            "StreamModeDetails": {"StreamMode": "ON_DEMAND"},
            "RetentionPeriodHours": {"Ref": "RetentionHours"},
            "StreamEncryption": {"EncryptionType": "KMS", "KeyId": {"Ref": "KeyArn"}},
        },
    }


def _role() -> dict[str, Any]:
    through = {"StringEquals": {"kms:ViaService": sub("kinesis.${AWS::Region}.amazonaws.com")}}
    statements = [
        may(["kinesis:PutRecords"], {"Fn::GetAtt": ["ViewStream", "Arn"]}),
        {**may(["kms:GenerateDataKey"], {"Ref": "KeyArn"}), "Condition": through},
    ]
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "Description": sub("API Gateway writes page views to the stream of Tailrace ${Stage}"),
            # Without conditions: nothing says that API Gateway tells for whom it takes a role on.
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "apigateway.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                    }
                ],
            },
            "Policies": [
                {
                    "PolicyName": "write-stream",
                    "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
                }
            ],
        },
    }


def _api() -> dict[str, Any]:
    return {
        "Type": "AWS::ApiGateway::RestApi",
        "Properties": {
            "Name": sub("tailrace-${Stage}-views"),
            "Description": "Page views, from any site",
            # Behind CloudFront, which tells the viewer's country and lets nobody else tell it.
            "EndpointConfiguration": {"Types": ["EDGE"]},
            # Bodies of views are none of these: they stay text.
            "BinaryMediaTypes": [IMAGE],
        },
    }


def _refused(kind: str) -> dict[str, Any]:
    """What API Gateway itself refuses, a page of any site may read, too."""
    return {
        "Type": "AWS::ApiGateway::GatewayResponse",
        "Properties": {
            "RestApiId": _API,
            "ResponseType": f"DEFAULT_{kind}",
            "ResponseParameters": {
                f"gatewayresponse.header.{name}": f"'{value}'" for name, value in OPEN.items()
            },
        },
    }


def _resource(name: str) -> dict[str, Any]:
    return {
        "Type": "AWS::ApiGateway::Resource",
        "Properties": {
            "RestApiId": _API,
            "ParentId": {"Fn::GetAtt": ["Api", "RootResourceId"]},
            "PathPart": name,
        },
    }


def _model() -> dict[str, Any]:
    """As far as a schema can tell: whether a page is one, the source decides."""
    return {
        "Type": "AWS::ApiGateway::Model",
        "Properties": {
            "RestApiId": _API,
            "Name": "Views",
            "ContentType": JSON,
            "Schema": {
                "$schema": "http://json-schema.org/draft-04/schema#",
                "title": "A view, or some",
                "type": ["object", "array"],
                "minItems": 1,
                "maxItems": MOST_VIEWS,
            },
        },
    }


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
    mock = {
        "Type": "MOCK",
        "PassthroughBehavior": "NEVER",
        "RequestTemplates": {JSON: '{"statusCode": 204}'},
        "IntegrationResponses": [_answer("204", PREFLIGHT, "", {JSON: ""})],
    }
    return _method("OPTIONS", "ViewsResource", mock, ("204",), PREFLIGHT, {})


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
    return {"Fn::Join": ["", [before, _STREAM, after]]}


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
    return {
        "Type": "AWS::ApiGateway::Method",
        "Metadata": _skipped(CKV_AWS_59="pages of any site send views, whoever looks at them"),
        "Properties": {
            "RestApiId": _API,
            "ResourceId": {"Ref": resource},
            "HttpMethod": verb,
            "AuthorizationType": "NONE",
            **more,
            "Integration": integration,
            "MethodResponses": [
                {"StatusCode": status, "ResponseParameters": told} for status in statuses
            ],
        },
    }


def _stage(deployment: str) -> dict[str, Any]:
    rate = {"Ref": "RequestsPerSecond"}
    return {
        "Type": "AWS::ApiGateway::Stage",
        "Metadata": _skipped(
            CKV_AWS_76="a log of requests would hold the addresses that are kept nowhere",
            CKV_AWS_120="nothing that is answered could be cached",
            CKV_AWS_73="traces would hold addresses, too",
            CKV2_AWS_51="pages of any site send views, and have no certificate",
            CKV2_AWS_29="a firewall is the site's to choose",
            CKV2_AWS_4="a log of requests would hold the addresses that are kept nowhere",
        ),
        "Properties": {
            "RestApiId": _API,
            "DeploymentId": {"Ref": deployment},
            "StageName": API_VERSION,
            "MethodSettings": [
                {
                    "HttpMethod": "*",
                    "ResourcePath": "/*",
                    "ThrottlingRateLimit": rate,
                    "ThrottlingBurstLimit": rate,
                    "MetricsEnabled": True,
                    "LoggingLevel": "OFF",
                    "DataTraceEnabled": False,
                }
            ],
        },
    }


def _skipped(**reasons: str) -> dict[str, Any]:
    return {"checkov": {"skip": [{"id": id, "comment": why} for id, why in reasons.items()]}}


def _alarms() -> dict[str, Any]:
    def summed(namespace: str, metric: str, **dimensions: Any) -> dict[str, Any]:
        return {
            "Namespace": namespace,
            "MetricName": metric,
            "Dimensions": [{"Name": name, "Value": it} for name, it in dimensions.items()],
            "Statistic": "Sum",
            "Period": 300,
            "EvaluationPeriods": 1,
        }

    api = sub("tailrace-${Stage}-views")
    return {
        "ViewsFail": alarm(
            "views-failed",
            "Page views are answered with a fault and lost, unless the page sends them again: the"
            " role of API Gateway, its key or the stream is not what it was",
            summed("AWS/ApiGateway", "5XXError", ApiName=api, Stage=API_VERSION),
            0,
        ),
        "ViewStreamThrottles": alarm(
            "views-throttled",
            "The stream takes fewer page views than come, and what it does not take is answered"
            " 429; on demand it grows by itself within minutes",
            summed("AWS/Kinesis", "WriteProvisionedThroughputExceeded", StreamName=_STREAM),
            0,
        ),
    }
