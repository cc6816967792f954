"""Where requests would go: known before any is sent, and refused where it is not one place."""

import json
import sys
import time
from pathlib import Path

import boto3
import botocore
import pytest
from botocore.exceptions import ClientError

from pipeline import aws
from pipeline.errors import NotConfigured, UsageError
from pipeline.targets import (
    DOMAINS,
    Answered,
    address,
    check_identity,
    hold_to,
    identify,
    is_aws,
)
from tests.answering import answering
from tests.infra.test_emulators import health

LOCAL = "http://localhost:4566"


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell that knows of no AWS."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_ENDPOINT_URL", "LOCALSTACK_HOST", "USE_SSL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")


def there() -> boto3.Session:
    """A session of whoever the environment names."""
    return boto3.Session(region_name="eu-west-1")


@pytest.mark.parametrize(
    ("url", "ours"),
    [
        ("https://sts.eu-west-1.amazonaws.com", True),
        ("https://sts.cn-north-1.amazonaws.com.cn", True),
        ("https://vpce-1-x.sts.eu-west-1.vpce.amazonaws.com", True),
        ("https://cloudformation.eu-west-1.api.aws", True),
        ("http://sts.eu-west-1.amazonaws.com", False),
        ("http://localhost:4566", False),
        ("https://amazonaws.com.example.org", False),
        ("https://evilamazonaws.com", False),
        ("localhost:4566", False),
        ("https://evil.example/.amazonaws.com", False),
        # boto3 sends these to evil.example, or refuses them.
        ("https://evil.example\\@sts.amazonaws.com", False),
        ("https://evil.example\t.amazonaws.com", False),
        ("https://evil.example%2f.amazonaws.com", False),
        ("https://sts.amazonaws.com@evil.example", False),
        # Programs of anybody have names like these.
        ("https://abc.execute-api.eu-west-1.amazonaws.com", False),
        ("https://ec2-192-0-2-1.compute-1.amazonaws.com", False),
        ("https://mine.eu-west-1.elb.amazonaws.com", False),
    ],
)
def test_only_addresses_of_aws_are_aws(url: str, ours: bool) -> None:
    assert is_aws(url) is ours


def test_domains_of_all_partitions_are_known() -> None:
    folder = Path(botocore.__file__).parent / "data"
    partitions = json.loads((folder / "partitions.json").read_text("utf-8"))["partitions"]
    wanted = {
        f".{each['outputs'][name]}"
        for each in partitions
        for name in ("dnsSuffix", "dualStackDnsSuffix")
    }
    assert wanted <= set(DOMAINS)


@pytest.mark.parametrize(
    "url",
    [
        "localhost:4566",
        "//localhost:4566",
        "http://",
        "http:///path",
        "http://[::1",
        "http://[::g]:1",
        "http://localhost:0",
        "http://localhost:99999",
        "http://localhost:port",
        "http://localh\u00f3st:4566",
        "http://\u212aocalhost",
        "http://\u2100.example",
        "http://local host:4566",
        " http://localhost:4566",
        "http://localhost:4566\n",
        "http://localhost:4566?x=1",
        "http://localhost:4566#x",
        "http://-x:4566",
        f"http://{'a' * 64}",
        f"http://{'a.' * 130}example",
        "ftp://localhost",
        "file:///etc/passwd",
        "https://evil.example\\@sts.amazonaws.com",
    ],
)
@pytest.mark.parametrize("target", ["", "aws", "ministack"])
def test_what_is_no_address_is_refused_with_its_place(
    url: str, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
    with pytest.raises(UsageError, match="AWS_ENDPOINT_URL_S3 is no address") as caught:
        aws.session(target)
    assert caught.value.where == repr(url.replace("evil.example\\", "...")[:100])
    assert identify(url) is None


def test_a_password_in_an_address_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://me:secret@localhost:4566")
    with pytest.raises(UsageError, match="AWS_ENDPOINT_URL is no address") as caught:
        aws.session()
    assert caught.value.where == "'http://...@localhost:4566'"


@pytest.mark.parametrize("url", ["http://[::1]:4566", "HTTP://LOCALHOST:4566", "http://a:1/b/"])
def test_addresses_may_be_written_in_several_ways(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    assert address("ministack", there()) == url


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_CLOUDFORMATION"])
def test_an_endpoint_elsewhere_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "http://localhost:4566")
    with pytest.raises(UsageError, match="requests would not go to AWS") as caught:
        hold_to("aws", there())
    assert caught.value.where == f"{name} = http://localhost:4566"


PROFILE = "[profile local]\nendpoint_url = http://localhost:1\n"
SERVICES = "[profile local]\nservices = mine\n[services mine]\nsts =\n  endpoint_url = http://b:2\n"


@pytest.mark.parametrize(
    ("config", "where"),
    [
        (PROFILE, "endpoint_url of the profile = http://localhost:1"),
        (SERVICES, "sts of [services mine] = http://b:2"),
    ],
)
def test_an_endpoint_elsewhere_in_the_profile_is_refused(
    config: str, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text(config)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "local")
    with pytest.raises(UsageError, match="requests would not go to AWS") as caught:
        hold_to("aws", there())
    assert caught.value.where == where


def test_an_emulator_that_was_asked_for_is_not_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://sts.eu-west-1.amazonaws.com")
    hold_to("aws", there())
    with pytest.raises(UsageError, match="requests would go to AWS, not to localstack"):
        hold_to("localstack", there())


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        ({"AWS_ENDPOINT_URL": "https://sts.amazonaws.com"}, "AWS_ENDPOINT_URL = https://sts"),
        ({"AWS_ENDPOINT_URL": "http://sts.amazonaws.com"}, "AWS_ENDPOINT_URL = http://sts"),
        ({"LOCALSTACK_HOST": "sts.amazonaws.com:443", "USE_SSL": "1"}, "https://sts.amazonaws.com"),
        (
            {
                "AWS_ENDPOINT_URL": "https://sts.amazonaws.com",
                "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
            },
            "https://sts.amazonaws.com",
        ),
    ],
)
def test_no_session_of_an_emulator_leads_to_aws(
    variables: dict[str, str], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    with pytest.raises(UsageError, match="requests would go to AWS, not to ministack") as caught:
        aws.session("ministack")
    assert place in caught.value.where


def test_an_address_of_all_services_is_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", LOCAL)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:4566/")
    assert address("", there()) == LOCAL
    assert address("localstack", there()) == LOCAL
    hold_to("ministack", there())


