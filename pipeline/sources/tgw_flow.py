"""Transit Gateway Flow Logs: one line for each flow, interval and attachment.

Source: Amazon VPC Transit Gateways guide, "Transit Gateway Flow Log records" (version 6 fields and
those it shares with VPC flow logs; the default format has all of them, in the order given there).
"""

from pipeline.enrich import endpoints, paths, protocols, services
from pipeline.reading.flow_fields import COMMON, COUNT
from pipeline.reading.flow_lines import FORMAT_FROM, FlowLog
from pipeline.schema import Field, Type, declare
from pipeline.sources.source import Source


def _text(log_name: str, doc: str) -> Field:
    return Field(log_name.replace("-", "_"), Type.VARCHAR, doc, "", log_name)


def _lost(log_name: str, doc: str) -> Field:
    return Field(log_name.replace("-", "_"), Type.INT64, doc, "packets", log_name, COUNT)


# In the order of the default format.
FIELDS = (
    COMMON["version"],
    _text("resource-type", "TransitGateway."),
    COMMON["account-id"],
    _text("tgw-id", "Transit gateway."),
    _text("tgw-attachment-id", "Attachment that recorded the flow."),
    _text("tgw-src-vpc-account-id", "Account of the source VPC."),
    _text("tgw-dst-vpc-account-id", "Account of the destination VPC."),
    _text("tgw-src-vpc-id", "Source VPC."),
    _text("tgw-dst-vpc-id", "Destination VPC."),
    _text("tgw-src-subnet-id", "Source subnet."),
    _text("tgw-dst-subnet-id", "Destination subnet."),
    _text("tgw-src-eni", "Interface of the source attachment."),
    _text("tgw-dst-eni", "Interface of the destination attachment."),
    _text("tgw-src-az-id", "Availability zone of the source."),
    _text("tgw-dst-az-id", "Availability zone of the destination."),
    _text("tgw-pair-attachment-id", "The attachment on the other side."),
    *(COMMON[name] for name in ("srcaddr", "dstaddr", "srcport", "dstport", "protocol")),
    *(COMMON[name] for name in ("packets", "bytes", "start", "end", "log-status", "type")),
    _lost("packets-lost-no-route", "Packets lost for want of a route."),
    _lost("packets-lost-blackhole", "Packets lost in a black hole."),
    _lost("packets-lost-mtu-exceeded", "Packets lost for their size."),
    _lost("packets-lost-ttl-expired", "Packets lost for their age in hops."),
    *(COMMON[name] for name in ("tcp-flags", "region", "flow-direction")),
    *(COMMON[name] for name in ("pkt-src-aws-service", "pkt-dst-aws-service")),
)
ENRICHERS = (endpoints.ENRICHER, protocols.ENRICHER, services.ENRICHER, paths.ENRICHER)
TABLE = declare(
    "tgw_flow",
    "Network flows through a transit gateway, one row a line; event_time is the end of the flow.",
    *FIELDS,
    *(field for enricher in ENRICHERS for field in enricher.fields),
)
LOG = FlowLog(
    {field.log_name: field for field in FIELDS}, " ".join(field.log_name for field in FIELDS)
)
SOURCE = Source(
    "tgw-flow",
    TABLE,
    LOG.parse,
    ENRICHERS,
    check_format=LOG.check,
    format_from=FORMAT_FROM,
    has_time=LOG.has_time,
    time_from="start or end",
    carry=LOG.carry,
)
