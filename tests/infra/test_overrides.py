"""Parameter overrides: read as SAM reads them or refused, and held to the template and the code."""

import json
import re
import subprocess
import tomllib
from pathlib import Path
from random import Random
from typing import Any

import pytest

from infra.deploy.checked import notes, parameters, routes
from infra.deploy.held import BESIDES_BYTES, IN_ENVIRONMENT, environment_bytes
from infra.deploy.overrides import as_words, overrides
from infra.deploy.stack import CONFIG, TEMPLATE
from infra.deploy.stages import Stage
from pipeline.errors import UsageError
from pipeline.invoke import Routes
from pipeline.settings import of_function
from tests.infra.stack import Stack

ROOT = Path(__file__).resolve().parents[2]
OF_SAM = ROOT / "build" / "venv-sam" / "bin" / "python"
READ = """
import json, sys
from samcli.cli.types import CfnParameterOverridesType
def read(written):
    try:
        return CfnParameterOverridesType().convert(written, None, None)
    except Exception as error:
        return str(error)
json.dump([read(each) for each in json.load(sys.stdin)], sys.stdout)
"""
TOML = re.compile(r"""'[A-Za-z]+=[^']*'|"[A-Za-z]+=[^"]*\"""")
WAF = '{"aws-waf-logs-*": "waf"}'


def by_sam(written: list[Any]) -> list[Any]:
    """What SAM's own parser makes of each."""
    if not OF_SAM.exists():
        pytest.skip("build/venv-sam, where SAM lives, is not there: make infra-check makes it")
    ran = subprocess.run(
        [str(OF_SAM), "-c", READ],
        input=json.dumps(written),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found: list[Any] = json.loads(ran.stdout)
    return found


def written_in(path: Path) -> list[str]:
    """Overrides that stand in a document, as TOML reads them."""
    found = TOML.findall(path.read_text("utf-8"))
    values: list[str] = tomllib.loads(f"them = [{', '.join(found)}]")["them"]
    return values


def test_what_readme_and_samconfig_say_is_read_as_by_sam() -> None:
    readme, config = written_in(ROOT / "README.md"), written_in(CONFIG)
    assert f"Sources={json.dumps(WAF)}" in readme
    assert f"Sources={json.dumps(WAF)}" in config
    names = {each.partition("=")[0] for each in readme + config}
    assert names >= {"FlowLogVpcId", "LogGroups", "Sources", "FlowLogFormat", "QuarantineDays"}
    for each, sam in zip(
        readme + config, by_sam([[each] for each in readme + config]), strict=True
    ):
        assert overrides([each], "") == sam
    stages = [
        stage["deploy"]["parameters"]["parameter_overrides"]
        for name, stage in tomllib.loads(CONFIG.read_text("utf-8")).items()
        if name in ("staging", "production")
    ]
    assert [overrides(each, "") for each in stages] == by_sam(stages)


def test_what_is_read_is_read_as_by_sam() -> None:
    """Whatever is written: we refuse it, or SAM makes the same of it."""
    random = Random(7)
    pieces = ["A", "B", "=", "=", " ", '"', "'", "\\", "{", "}", ",", "x", '"x y"', '\\"', "\t"]
    texts = ["".join(random.choices(pieces, k=random.randint(1, 9))) for _ in range(20_000)]
    texts += ["A=1  B=2", " A=1 ", 'A="" B=2', "A='x \"y\" z'", 'A="x \\"y\\" z"', "A=x\\ y"]
    taken = 0
    for text, sam in zip(texts, by_sam(texts), strict=True):
        try:
            ours = overrides(text, "")
        except UsageError:
            continue
        taken += 1
        assert ours == sam, text
    assert taken > 100


@pytest.mark.parametrize(
    "table", [{"A": "x", "B": 7}, {"A": WAF}, {"A": ["/a", "/b "]}, {"A": '"x y"'}, {"A": ""}]
)
def test_a_table_is_read_as_by_sam(table: dict[str, Any]) -> None:
    assert [overrides(table, "")] == by_sam([table])


@pytest.mark.parametrize(
    "text",
    [
        f"Sources={WAF}",
        'Sources={"a":"waf"}',
        "FlowLogFormat=${version} ${srcaddr}",
        "LogGroups=/a, /b",
        "LogGroups=",
        'Sources="{"a": "waf"}"',
        "ParameterKey=Stage,ParameterValue=staging LogDays=7",
        'A="ParameterKey=Stage,ParameterValue=x"',
        "file://parameters.json",
        "LogDays=7\nStage=staging",
        "LogDays",
        7,
    ],
)
def test_what_sam_would_misread_is_refused(text: Any) -> None:
    with pytest.raises(UsageError, match="SAM would not read this override") as caught:
        overrides([text], "in samconfig.toml")
    assert caught.value.where == "in samconfig.toml"
    assert 'Sources="{' in caught.value.fix


def test_overrides_that_are_neither_text_nor_list_nor_table_are_refused() -> None:
    with pytest.raises(UsageError, match="these are no overrides: 7"):
        overrides(7, "in samconfig.toml")


def test_a_parameter_that_is_set_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="LogDays is set twice"):
        overrides(["LogDays=7", "Stage=staging LogDays=9"], "")