def test_without_addresses_it_is_aws() -> None:
    assert address("", there()) == ""
    assert address("aws", there()) == ""


def test_addresses_that_differ_are_refused_with_their_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", LOCAL)
    for name, url in (("S3", "http://localhost:9000"), ("S3", "https://s3.amazonaws.com")):
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{name}", url)
        for target in ("", "localstack"):
            with pytest.raises(UsageError, match="requests would go to several places") as caught:
                aws.session(target)
            assert caught.value.where == (
                f"AWS_ENDPOINT_URL = {LOCAL}\n  AWS_ENDPOINT_URL_S3 = {url}"
            )
            assert caught.value.fix == "unset all but AWS_ENDPOINT_URL, or make them the same"
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3")
    (tmp_path / "config").write_text(PROFILE)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "local")
    with pytest.raises(UsageError, match="requests would go to several places") as caught:
        aws.session()
    assert "endpoint_url of the profile = http://localhost:1" in caught.value.where


def test_one_service_elsewhere_and_the_rest_on_aws_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://localhost:9000")
    with pytest.raises(UsageError, match="requests would go to several places") as caught:
        aws.session()
    assert caught.value.where == ("AWS_ENDPOINT_URL_S3 = http://localhost:9000\n  all others = AWS")


def test_endpoints_of_one_network_of_aws_are_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://vpce-1.s3.eu-west-1.vpce.amazonaws.com")
    assert aws.session().region_name == aws.session("aws").region_name == "eu-west-1"


def test_addresses_that_are_ignored_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", LOCAL)
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    assert address("", there()) == ""
    with pytest.raises(UsageError, match="requests would go to AWS, not to localstack"):
        hold_to("localstack", there())


@pytest.mark.parametrize(
    ("variable", "url"), [("AWS_ENDPOINT_URL", "http://127.0.0.1:5"), ("", LOCAL)]
)
def test_all_services_of_a_named_emulator_are_asked_there_as_nobody(
    variable: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "mine")
    if variable:
        monkeypatch.setenv(variable, url)
    made = aws.session("localstack")
    assert made.region_name == "us-east-1"
    found = made.get_credentials()
    assert found is not None
    assert (found.access_key, found.secret_key) == ("test", "test")
    # Of these localstack-client's own session does not know the last.
    for service in ("s3", "firehose", "bedrock-runtime"):
        client = made.client(service, endpoint_url=None)  # type: ignore[call-overload]
        assert client.meta.endpoint_url == url
    assert made.resource("s3").meta.client.meta.endpoint_url == url


def test_a_session_of_an_emulator_asks_no_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "gone")
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    with health(edition="light", version="1.5.33") as port:
        made = aws.at(f"http://localhost:{port}")
        # It gets as far as an answer.
        with pytest.raises(ClientError, match="no stack"):
            made.client("sts", config=aws.one_attempt()).get_caller_identity()


