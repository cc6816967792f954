"""A table of DynamoDB in memory, where botocore would send a request; the client is a real one.

It knows the few operations that the counters ask for, and is as strict as the service about
conditions, sizes and what a transaction may hold.
"""

import base64
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from pipeline import aws
from tests.deliver.firehose_service import Content
from tests.session import session_of

TABLE = "counters"
KB = 1024
MOST_ITEM, MOST_TRANSACTION, MOST_WRITES = 400 * KB, 4 * KB * KB, 100
# A page of a query has 1 MB; here it is little, so that there are several pages.
PAGE = 3
BETWEEN = "pk = :pk AND sk BETWEEN :first AND :last"
Item = dict[str, dict[str, Any]]
SERVING: "list[Account]" = []


class Refused(Exception):
    """What the service says no with."""

    def __init__(self, code: str, message: str = "", **more: object) -> None:
        super().__init__(code)
        self.said = {"__type": f"com.amazonaws.dynamodb#{code}", "message": message, **more}


@cache
def _client() -> Any:
    session = session_of(lambda **said: SERVING[0].send(**said))
    return session.client("dynamodb", config=aws.one_attempt())


@dataclass
class Account:
    """One table.

    before   called with the name of an operation before it is done: it may raise
    behind   called when it is done, before that is told: it may raise
    written  units that writes have cost
    """

    items: dict[tuple[str, str], Item] = field(default_factory=dict)
    before: Callable[[str], None] = lambda name: None
    behind: Callable[[str], None] = lambda name: None
    did: Counter[str] = field(default_factory=Counter)
    written: int = 0
    _tokens: dict[str, Any] = field(default_factory=dict)

    @property
    def client(self) -> Any:
        """A client whose calls come here, until another account is asked for its own."""
        SERVING[:] = [self]
        return _client()

    def expire(self, now_s: int) -> None:
        """Do as TTL does at last."""
        for key, item in list(self.items.items()):
            if "expires" in item and int(item["expires"]["N"]) <= now_s:
                del self.items[key]

    def send(self, request: AWSPreparedRequest, event_name: str, **_: object) -> AWSResponse:
        """Answer a request of a client in this process."""
        status, said = self.answer(event_name.rpartition(".")[2], json.loads(request.body))
        return AWSResponse(request.url, status, {}, Content(json.dumps(said).encode()))

    def answer(self, operation: str, asked: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:
        """Do an operation: a status of HTTP, and what is told."""
        self.did[operation] += 1
        try:
            self.before(operation)
            status, said = 200, getattr(self, f"_{operation}")(asked)
        except Refused as refused:
            status, said = 400, refused.said
        self.behind(operation)
        return status, said

    def _GetItem(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        assert asked["ConsistentRead"]
        found = self.items.get(_key(asked["Key"]))
        return {} if found is None else {"Item": found}

    def _PutItem(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        assert asked.keys() == {"TableName", "Item"}
        self.written += -(-self._check(asked) // KB)
        self._put(asked["Item"])
        return {}

    def _TransactWriteItems(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        token = asked["ClientRequestToken"]
        if token in self._tokens:
            if self._tokens[token] != asked:
                raise Refused("IdempotentParameterMismatchException")
            return {}
        puts = [each["Put"] for each in asked["TransactItems"]]
        sizes = [self._check(each) for each in puts]
        keys = {_key(each["Item"]) for each in puts}
        if len(puts) > MOST_WRITES or sum(sizes) > MOST_TRANSACTION or len(keys) < len(puts):
            raise Refused("ValidationException", "the transaction is too large")
        codes = ["None" if self._holds(each) else "ConditionalCheckFailed" for each in puts]
        if set(codes) != {"None"}:
            reasons = [{"Code": code} for code in codes]
            raise Refused("TransactionCanceledException", CancellationReasons=reasons)
        self._tokens[token] = asked
        for each, size in zip(puts, sizes, strict=True):
            self.written += 2 * -(-size // KB)
            self._put(each["Item"])
        return {}

    def _Query(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        assert asked["ConsistentRead"]
        assert asked["KeyConditionExpression"] == BETWEEN
        values = asked["ExpressionAttributeValues"]
        pk, first, last = (values[name]["S"] for name in (":pk", ":first", ":last"))
        if first > last:
            raise Refused("ValidationException", "the bounds of BETWEEN are the wrong way round")
        start = asked.get("ExclusiveStartKey", {"sk": {"S": ""}})["sk"]["S"]
        found = sorted(key for key in self.items if key[0] == pk and first <= key[1] <= last)
        some = [key for key in found if key[1] > start]
        page: dict[str, Any] = {"Items": [self.items[key] for key in some[:PAGE]]}
        if len(some) > PAGE:
            pk, sk = some[PAGE - 1]
            page["LastEvaluatedKey"] = {"pk": {"S": pk}, "sk": {"S": sk}}
        return page

    def _check(self, put: Mapping[str, Any]) -> int:
        """The size of an item. Raises Refused where it may not be."""
        item = put["Item"]
        size = sum(len(name.encode()) + _size(value) for name, value in item.items())
        if put["TableName"] != TABLE:
            raise Refused("ResourceNotFoundException", "Requested resource not found")
        if size > MOST_ITEM or not all(_key(item)):
            raise Refused("ValidationException", "Item size has exceeded the maximum allowed size")
        return size

    def _holds(self, put: Mapping[str, Any]) -> bool:
        found = self.items.get(_key(put["Item"]))
        condition = put.get("ConditionExpression")
        if condition is None:
            return True
        if condition == "attribute_not_exists(pk)":
            return found is None
        name, value = condition.split(" = ")
        name = put["ExpressionAttributeNames"][name]
        wanted: bool = put["ExpressionAttributeValues"][value] == (found or {}).get(name)
        return wanted

    def _put(self, item: Item) -> None:
        self.items[_key(item)] = item


def _key(item: Mapping[str, Any]) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


def _size(value: Mapping[str, str]) -> int:
    ((kind, text),) = value.items()
    if kind == "B":
        return len(base64.b64decode(text))
    return len(text.encode()) if kind == "S" else 1 + -(-len(text) // 2)