def test_words_for_sam_are_read_by_it_as_what_was_meant() -> None:
    random = Random(7)
    pieces = ["A", "=", " ", '"', "'", "\\", "{", "}", ",", "x", "${v}", '\\"', "\t", ":"]
    values = ["".join(random.choices(pieces, k=random.randint(0, 9))) for _ in range(5_000)]
    values += [WAF, "", '{"/b": "{\\"code\\": \\"$status\\"}"}', 'it\'s "both"', "/a,/b"]
    meant, words = [], []
    for value in values:
        try:
            words.append(as_words({"A": value, "B": "7"}, ""))
        except UsageError:
            continue
        meant.append({"A": value, "B": "7"})
    assert by_sam(words) == meant
    assert len(meant) > 4_000


def test_a_value_that_sam_cannot_be_given_is_refused() -> None:
    with pytest.raises(UsageError, match="SAM cannot be given this A: x") as caught:
        as_words({"A": "x \\"}, "in samconfig.toml")
    assert caught.value.where == "in samconfig.toml"


def check(before: dict[str, str] | None = None, **given: str) -> list[str]:
    """Notes but that nothing will come in, which those tests are not about."""
    stage = Stage("heron", overrides=given)
    found = notes(stage, parameters(stage, TEMPLATE), before or {})
    return [each for each in found if not each.startswith("nothing will come in")]


def test_a_deployment_sets_every_parameter() -> None:
    declared = Stack().written["Parameters"]
    given = parameters(Stage("heron", overrides={"LogDays": "7"}), TEMPLATE)
    assert set(given) == set(declared)
    assert given["Stage"] == "heron"
    assert given["LogDays"] == "7"
    assert given["LogGroups"] == ""
    assert given["FlowLogSeconds"] == "60"


def test_a_parameter_that_is_taken_out_goes_back_to_the_default_and_that_is_noted() -> None:
    noted = check({"LogGroups": "/a,/b", "LogDays": "30", "QuarantineDays": "30"}, LogDays="7")
    assert noted == [
        "LogGroups was /a,/b, and becomes empty, as samconfig.toml does not name it",
        "LogDays was 30, and becomes 7",
    ]


@pytest.mark.parametrize(
    ("given", "noted"),
    [
        ({}, True),
        ({"LogRoute": "lambda"}, True),
        ({"LogRoute": "s3"}, False),
        ({"FlowLogVpcId": "vpc-0123456789abcdef0"}, False),
        ({"LogGroups": "/a"}, False),
    ],
)
def test_that_nothing_will_come_in_is_noted(given: dict[str, str], noted: bool) -> None:
    stage = Stage("heron", overrides=given)
    found = list(notes(stage, parameters(stage, TEMPLATE), {}))
    place = "in parameter_overrides of [heron.deploy.parameters], samconfig.toml"
    said = f"nothing will come in: set FlowLogVpcId or LogGroups, {place}"
    assert found == ([said] if noted else [])


def test_the_stages_of_samconfig_pass() -> None:
    read = tomllib.loads(CONFIG.read_text("utf-8"))
    for name in ("staging", "production"):
        given = read[name]["deploy"]["parameters"]["parameter_overrides"]
        stage = Stage(name, overrides=overrides(given, ""))
        (noted,) = notes(stage, parameters(stage, TEMPLATE), {})
        assert noted.startswith("nothing will come in")


INBOX = "s3://tailrace-heron-inboxbucket-"


def named(count: int) -> str:
    """Sources for so many log groups."""
    return json.dumps({f"/aws/service/{number:04}": "vpc-flow" for number in range(count)})


