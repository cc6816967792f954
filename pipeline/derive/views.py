"""infra/views.yaml: page views from API Gateway straight into a stream, and what is hot of them.

Sources: Amazon API Gateway Developer Guide, "Deploy REST APIs in API Gateway"; AWS CloudFormation
Template Reference, "AWS::ApiGateway::Stage MethodSetting" (a path has ~1 for /); Amazon Kinesis
Data Streams API Reference, "PutRecords".
"""

import hashlib
import json
from typing import Any

from pipeline.beacon import JSON, MOST_VIEWS, OPEN
from pipeline.derive import yaml
from pipeline.derive.machines import may, sub
from pipeline.derive.methods import API, RANKS, STREAM, methods, ranking, resources, skipped
from pipeline.derive.stack import HAS_TOPIC, STAGE, TOPIC, VERSION, alarm
from pipeline.invoke.posted import IMAGE

# With what the path of every method begins, as in the server.
API_VERSION = "v1"
_ABOUT = "Page views: API Gateway writes them into a stream, and no code of ours stands on the way."
_RANKED, _UNRANKED = "Ranked", "Unranked"


def page() -> str:
    """The file."""
    return yaml.page(_ABOUT, template())


def template() -> dict[str, Any]:
    """The template."""
    return {
        "AWSTemplateFormatVersion": VERSION,
        "Description": "Tailrace: page views from API Gateway straight into a stream.",
        "Parameters": _parameters(),
        "Conditions": {
            "HasTopic": HAS_TOPIC,
            RANKS: {"Fn::Not": [{"Condition": "RanksNothing"}]},
            "RanksNothing": {"Fn::Equals": [{"Ref": "RankingArn"}, ""]},
        },
        "Resources": {
            "ViewStream": _stream(),
            "ApiRole": _role(),
            "Api": _api(),
            **_refusals(),
            **resources(),
            "Views": _model(),
            "Body": {
                "Type": "AWS::ApiGateway::RequestValidator",
                "Properties": {"RestApiId": API, "Name": "body", "ValidateRequestBody": True},
            },
            **methods(),
            **ranking(),
            **_deployed(),
            **_alarms(),
        },
        "Outputs": {
            "StreamName": {"Value": STREAM},
            "StreamArn": {"Value": {"Fn::GetAtt": ["ViewStream", "Arn"]}},
            "Url": {
                "Description": "Behind it stand /views, /pixel.gif, /tailrace.js and /ranking",
                "Value": sub(
                    "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/${ApiStage}"
                ),
            },
        },
    }


def _parameters() -> dict[str, Any]:
    text = {"Type": "String"}
    return {
        "Stage": STAGE,
        "KeyArn": {**text, "Description": "What the stream is encrypted with"},
        "RetentionHours": {"Type": "Number", "Description": "How long it keeps a view"},
        "RequestsPerSecond": {"Type": "Number", "Description": "From which on 429 is answered"},
        "RankingsPerSecond": {
            "Type": "Number",
            "Description": "The same of requests for the ranking",
        },
        "RankingArn": {
            **text,
            "Description": "The function that answers these; empty for none",
            "Default": "",
        },
        "AlarmTopicArn": TOPIC,
    }


def _deployed() -> dict[str, Any]:
    """The stage, and what it shows: with a ranking or without one."""
    always, asked = methods(), ranking()
    found: dict[str, Any] = {}
    chosen = {}
    for name, condition, more in (
        (_RANKED, RANKS, asked),
        (_UNRANKED, "RanksNothing", dict[str, Any]()),
    ):
        shape = [_api(), _model(), _refusals(), {**always, **more}]
        # A deployment is what all of it was when it was made: anything else is another one.
        digest = hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()[:10]
        chosen[name] = f"{name}{digest}"
        found[chosen[name]] = {
            "Type": "AWS::ApiGateway::Deployment",
            "Condition": condition,
            "DependsOn": sorted([*_refusals(), *always, *more]),
            "Properties": {"RestApiId": API},
        }
    deployment = {"Fn::If": [RANKS, *({"Ref": chosen[name]} for name in (_RANKED, _UNRANKED))]}
    return {**found, "ApiStage": _stage(deployment)}


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


def _refusals() -> dict[str, Any]:
    return {f"Refused{kind}": _refused(kind) for kind in ("4XX", "5XX")}


def _refused(kind: str) -> dict[str, Any]:
    """What API Gateway itself refuses, a page of any site may read, too."""
    return {
        "Type": "AWS::ApiGateway::GatewayResponse",
        "Properties": {
            "RestApiId": API,
            "ResponseType": f"DEFAULT_{kind}",
            "ResponseParameters": {
                f"gatewayresponse.header.{name}": f"'{value}'" for name, value in OPEN.items()
            },
        },
    }


def _model() -> dict[str, Any]:
    """As far as a schema can tell: whether a page is one, the source decides."""
    return {
        "Type": "AWS::ApiGateway::Model",
        "Properties": {
            "RestApiId": API,
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


def _stage(deployment: dict[str, Any]) -> dict[str, Any]:
    asked = _setting("GET", "/~1ranking", {"Ref": "RankingsPerSecond"})
    return {
        "Type": "AWS::ApiGateway::Stage",
        "Metadata": skipped(
            CKV_AWS_76="a log of requests would hold the addresses that are kept nowhere",
            CKV_AWS_120="views cannot be cached, and a ranking is another one each second",
            CKV_AWS_73="traces would hold addresses, too",
            CKV2_AWS_51="pages of any site send views, and have no certificate",
            CKV2_AWS_29="a firewall is the site's to choose",
            CKV2_AWS_4="a log of requests would hold the addresses that are kept nowhere",
        ),
        "Properties": {
            "RestApiId": API,
            "DeploymentId": deployment,
            "StageName": API_VERSION,
            "MethodSettings": [
                _setting("*", "/*", {"Ref": "RequestsPerSecond"}),
                {"Fn::If": [RANKS, asked, {"Ref": "AWS::NoValue"}]},
            ],
        },
    }


def _setting(verb: str, path: str, rate: dict[str, str]) -> dict[str, Any]:
    return {
        "HttpMethod": verb,
        "ResourcePath": path,
        "ThrottlingRateLimit": rate,
        "ThrottlingBurstLimit": rate,
        "MetricsEnabled": True,
        "LoggingLevel": "OFF",
        "DataTraceEnabled": False,
    }


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

    # A ranking that cannot be read loses nobody's view.
    posted = {"ApiName": sub("tailrace-${Stage}-views"), "Stage": API_VERSION}
    posted |= {"Resource": "/views", "Method": "POST"}
    return {
        "ViewsFail": alarm(
            "views-failed",
            "Page views are answered with a fault and lost, unless the page sends them again: the"
            " role of API Gateway, its key or the stream is not what it was",
            summed("AWS/ApiGateway", "5XXError", **posted),
            0,
        ),
        "ViewStreamThrottles": alarm(
            "views-throttled",
            "The stream takes fewer page views than come, and what it does not take is answered"
            " 429; on demand it grows by itself within minutes",
            summed("AWS/Kinesis", "WriteProvisionedThroughputExceeded", StreamName=STREAM),
            0,
        ),
    }
