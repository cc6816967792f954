"""Query logs of Route 53 Resolver: one JSON object a DNS query that went beyond the cache.

Source: Amazon Route 53 Developer Guide, "Values that appear in VPC Resolver query logs". The keys
are those of the log itself; where the page spells them otherwise, the log is right.
"""

from functools import partial

from pipeline.reading.fields import PORT, address, moment, small, text
from pipeline.reading.json_lists import joined, objects
from pipeline.reading.json_records import JsonLog, Member
from pipeline.schema import Field, declare
from pipeline.sources.source import Source


def _of_answers(key: str, field: Field) -> Member:
    finish = partial(joined, keys=[key], between=", ")
    return Member(field, ("answers",), objects("Rdata", "Type"), finish)


def _top(field: Field) -> Member:
    return Member(field, (field.log_name,))


def _inside(outer: str, key: str, field: Field) -> Member:
    return Member(field, (outer, key))


MEMBERS = (
    _top(text("version", "Version of the entry.")),
    _top(text("account_id", "Account of the VPC.")),
    _top(text("region", "Region of the VPC.")),
    _top(text("vpc_id", "VPC that asked.")),
    _top(moment("query_timestamp", "When it was asked, UTC.")),
    _top(text("query_name", "Name that was asked for, a dot at its end as a rule.")),
    _top(text("query_type", "Such as A or PTR.")),
    _top(text("query_class", "Such as IN.")),
    _top(text("rcode", "Such as NOERROR or NXDOMAIN.")),
    _of_answers("Rdata", text("answers", "What was answered, in order.")),
    _of_answers("Type", text("answer_types", "Types of the answers.")),
    _top(address("srcaddr", "Address that asked.")),
    _top(small("srcport", "Port that asked.", PORT)),
    _top(text("transport", "UDP or TCP.")),
    _inside("srcids", "instance", text("instance_id", "Instance that asked.")),
    _inside("srcids", "resolver_endpoint", text("resolver_endpoint", "Endpoint it went through.")),
    _inside(
        "srcids",
        "resolver_network_interface",
        text("resolver_network_interface", "Interface of that endpoint."),
    ),
    _top(text("firewall_rule_action", "ALERT or BLOCK; null when no rule matched.")),
    _top(text("firewall_rule_group_id", "Group of the rule that matched.")),
    _top(text("firewall_domain_list_id", "Domain list that matched.")),
)
TABLE = declare(
    "resolver",
    "DNS queries of VPCs that the Resolver logged; event_time is when they were asked.",
    *(member.field for member in MEMBERS),
)
LOG = JsonLog(MEMBERS, ("query_timestamp",))
SOURCE = Source("resolver", TABLE, LOG.parse)
