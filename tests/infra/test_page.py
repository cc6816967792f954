"""The page in the stack: off until it is named, and for nobody but whom it is named for."""

import json

import pytest

from tests.infra.stack import Stack, template

OURS = ("Presets", "Page", "AskPolicy")


def named(**given: str) -> dict[str, dict[str, object]]:
    """Resources of the page that a stack has, by name."""
    made = Stack(**given).resources
    return {name: each for name, each in made.items() if name.startswith(OURS)}


def test_a_stack_that_asks_for_nothing_has_nothing_of_it() -> None:
    assert named() == {}
    assert named(PresetMinutes="15", PageAccess="iam", Catalog="false") == {}


def test_presets_need_no_page_and_a_page_needs_no_presets() -> None:
    presets, page = named(PresetMinutes="15"), named(PageAccess="iam")
    assert not [name for name in presets if name.startswith("Page")]
    assert not [name for name in page if name.startswith("Presets")]
    for made, role in ((presets, "PresetsRole"), (page, "PageRole")):
        assert made["AskPolicy"]["Properties"]["Roles"] == [role]  # type: ignore[index]


@pytest.mark.parametrize(
    "minutes", template("template.yaml")["Parameters"]["PresetMinutes"]["AllowedValues"][1:]
)
def test_the_schedule_says_how_often_it_is(minutes: str) -> None:
    made = Stack(PresetMinutes=minutes).resources["PresetsSchedule"]["Properties"]
    assert made["ScheduleExpression"] == f"rate({minutes} minutes)"
    assert json.loads(made["Target"]["Input"]) == {"minutes": int(minutes)}


@pytest.mark.parametrize(("access", "kind"), [("iam", "AWS_IAM"), ("jwt", "JWT")])
def test_every_route_asks_who_it_is_and_none_writes(access: str, kind: str) -> None:
    stack = Stack(PageAccess=access, PageIssuer="https://login.example", PageAudience="page")
    routes = stack.nested("PageApi").of_type("AWS::ApiGatewayV2::Route")
    assert [each["RouteKey"] for each in routes.values()] == [*("GET /{proxy+}", "GET /")]
    for made in routes.values():
        assert made["AuthorizationType"] == kind
        assert ("AuthorizerId" in made) == (access == "jwt")


def test_tokens_are_of_the_issuer_and_for_the_page() -> None:
    stack = Stack(PageAccess="jwt", PageIssuer="https://login.example", PageAudience="page")
    made = stack.nested("PageApi").resources["Authorizer"]["Properties"]["JwtConfiguration"]
    assert made == {"Issuer": "https://login.example", "Audience": ["page"]}
    rule = template("template.yaml")["Rules"]["TokensAreOfSomebodyForSomebody"]
    assert len(rule["Assertions"]) == 2


def test_the_page_is_called_by_its_own_routes_alone() -> None:
    made = Stack(PageAccess="iam").nested("PageApi").resources["IsCalled"]["Properties"]
    assert (made["FunctionName"], made["Principal"]) == ("Page.Arn", "apigateway.amazonaws.com")
    assert made["SourceArn"] == "arn:aws:execute-api:eu-central-1:111122223333:Api/*/GET/*"


def test_presets_that_are_not_asked_are_an_alarm() -> None:
    made = Stack(PresetMinutes="15").nested("Health").resources["PresetsFail"]["Properties"]
    assert made["Dimensions"] == [{"Name": "FunctionName", "Value": "Presets"}]
    assert "PresetsFail" not in Stack().nested("Health").resources
