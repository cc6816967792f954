"""The ways to AWS that run without anybody: no key is kept, each step may do only its own."""

import json
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml
from cfnlint.decode import decode_str
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from tests.infra.stack import TEMPLATES, template

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "infra" / "pipeline.yaml"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
RESOURCES: dict[str, Any] = decode_str(TEMPLATE.read_text("utf-8"))[0]["Resources"]
OF_A_STAGE: dict[str, Any] = RESOURCES["Fn::ForEach::Stages"][2]
STAGES = RESOURCES["Pipeline"]["Properties"]["Stages"]
BUILDSPEC = yaml.safe_load((ROOT / "infra" / "buildspec.yml").read_text("utf-8"))
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text("utf-8"), re.M))


def workflow(name: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text("utf-8"))


def statements(resource: dict[str, Any]) -> list[dict[str, Any]]:
    """All that a role or policy allows, its own policies only."""
    properties = resource["Properties"]
    documents = [each["PolicyDocument"] for each in properties.get("Policies", [])]
    documents += [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
    return [each for document in documents for each in document["Statement"]]


def actions(resource: dict[str, Any]) -> set[str]:
    """Every action that a role or policy allows."""
    named = [statement["Action"] for statement in statements(resource)]
    return {one for each in named for one in ([each] if isinstance(each, str) else each)}


@pytest.mark.slow
def test_the_template_of_the_pipeline_passes_cfn_lint() -> None:
    ran = subprocess.run(
        [
            str(Path(sys.executable).with_name("cfn-lint")),
            "--regions",
            "us-east-1",
            "eu-west-1",
            "--",
            str(TEMPLATE),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ran.stdout, ran.returncode) == ("", 0)


def test_the_way_goes_by_staging_and_a_smoke_test_and_approval_to_production() -> None:
    assert [stage["Name"] for stage in STAGES] == [
        *("Source", "BuildAndTest", "Staging", "SmokeTest", "Approval", "Production"),
    ]
    (approval,) = STAGES[4]["Actions"]
    assert approval["ActionTypeId"]["Provider"] == "Manual"
    projects = [
        action["Configuration"]["ProjectName"]["Ref"]
        for stage in STAGES
        for action in stage["Actions"]
        if action["ActionTypeId"]["Provider"] == "CodeBuild"
    ]
    assert projects == [
        *("BuildProject", "DeployProjectstaging", "SmokeProjectstaging"),
        *("DeployProjectproduction", "SmokeProjectproduction"),
    ]


def test_both_stages_are_deployed_what_was_built_and_tested_once() -> None:
    later = [action for stage in STAGES[2:] for action in stage["Actions"]]
    assert {each["InputArtifacts"][0]["Name"] for each in later if "InputArtifacts" in each} == {
        "built"
    }
    build = OF_A_STAGE["DeployProject${Stage}"]["Properties"]["Source"]["BuildSpec"]["Fn::Sub"]
    assert 'make deploy STAGE=${Stage} ARGS="--yes --built --role-arn $EXECUTION_ROLE"' in build
    assert yaml.safe_load(build)["version"] == 0.2


def test_what_builds_and_tests_may_not_deploy() -> None:
    assert RESOURCES["BuildRole"]["Properties"]["ManagedPolicyArns"] == [{"Ref": "StepPolicy"}]
    assert statements(RESOURCES["BuildRole"]) == []
    services = {action.partition(":")[0] for action in actions(RESOURCES["StepPolicy"])}
    assert services == {"s3", "kms", "logs"}


def test_what_asks_a_stage_how_it_is_only_looks_and_asks_athena() -> None:
    smoke = OF_A_STAGE["SmokeRole${Stage}"]
    assert statements(smoke) == []
    verbs = {action.partition(":")[2] for action in actions(OF_A_STAGE["LookPolicy${Stage}"])}
    assert {verb for verb in verbs if not re.match("(Get|List|Describe)[A-Z]", verb)} == {
        *("StartQueryExecution", "StopQueryExecution", "Query"),
        *("PutObject", "AbortMultipartUpload", "Decrypt", "GenerateDataKey"),
    }
    looks = statements(OF_A_STAGE["LookPolicy${Stage}"])
    (written,) = [each for each in looks if "s3:PutObject" in each["Action"]]
    assert "resultsbucket-*/athena/*" in written["Resource"]["Fn::Sub"]


def test_what_deploys_may_ask_how_it_went() -> None:
    for role in ("DeployRole${Stage}", "SmokeRole${Stage}"):
        arns = OF_A_STAGE[role]["Properties"]["ManagedPolicyArns"]
        assert {"Ref": {"Fn::Sub": "LookPolicy${Stage}"}} in json.loads(json.dumps(arns))


def test_a_role_is_handed_on_only_to_the_services_that_are_named() -> None:
    passing = {
        name: [each for each in statements(resource) if each["Action"] == "iam:PassRole"]
        for name, resource in OF_A_STAGE.items()
        if resource["Type"] == "AWS::IAM::Role"
    }
    assert all(
        "iam:PassedToService" in str(each["Condition"])
        for all_ in passing.values()
        for each in all_
    )
    (deploying,) = passing["DeployRole${Stage}"]
    assert json.loads(json.dumps(deploying["Resource"])) == {
        "Fn::GetAtt": [{"Fn::Sub": "ExecutionRole${Stage}"}, "Arn"]
    }
    assert passing["SmokeRole${Stage}"] == []


def test_whatever_is_allowed_of_one_stage_names_it() -> None:
    """But for actions that know no names, each listed in the template with the reason."""
    free = {"WithoutNames", "NoResource", "BucketOfSam", "CloudFormationWorksAs", "Apis"}
    for resource in OF_A_STAGE.values():
        for each in statements(resource):
            if each["Sid"] not in free:
                assert "Stage" in json.dumps([each["Resource"], each.get("Condition")]), each["Sid"]


def test_no_action_is_allowed_on_everything_with_a_wildcard() -> None:
    roles = [*RESOURCES.values(), *OF_A_STAGE.values()]
    policies = [each for each in roles if isinstance(each, dict) and "IAM" in each["Type"]]
    for each in (one for policy in policies for one in statements(policy)):
        named = each["Action"] if isinstance(each["Action"], list) else [each["Action"]]
        if each["Resource"] == "*":
            assert [action for action in named if "*" in action] == []
        assert "*" not in named


def test_artifacts_are_kept_encrypted_and_from_the_public() -> None:
    bucket = RESOURCES["ArtifactBucket"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert "aws:kms" in json.dumps(bucket["BucketEncryption"])
    (tls,) = RESOURCES["ArtifactBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (tls["Effect"], tls["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert RESOURCES["ArtifactKey"]["Properties"]["EnableKeyRotation"] is True


def test_codebuild_calls_targets_that_exist() -> None:
    commands = [each for phase in BUILDSPEC["phases"].values() for each in phase["commands"]]
    named = {found[1] for each in commands if (found := re.match("make ([a-z-]+)(?: |$)", each))}
    assert named == {"setup", "check", "test", "build"}
    assert named <= TARGETS


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_by_commit_with_the_version_beside_it(path: Path) -> None:
    for used in re.findall(r"uses: (\S+@.*)", path.read_text("utf-8")):
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", used)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_keep_no_key(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(r"secrets\.|access-key|AWS_SECRET", text)
    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}


def test_only_a_job_that_deploys_is_vouched_for() -> None:
    jobs = workflow("deploy.yml")["jobs"]
    vouched = {name for name, job in jobs.items() if "id-token" in job.get("permissions", {})}
    assert vouched == {"staging", "production"}
    assert {jobs[name]["environment"] for name in vouched} == vouched


def test_production_comes_after_staging_which_comes_after_the_tests() -> None:
    jobs = workflow("deploy.yml")["jobs"]
    assert (jobs["production"]["needs"], jobs["staging"]["needs"]) == ("staging", "ci")
    assert jobs["ci"]["uses"] == "./.github/workflows/ci.yml"
    runs = [step["run"] for step in workflow("ci.yml")["jobs"]["ci"]["steps"] if "run" in step]
    assert runs == [".ci/run"]


def test_a_pull_request_deploys_nothing() -> None:
    deploying = workflow("deploy.yml")[True]  # YAML 1.1 takes the word `on` for true
    assert deploying == {"push": {"branches": ["main"]}, "workflow_dispatch": None}


def test_a_workflow_deploys_as_the_pipeline_does_by_a_role_of_cloudformations() -> None:
    for stage in ("staging", "production"):
        (step,) = [
            each
            for each in workflow("deploy.yml")["jobs"][stage]["steps"]
            if each.get("run", "").startswith("make deploy")
        ]
        assert step["run"] == (f'make deploy STAGE={stage} ARGS="--yes --role-arn $EXECUTION_ROLE"')
        assert step["env"] == {"EXECUTION_ROLE": "${{ vars.AWS_EXECUTION_ROLE_ARN }}"}


# What the schemas of CloudFormation name for what these templates do not use.
NOT_OURS = {
    "elasticfilesystem:": "functions with file systems",
    "iam:CreateServiceLinkedRole": "flow logs to Firehose, workgroups with an identity centre",
    "iam:DeleteRolePermissionsBoundary": "roles with boundaries",
    "iam:PutRolePermissionsBoundary": "roles with boundaries",
    "lakeformation:": "catalogues that Lake Formation governs, tables of open formats",
    "s3files:": "functions with file systems",
    "s3tables:": "buckets with tables of metadata",
}
OTHERWISE_NOT_OURS = {
    "AWS::ApiGateway::RestApi": {"UpdateRestApiPolicy": "APIs with a policy"},
    "AWS::ApiGatewayV2::Stage": {
        "TagResource": "IAM knows no such action",
        "UntagResource": "IAM knows no such action",
    },
    "AWS::IAM::Policy": {"Group": "policies of groups", "User": "policies of users"},
    "AWS::Lambda::Function": {"ec2:": "functions in a VPC"},
}
OWN_TEMPLATES = [path.name for path in TEMPLATES if path != TEMPLATE]
TYPES = {
    str(each["Type"]).replace("Serverless", "Lambda")
    for name in OWN_TEMPLATES
    for each in template(name)["Resources"].values()
}


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_cloudformation_may_make_change_and_delete_all_that_the_templates_hold(kind: str) -> None:
    """By what AWS's own handlers of a type ask for, as its schema lists it."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    handlers = {name: each["permissions"] for name, each in schema["handlers"].items()}
    handlers.pop("list", None)
    needed = {each for named in handlers.values() for each in named}
    needed |= set((schema.get("tagging") or {}).get("permissions", []))
    unused = (*NOT_OURS, *OTHERWISE_NOT_OURS.get(kind, ()))
    needed = {each for each in needed if not any(part in each for part in unused)}
    granted = statements(OF_A_STAGE["ExecutionRole${Stage}"])
    if kind == "AWS::Lambda::EventSourceMapping":  # AWS makes its name: no stage is in it
        granted = [each for each in granted if each["Sid"] != "OfThisStageByName"]
    allowed = {action for each in granted for action in _listed(each["Action"])}
    assert {each for each in needed if not any(fnmatch(each, to) for to in allowed)} == set()


def _listed(action: str | list[str]) -> list[str]:
    return [action] if isinstance(action, str) else action
