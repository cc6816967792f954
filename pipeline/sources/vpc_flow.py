"""VPC Flow Logs: one line for each flow and interval, in a declared order of fields.

Source: Amazon VPC User Guide, "Flow log records" (fields of versions 2-5 and 7-11; a version tells
when a field came, not where it stands in a line).
"""

from pipeline.enrich import endpoints, paths, protocols, services
from pipeline.reading.flow_fields import COMMON
from pipeline.reading.flow_lines import FORMAT_FROM, FlowLog
from pipeline.schema import Domain, Field, OneOf, Range, Type, declare
from pipeline.sources.source import Source

DEFAULT_FORMAT = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes"
    " start end action log-status"
)


def _text(log_name: str, doc: str, *words: str) -> Field:
    domain = OneOf(words) if words else None
    return Field(log_name.replace("-", "_"), Type.VARCHAR, doc, "", log_name, domain)


def _tag(log_name: str, doc: str) -> Field:
    name = log_name.replace("-", "_")
    return Field(name, Type.VARCHAR, doc, "", log_name, Domain.PERCENT)


FIELDS = (
    COMMON["version"],
    COMMON["account-id"],
    _text("interface-id", "Network interface that recorded the flow."),
    *(COMMON[name] for name in ("srcaddr", "dstaddr", "srcport", "dstport", "protocol")),
    *(COMMON[name] for name in ("packets", "bytes", "start", "end")),
    _text("action", "Whether the traffic was let through.", "ACCEPT", "REJECT"),
    COMMON["log-status"],
    _text("vpc-id", "VPC of the interface."),
    _text("subnet-id", "Subnet of the interface."),
    _text("instance-id", "Instance of the interface; null for one of a service."),
    COMMON["tcp-flags"],
    COMMON["type"],
    Field(
        "pkt_srcaddr",
        Type.VARCHAR,
        "Source of the packet itself; differs from srcaddr behind a NAT or a pod.",
        "",
        "pkt-srcaddr",
        Domain.ADDRESS,
    ),
    Field(
        "pkt_dstaddr",
        Type.VARCHAR,
        "Destination of the packet itself.",
        "",
        "pkt-dstaddr",
        Domain.ADDRESS,
    ),
    COMMON["region"],
    _text("az-id", "Availability zone of the interface."),
    _text("sublocation-type", "wavelength, outpost or localzone."),
    _text("sublocation-id", "Sublocation of the interface."),
    COMMON["pkt-src-aws-service"],
    COMMON["pkt-dst-aws-service"],
    COMMON["flow-direction"],
    Field(
        "traffic_path",
        Type.INT32,
        "Path of egress traffic, 1-8 by AWS's list.",
        "",
        "traffic-path",
        Range(0, 255),
    ),
    _text("ecs-cluster-arn", "ECS cluster, ARN."),
    _text("ecs-cluster-name", "ECS cluster, name."),
    _text("ecs-container-instance-arn", "ECS container instance, ARN (EC2 launch type)."),
    _text("ecs-container-instance-id", "ECS container instance (EC2 launch type)."),
    _text("ecs-container-id", "First container of the task."),
    _text("ecs-second-container-id", "Second container of the task."),
    _text("ecs-service-name", "ECS service."),
    _text("ecs-task-definition-arn", "ECS task definition, ARN."),
    _text("ecs-task-arn", "ECS task, ARN."),
    _text("ecs-task-id", "ECS task."),
    _text("reject-reason", "Why traffic was rejected, such as BPA (block public access)."),
    _text("resource-id", "Regional NAT gateway that recorded the flow."),
    Field(
        "encryption_status",
        Type.INT32,
        "0 none, 1 Nitro, 2 application, 3 both; null when unknown or off.",
        "",
        "encryption-status",
        Range(0, 255),
    ),
    _tag("instance-tag", "Value of the first chosen tag of the instance, decoded."),
    _tag("instance-tag-2", "Value of the second chosen tag of the instance, decoded."),
    _tag("interface-tag", "Value of the first chosen tag of the interface, decoded."),
    _tag("interface-tag-2", "Value of the second chosen tag of the interface, decoded."),
    _tag("asg-tag", "Value of the first chosen tag of the auto-scaling group, decoded."),
    _tag("asg-tag-2", "Value of the second chosen tag of the auto-scaling group, decoded."),
    _text("interface-type", "Kind of interface, such as nat_gateway or vpc_endpoint."),
    _text("next-hop-interface-id", "Interface that the traffic goes to next."),
    _text("next-hop-subnet-id", "Subnet of the next hop."),
    _text("next-hop-az-id", "Availability zone of the next hop."),
    _text("next-hop-vpc-id", "VPC of the next hop."),
    _text("next-hop-interface-type", "Kind of interface of the next hop."),
)
ENRICHERS = (endpoints.ENRICHER, protocols.ENRICHER, services.ENRICHER, paths.ENRICHER)
TABLE = declare(
    "vpc_flow",
    "Network flows of a VPC, one row a line of a flow log; event_time is the end of the flow.",
    *FIELDS,
    *(field for enricher in ENRICHERS for field in enricher.fields),
)
LOG = FlowLog({field.log_name: field for field in FIELDS}, DEFAULT_FORMAT)
SOURCE = Source(
    "vpc-flow",
    TABLE,
    LOG.parse,
    ENRICHERS,
    check_format=LOG.check,
    format_from=FORMAT_FROM,
    has_time=LOG.has_time,
    time_from="start or end",
    carry=LOG.carry,
)