@pytest.mark.parametrize(
    ("given", "said", "where"),
    [
        ({"Sources": '{"/a": "wav"}'}, "no source called wav", "as the source of /a in Sources, "),
        ({"Sources": '{"/a": 7}'}, "Sources cannot be", ""),
        ({"Formats": '{"/a": "end"}'}, "app-log takes no format", "declared for /a in Formats, "),
        ({"Formats": '{"/a": 7}'}, "formats = {'/a': 7}, expected `str", "in Formats, "),
        ({"Formats": '{"/a: "end"}'}, "is no JSON", "in Formats, "),
        ({"Formats": '{ "/a": "end"}'}, "Formats cannot be", ""),
        ({"Formats": '{"/a": {"b": "end"}}'}, "formats = {'/a': {'b': 'end'}}", "in Formats, "),
        ({"Formats": '{"/a": "x{", "/b": "y"}'}, "stands twice", "in Formats, "),
        ({"FlowLogFormat": "${start} ${start}"}, "named twice", "in FlowLogFormat, "),
        ({"FlowLogFormat": '"${start}"'}, "is no field name", "in FlowLogFormat, "),
        ({"Source": "{}"}, "there is no parameter Source", ""),
        ({"LogRoute": "sqs"}, "LogRoute cannot be 'sqs'", ""),
        ({"LogGroups": "/a,/aws/lambda/tailrace-x"}, "LogGroups cannot be '/aws/la", ""),
        ({"Stage": "production"}, "Stage=production is another stage", ""),
        ({"BatchSize": "0"}, "BatchSize cannot be '0'", ""),
        ({"BatchSize": "abc"}, "BatchSize cannot be 'abc'", ""),
        ({"BatchSize": "10001"}, "BatchSize cannot be '10001'", ""),
        ({"Shards": "-1"}, "Shards cannot be '-1'", ""),
        ({"Shards": "1.5"}, "Shards cannot be '1.5'", ""),
        ({"Shards": ""}, "Shards cannot be ''", ""),
        ({"Shards": "00"}, "Shards cannot be '00'", ""),
        ({"Shards": "٣"}, "Shards cannot be '٣'", ""),
        ({"ReservedConcurrency": "-1"}, "ReservedConcurrency cannot be '-1'", ""),
        ({"LakeDays": "0.5"}, "LakeDays cannot be '0.5'", ""),
        ({"LakeDays": "9" * 5_000}, "LakeDays cannot be '999", ""),
        ({"FlowLogSeconds": "61"}, "FlowLogSeconds cannot be '61'", ""),
        ({"LandingSince": "2026-13-45"}, "LandingSince cannot be '2026-13-45': ", ""),
        ({"LandingSince": "2026-02-29"}, "LandingSince cannot be '2026-02-29': ", ""),
        ({"LogRoute": "s3", "LogGroups": "/a"}, "LogGroups cannot be '/a' where LogRoute is", ""),
        ({"LogGroups": ",".join(f"/{n}" for n in range(11))}, "LogGroups has 11 log groups", ""),
        ({"LogGroups": "/a,/a"}, "LogGroups has /a twice", ""),
        ({"LogGroups": "/a, /a"}, "LogGroups has /a twice", ""),
        ({"LogGroups": "/a b"}, "LogGroups cannot be '/a b'", ""),
        ({"AlarmTopicArn": "x" * 5_000}, "AlarmTopicArn cannot be 'xxx", ""),
        ({"FlowLogFormat": "${start} " * 500}, "FlowLogFormat has 4,500 bytes", ""),
        ({"Sources": named(200)}, "Sources has 6,", ""),
        ({"Sources": named(90)}, "make an environment of 4,", ""),
        (
            {"LogRoute": "s3", "FlowLogFormat": "${srcaddr}"},
            "the format has no time, such as start or end",
            "declared for s3://tailrace-heron-inboxbucket-?/AWSLogs/* in FlowLogFormat, ",
        ),
        (
            {"LogRoute": "s3", "Formats": f'{{"{INBOX}abc/AWSLogs/*": "${{end}}"}}'},
            "tailrace-heron has none yet, and its name is not known",
            "in Formats, ",
        ),
    ],
)
def test_a_parameter_that_would_fail_later_is_refused_with_its_place(
    given: dict[str, str], said: str, where: str
) -> None:
    with pytest.raises(UsageError, match=re.escape(said)) as caught:
        check(**given)
    assert f"{where}in parameter_overrides of [heron.deploy.parameters]" in caught.value.where
    assert caught.value.fix


