"""The stack as it would be made for some parameters: conditions decided, functions worked out.

What only AWS knows stands as a word: the ref of a resource is its logical id, an attribute is
`<id>.<attribute>`, in texts both are the same.
"""

import base64
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from cfnlint.decode import cfn_yaml

INFRA = Path(__file__).resolve().parents[2] / "infra"
NO_VALUE = "AWS::NoValue"
PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::AccountId": "111122223333",
    "AWS::StackName": "tailrace-heron",
    NO_VALUE: NO_VALUE,
}
ROUTES = ("kinesis", "lambda", "s3")
NESTED = "AWS::CloudFormation::Stack"
# A machine of Step Functions is no template.
TEMPLATES = sorted(path for path in INFRA.glob("*.yaml") if not path.stem.endswith(".asl"))


@cache
def template(name: str) -> dict[str, Any]:
    """A template of infra/ as it is written; tags are long forms."""
    found: dict[str, Any] = cfn_yaml.load(str(INFRA / name))
    return found


class Stack:
    """A template with values for its parameters; `resources` are those that would be made."""

    def __init__(self, name: str = "template.yaml", **given: str) -> None:
        self.written = template(name)
        declared = self.written.get("Parameters", {})
        unknown = set(given) - set(declared)
        assert not unknown, f"{name} has no parameters {unknown}"
        if name == "template.yaml":
            given = {"Stage": "heron", **given}
        self.values = {each: self._value(each, spec, given) for each, spec in declared.items()}
        made = {
            logical_id: each
            for logical_id, each in self.written["Resources"].items()
            if "Condition" not in each or self.holds(each["Condition"])
        }
        self.resources: dict[str, Any] = {}
        for logical_id, each in made.items():
            self.resources[logical_id] = {**each, "Properties": self.of(each["Properties"])}

    def _value(self, name: str, spec: Mapping[str, Any], given: Mapping[str, str]) -> Any:
        text = str(given[name] if name in given else spec["Default"])
        listed = [each.strip() for each in text.split(",")]
        for part in listed if spec["Type"] == "CommaDelimitedList" else [text]:
            if "AllowedPattern" in spec and not re.fullmatch(spec["AllowedPattern"], part):
                raise ValueError(f"{name}: {part!r} {spec.get('ConstraintDescription', '')}")
            if "AllowedValues" in spec and part not in map(str, spec["AllowedValues"]):
                raise ValueError(f"{name}: {part!r} is not one of {spec['AllowedValues']}")
        return listed if spec["Type"] == "CommaDelimitedList" else text

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Properties of the resources of a type, by logical id."""
        return {
            logical_id: each["Properties"]
            for logical_id, each in self.resources.items()
            if each["Type"] == kind
        }

    def nested(self, logical_id: str) -> "Stack":
        """One of its nested stacks, with the parameters that it is given."""
        made = self.resources[logical_id]["Properties"]
        return Stack(made["TemplateURL"], **{k: str(v) for k, v in made["Parameters"].items()})

    def all(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every resource of it and of its nested stacks."""
        for logical_id, each in self.resources.items():
            yield logical_id, each
            if each["Type"] == NESTED:
                yield from self.nested(logical_id).all()

    def holds(self, condition: Any) -> bool:
        """Whether a condition, or the one of that name, is true."""
        if isinstance(condition, str):
            return self.holds(self.written["Conditions"][condition])
        ((function, part),) = condition.items()
        if function == "Condition":
            return self.holds(part)
        if function == "Fn::Equals":
            left, right = map(self.of, part)
            return str(left) == str(right)
        together = {"Fn::Not": lambda each: not each[0], "Fn::And": all, "Fn::Or": any}
        return bool(together[function]([self.holds(each) for each in part]))

    def of(self, value: Any) -> Any:
        """A value with its functions worked out."""
        if isinstance(value, list):
            parts = [self.of(each) for each in value]
            return [each for each in parts if each != NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((function, part),) = value.items()
            if function == "Ref" or function.startswith("Fn::"):
                return getattr(self, "_" + function.removeprefix("Fn::").lower())(part)
        parts = {key: self.of(part) for key, part in value.items()}
        return {key: part for key, part in parts.items() if part != NO_VALUE}

    def _ref(self, name: str) -> Any:
        return PSEUDO.get(name, self.values.get(name, name))

    def _getatt(self, path: Any) -> str:
        return path if isinstance(path, str) else ".".join(path)

    def _if(self, part: list[Any]) -> Any:
        return self.of(part[1] if self.holds(part[0]) else part[2])

    def _sub(self, part: Any) -> str:
        text, own = (part, {}) if isinstance(part, str) else (part[0], self.of(part[1]))

        def filled(found: re.Match[str]) -> str:
            name = found[1]
            return f"${{{name[1:]}}}" if name[0] == "!" else str(own.get(name, self._ref(name)))

        return re.sub(r"\$\{([^}]+)\}", filled, text)

    def _join(self, part: Any) -> str:
        return str(part[0]).join(map(str, self.of(part[1])))

    def _split(self, part: Any) -> list[str]:
        return str(self.of(part[1])).split(part[0])

    def _select(self, part: Any) -> Any:
        return self.of(part[1])[int(part[0])]

    def _base64(self, part: Any) -> str:
        return base64.b64encode(self.of(part).encode()).decode()

    def _findinmap(self, part: Any) -> Any:
        table, row, column = map(self.of, part)
        return self.written["Mappings"][table][row][column]


def needs(logical_id: str, written: Mapping[str, Any]) -> set[str]:
    """Resources of a template that one of them waits for, at any distance."""
    found: set[str] = set()
    waiting = [logical_id]
    while waiting:
        for name in _named(written["Resources"][waiting.pop()]):
            if name in written["Resources"] and name not in found:
                found.add(name)
                waiting.append(name)
    return found


def _named(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _named(each)
    elif isinstance(value, dict):
        for key, part in value.items():
            if key in ("Ref", "DependsOn"):
                yield from [part] if isinstance(part, str) else part
            elif key == "Fn::GetAtt":
                yield part.split(".")[0] if isinstance(part, str) else part[0]
            elif key == "Fn::Sub":
                text = part if isinstance(part, str) else part[0]
                yield from re.findall(r"\$\{([A-Za-z0-9]+)[.}]", text)
            yield from _named(part)


def statements(policy: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Statements of a policy, actions and resources as lists."""
    listed = []
    for each in policy["Statement"]:
        more = {
            key: [each[key]] if isinstance(each[key], str) else each[key]
            for key in ("Action", "Resource")
            if key in each
        }
        listed.append({**each, **more})
    return listed