def test_no_proxy_is_asked_for_an_emulator_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with (
        health(edition="light", version="1.5.33") as port,
        answering(b"HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n") as (proxy, seen),
    ):
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy}")
        url = f"http://localhost:{port}"
        assert identify(url) == Answered("ministack", "1.5.33")
        with pytest.raises(ClientError, match="no stack"):
            aws.at(url).client("sts", config=aws.one_attempt()).get_caller_identity()
        assert seen == []


@pytest.mark.parametrize("region", ["eu west", "evil.example/", "-"])
def test_a_region_that_is_none_is_refused(region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", region)
    for target in ("", "ministack"):
        with pytest.raises(UsageError, match="no region is called"):
            aws.session(target)


def test_a_file_of_profiles_that_cannot_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_bytes(b"[default\n\xff")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with pytest.raises(NotConfigured, match="Unable to parse config file"):
        aws.session()


def test_localstack_host_says_where_an_emulator_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALSTACK_HOST", "otherhost:4567")
    assert aws.session("localstack").client("s3").meta.endpoint_url == "http://otherhost:4567"
    monkeypatch.setenv("LOCALSTACK_HOST", "otherhost:port")
    with pytest.raises(UsageError, match="LOCALSTACK_HOST is no address"):
        aws.session("localstack")


def test_without_localstack_client_the_address_has_to_be_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "localstack_client.config", None)
    with pytest.raises(NotConfigured, match="nothing says where ministack is") as caught:
        aws.session("ministack")
    assert caught.value.fix == "set AWS_ENDPOINT_URL, or pip install 'tailrace[localstack]'"
    monkeypatch.setenv("AWS_ENDPOINT_URL", LOCAL)
    assert aws.session("ministack").client("sqs").meta.endpoint_url == LOCAL


def test_a_target_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="there is no target 'moto'") as caught:
        aws.session("moto")
    assert caught.value.fix == "known: aws, ministack, localstack"


def test_an_emulator_is_known_by_what_it_says_of_itself() -> None:
    with health(edition="light", version="1.5.33") as port:
        url = f"http://127.0.0.1:{port}"
        assert check_identity("ministack", url) == Answered("ministack", "1.5.33")
        with pytest.raises(
            UsageError, match=r"that is ministack 1\.5\.33, not localstack"
        ) as caught:
            check_identity("localstack", url)
        assert caught.value.fix.startswith("name it: --target ministack; or make local-down")
    with health(edition="community", version="4.14.0") as port:
        assert identify(f"http://127.0.0.1:{port}") == Answered("localstack", "4.14.0")


def test_what_ends_or_is_no_emulator_does_not_run() -> None:
    with health(version="4.14.0", services={"s3": "stopped", "sqs": "stopped"}) as port:
        assert identify(f"http://127.0.0.1:{port}") is None
    with health(status="ok") as port:
        assert identify(f"http://127.0.0.1:{port}") is None
    with pytest.raises(NotConfigured, match="ministack does not answer") as caught_:
        check_identity("ministack", f"http://127.0.0.1:{port}")
    assert "make local-up TARGET=ministack" in caught_.value.fix


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x16\x03\x01garbage\n\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nnothing",
        OK + b"\r\n\xff\xfe",
        OK + b"\r\n" + b"[" * 100_000,
        OK + b"\r\n" + b'{"version": "1", "more": "' + b"x" * (1 << 20) + b'"}',
        *(
            OK + b"\r\n" + said
            for said in (
                b"null",
                b"[]",
                b'{"version": 4}',
                b'{"version": ["4.14.0"]}',
                b'{"version": "1\\u001b[2J"}',
                b'{"version": ""}',
            )
        ),
    ],
)
def test_what_answers_like_no_emulator_is_none(answer: bytes) -> None:
    with answering(answer) as (port, _):
        assert identify(f"http://127.0.0.1:{port}") is None


def test_services_of_any_shape_are_no_emulator_that_ends() -> None:
    said = b'{"version": "1", "services": {"s3": ["stopped"], "sqs": {}}}'
    with answering(OK + b"\r\n" + said) as (port, _):
        assert identify(f"http://127.0.0.1:{port}") == Answered("localstack", "1")


def test_what_is_said_elsewhere_is_not_asked_for() -> None:
    with health(edition="light", version="1.5.33") as other:
        there = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/\r\n\r\n" % other
        with answering(there) as (port, _):
            assert identify(f"http://127.0.0.1:{port}") is None


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nX: ", OK + b"\r\n"])
def test_an_answer_without_an_end_is_not_waited_for(start: bytes) -> None:
    with answering(start, drip=True) as (port, _):
        began = time.monotonic()
        assert identify(f"http://127.0.0.1:{port}", timeout_s=0.2) is None
        assert time.monotonic() - began < 5
