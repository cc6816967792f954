"""Giving CloudFormation a template: in the request while it is short enough, else from S3."""

import json
from hashlib import sha256
from pathlib import Path

import pytest

from infra.deploy.given import REQUEST_BYTES, given
from infra.deploy.kept import read_template
from infra.deploy.stack import TEMPLATE, diff
from tests.deliver.s3_service import S3Service, error
from tests.infra.stack_service import CHANGE_SET, OPENED, Service
from tests.infra.workplace import STAGING, Shell, changed, hands

NESTED_STACK = {"ResourceType": "AWS::CloudFormation::Stack"}
OF_SAM = {CHANGE_SET: [[changed("Modify", "Deliveries", **NESTED_STACK)]]}
INSIDE = {
    OPENED: [[changed("Modify", "Deliveries", **NESTED_STACK, ChangeSetId="arn:a")]],
    "arn:a": [[changed("Add", "Alb", ResourceType="AWS::KinesisFirehose::DeliveryStream")]],
}
LONG = '{"Description":"' + "x" * REQUEST_BYTES + '"}'
KEY = f"tailrace-staging/{sha256(LONG.encode()).hexdigest()}.template"
UPLOADED = {("sam-bucket", KEY): LONG.encode()}
REFUSED = error(403, "AccessDenied")


def long_service(bucket: str = "sam-bucket") -> Service:
    """A stack whose template is too long for a request."""
    return Service(inside=INSIDE, templates={CHANGE_SET: LONG}, sam_bucket=bucket)


def test_a_template_goes_into_the_request_up_to_its_last_byte() -> None:
    service, stack = Service(sam_bucket="sam-bucket"), "tailrace-staging"
    client, s3 = service.client(), service.s3.client()
    fits, longer = "x" * REQUEST_BYTES, "é" + "x" * (REQUEST_BYTES - 1)
    assert given(fits, stack, client, s3) == {"TemplateBody": fits}
    assert service.s3.objects == {}
    assert list(given(longer, stack, client, s3)) == ["TemplateURL"]
    assert list(service.s3.objects.values()) == [longer.encode()]


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-west-1", "s3.eu-west-1.amazonaws.com"),
        ("us-east-1", "s3.amazonaws.com"),
        ("us-gov-west-1", "s3.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "s3.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_a_long_template_is_found_at_the_host_of_its_region(region: str, host: str) -> None:
    service = long_service()
    said = given(LONG, "tailrace-staging", service.client(), service.s3.client(region))
    assert said == {"TemplateURL": f"https://{host}/sam-bucket/{KEY}"}
    assert service.s3.objects == UPLOADED


def test_a_diff_opens_the_nested_stacks_of_a_long_template(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = long_service()
    diff(STAGING, hands(service, Shell(service, deploying=OF_SAM), built), rebuild=False)
    assert "Deliveries/Alb" in capsys.readouterr().out
    ((_, asked),) = [each for each in service.asked if each[0] == "CreateChangeSet"]
    assert asked["TemplateURL"].endswith(f"/sam-bucket/{KEY}")
    assert "TemplateBody" not in asked
    assert service.s3.objects == UPLOADED
    assert service.change_sets == {}


@pytest.mark.parametrize(
    ("bucket", "why"),
    [("", "a template of 51,218 bytes goes through a bucket"), ("sam-bucket", "AccessDenied")],
)
def test_a_diff_says_that_a_long_template_could_not_be_given(
    bucket: str, why: str, built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = long_service(bucket)
    service.s3 = S3Service(iter([REFUSED]))
    diff(STAGING, hands(service, Shell(service, deploying=OF_SAM), built), rebuild=False)
    out, err = capsys.readouterr()
    assert "what is inside is not shown" in out
    said = "note: CloudFormation does not say what changes inside of nested stacks: "
    assert why in err.partition(said)[2]
    assert "CreateChangeSet" not in service.operations()
    assert service.change_sets == {}


def test_the_template_is_far_shorter_than_a_bucket_may_give() -> None:
    written = read_template(TEMPLATE.read_text("utf-8"))
    # CloudFormation takes 1 MB; SAM makes it longer.
    assert len(json.dumps(written, separators=(",", ":"))) < 500_000
