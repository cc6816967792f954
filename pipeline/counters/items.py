"""Items of a DynamoDB table: logs that only grow, each with a place that says how far it goes.

An entry and its log's place are written together, under a condition on the place. So of two who
write behind the same place one does, and what is written stands as it is: nobody changes an entry,
and TTL alone, which costs nothing, deletes it.

Source: DynamoDB Developer Guide, "Amazon DynamoDB Transactions: How it works" (100 items, 4 MB, two
units a KB; a query may see some of a transaction), "DynamoDB read consistency" (a consistent read
sees all writes that were done before), "Using time to live"; API reference, TransactWriteItems
(botocore makes a ClientRequestToken: what it sends again within ten minutes is done once).
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from pipeline import aws
from pipeline.errors import DeliveryError

Item = Mapping[str, Mapping[str, Any]]

# Of 400 KB that an item may have with its names and keys.
MOST_BYTES = 380_000
# Below and above all that stands in a sort key.
FIRST, LAST = "!", "~"
DIGEST_BYTES = 16
REFUSED = "ConditionalCheckFailed"


@dataclass(frozen=True, slots=True)
class Place:
    """How far a log goes.

    number  of its last entry; 0 where there is none
    key     sort key of that entry
    at      what whoever writes calls the place
    minute  of that entry
    """

    number: int = 0
    key: str = ""
    at: str = ""
    minute: int = 0

    def next(self, minute: int, at: str) -> "Place":
        """The place behind it; the minutes of a log never go back, whatever a clock does."""
        number, minute = self.number + 1, max(self.minute, minute)
        return Place(number, f"{start_of(minute)}#{number:012d}", at, minute)


def start_of(minute: int) -> str:
    """What sorts before all entries of a minute and behind those of the one before it."""
    return f"{minute:010d}"


def after(key: str) -> str:
    """What sorts behind an entry and before the next one."""
    return f"{key}{FIRST}"


@dataclass(frozen=True, slots=True)
class Items:
    """A table with the keys `pk` and `sk`, both strings, and TTL on `expires`.

    Raises DeliveryError where the service does not do its part, NotConfigured without credentials.
    """

    client: Any
    table: str

    def place(self, kind: str, log: str) -> Place:
        """How far a log of a kind goes."""
        key = _key(f"place#{kind}", log)
        with self._told():
            found = self.client.get_item(TableName=self.table, Key=key, ConsistentRead=True)
        return _place_of(found["Item"]) if "Item" in found else Place()

    def places(self, kind: str) -> dict[str, Place]:
        """How far each log of a kind goes, by its name."""
        return {each["sk"]["S"]: _place_of(each) for each in self.between(f"place#{kind}")}

    def between(self, pk: str, first: str = FIRST, last: str = LAST) -> Iterator[Item]:
        """Items of a partition in the order of their sort keys, as they are now."""
        if first > last:
            # The service takes that for a mistake.
            return
        asked: dict[str, Any] = {
            "TableName": self.table,
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
            "ExpressionAttributeValues": {
                ":pk": {"S": pk},
                ":first": {"S": first},
                ":last": {"S": last},
            },
            "ConsistentRead": True,
        }
        while True:
            with self._told():
                page = self.client.query(**asked)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            asked["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def append(self, kind: str, log: str, behind: Place, place: Place, *entries: Item) -> bool:
        """Write entries and the place behind them, or nothing where the log goes elsewhere: false.

        The entries have 400 KB each at most, all together 4 MB.
        """
        put: dict[str, Any] = {
            "TableName": self.table,
            "Item": _key(f"place#{kind}", log) | _item_of(place),
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        if behind.number:
            put["ConditionExpression"] = "#number = :number"
            put["ExpressionAttributeNames"] = {"#number": "number"}
            put["ExpressionAttributeValues"] = {":number": {"N": str(behind.number)}}
        writes = [put, *({"TableName": self.table, "Item": each} for each in entries)]
        with self._told():
            try:
                self.client.transact_write_items(TransactItems=[{"Put": each} for each in writes])
            except self.client.exceptions.TransactionCanceledException as error:
                if error.response.get("CancellationReasons", [{}])[0].get("Code") != REFUSED:
                    raise
                return False
        return True

    def entry(self, pk: str, sk: str, data: bytes, expires: int) -> Item:
        """An item for some bytes, `expires` in seconds since the epoch.

        What is too long for an item is put into others first, under a name that follows from the
        bytes: nobody reads them before the entry is there, and putting them again changes nothing.
        """
        made = _key(pk, sk) | {"expires": {"N": str(expires)}}
        if len(data) <= MOST_BYTES:
            return made | {"data": {"B": data}}
        name = blake2b(data, digest_size=DIGEST_BYTES).hexdigest()
        starts = range(0, len(data), MOST_BYTES)
        for number, start in enumerate(starts):
            part = {"expires": made["expires"], "data": {"B": data[start : start + MOST_BYTES]}}
            with self._told():
                item = _key(f"part#{name}", f"{number:06d}") | part
                self.client.put_item(TableName=self.table, Item=item)
        return made | {"name": {"S": name}, "parts": {"N": str(len(starts))}}

    def data_of(self, entry: Item) -> bytes:
        """The bytes of an entry."""
        if "data" in entry:
            return bytes(entry["data"]["B"])
        parts = [bytes(each["data"]["B"]) for each in self.between(f"part#{entry['name']['S']}")]
        if len(parts) != int(entry["parts"]["N"]):
            fix = "ask again: it has expired just now"
            raise DeliveryError("a part of the counts is not there", self.where, fix)
        return b"".join(parts)

    @property
    def where(self) -> str:
        """The table, as an error tells it."""
        return f"table {self.table}"

    def _told(self) -> AbstractContextManager[None]:
        return aws.told("DynamoDB", self.where, DeliveryError)


def _key(pk: str, sk: str) -> dict[str, Mapping[str, Any]]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _item_of(place: Place) -> dict[str, Mapping[str, Any]]:
    return {
        "number": {"N": str(place.number)},
        "key": {"S": place.key},
        "at": {"S": place.at},
        "minute": {"N": str(place.minute)},
    }


def _place_of(item: Item) -> Place:
    return Place(
        int(item["number"]["N"]), item["key"]["S"], item["at"]["S"], int(item["minute"]["N"])
    )