@pytest.mark.parametrize(
    "given",
    [
        {"BatchSize": "1", "Shards": "0", "LakeDays": "36500", "ReservedConcurrency": "0"},
        {"BatchSize": "10000", "Shards": "10000", "BatchSeconds": "0"},
        {"LogGroups": ",".join(f"/{number}" for number in range(10))},
        {"LogGroups": "/a, /b"},
        {"LogGroups": "/a,,/b"},
        {"LogRoute": "s3", "LogGroups": " "},
        {"LandingSince": "2028-02-29"},
        {"FlowLogFormat": "${srcaddr}"},  # a record of a log group has a time beside it
        {"Sources": named(60)},
        {"LogRoute": "s3", "Formats": f'{{"{INBOX}*": "${{srcaddr}} ${{end}}"}}'},
    ],
)
def test_what_the_template_and_what_it_is_handed_to_take_passes(given: dict[str, str]) -> None:
    check(**given)


def test_a_format_for_the_inbox_of_the_deployed_stack_passes() -> None:
    name = "s3://tailrace-heron-inboxbucket-abc/AWSLogs/*"
    given = {"LogRoute": "s3", "Formats": f'{{"{name}": "${{srcaddr}} ${{end}}"}}'}
    stage = Stage("heron", overrides=given)
    values = parameters(stage, TEMPLATE)
    assert list(notes(stage, values, {}, "tailrace-heron-inboxbucket-abc")) == []
    with pytest.raises(UsageError, match="app-log takes no format"):
        list(notes(stage, values, {}, "tailrace-heron-inboxbucket-xyz"))


@pytest.mark.parametrize("name", ["Heron", "a", "x" * 17, "1st", "my-stage"])
def test_the_name_of_a_stage_is_held_to_the_template(name: str) -> None:
    with pytest.raises(UsageError, match=f"Stage cannot be '{name}'"):
        parameters(Stage(name), TEMPLATE)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"Sources": named(60)},
        {"LogRoute": "s3", "FlowLogFormat": "${end}"},
        {"Sources": '{"/b": "api-gateway"}', "Formats": '{"/b": "{\\"at\\": \\"$time\\"}"}'},
    ],
)
def test_the_size_of_the_environment_is_reckoned_with_the_longest_names(
    given: dict[str, str],
) -> None:
    stage = "x" * 16
    stack = Stack(Stage=stage, **given)
    function = stack.of_type("AWS::Serverless::Function")["LogEtl"]
    text = json.dumps(function["Environment"]["Variables"], separators=(",", ":"))
    for bucket in ("LakeBucket", "QuarantineBucket", "InboxBucket"):
        text = text.replace(bucket, f"tailrace-{stage}-{bucket.lower()}-{'x' * 13}")
    text = text.replace("Deliveries.Outputs.Streams", f"tailrace-{stage}-")
    reckoned = environment_bytes(stack.values)
    assert len(text) <= reckoned <= len(text) + 120
    assert reckoned == BESIDES_BYTES + sum(len(json.dumps(stack.values[n])) for n in IN_ENVIRONMENT)


def test_what_is_not_named_is_as_the_template_has_it_whatever_the_stack_has() -> None:
    formats = {"Formats": '{"/web": "combined"}'}
    with pytest.raises(UsageError, match="app-log takes no format"):
        check({"Sources": '{"/web": "http-access"}'}, **formats)
    check(Sources='{"/web": "http-access"}', **formats)


def test_a_format_that_may_not_be_meant_is_noted() -> None:
    noted = check(Sources='{"/web": "http-access"}', Formats='{"/web": "$remote_adr $status"}')
    assert noted == [
        "the format of /web: no column has $remote_adr (nearest: $remote_addr); kept in extra"
    ]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"LogRoute": "s3"},
        {"Sources": WAF, "Formats": '{"/vpc-flow/tailrace-heron": ["start end", "end"]}'},
        {"Sources": '{"/a": "vpc-flow","/b": "api-gateway"}', "Formats": '{"/a": "end"}'},
        {
            "Sources": '{"/b": "api-gateway"}',
            "Formats": '{"/b": "{\\"code\\": \\"$context.status\\"}"}',
        },
    ],
)
def test_what_is_checked_is_what_the_function_has(given: dict[str, str]) -> None:
    stack = Stack(**given)
    function = stack.of_type("AWS::Serverless::Function")["LogEtl"]
    environ = function["Environment"]["Variables"]
    settings = of_function({k: str(v) for k, v in environ.items() if k.startswith("TAILRACE_")})
    ours = routes(Stage("heron", overrides=given), stack.values, "InboxBucket")
    assert ours == Routes.of(settings)
