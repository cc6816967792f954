"""Fields that VPC and Transit Gateway flow logs have in common, by the log's own names."""

from pipeline.schema import Domain, Field, OneOf, Range, Type

COUNT = Range(0, 10**18 - 1)

_FIELDS = (
    Field("version", Type.INT32, "Highest version among the chosen fields.", "", "version",
          Range(0, 255)),
    Field("account_id", Type.VARCHAR, "Account of the interface; may be 'unknown'.", "",
          "account-id"),
    Field("srcaddr", Type.VARCHAR, "Source address, or the interface's own when it sends.", "",
          "srcaddr", Domain.ADDRESS),
    Field("dstaddr", Type.VARCHAR, "Destination address, or the interface's own.", "", "dstaddr",
          Domain.ADDRESS),
    Field("srcport", Type.INT32, "Source port.", "", "srcport", Range(0, 65_535)),
    Field("dstport", Type.INT32, "Destination port.", "", "dstport", Range(0, 65_535)),
    Field("protocol", Type.INT32, "IANA protocol number.", "", "protocol", Range(0, 255)),
    Field("packets", Type.INT64, "Packets of the flow in the interval.", "packets", "packets",
          COUNT),
    Field("bytes", Type.INT64, "Bytes of the flow in the interval, headers included.", "bytes",
          "bytes", COUNT),
    Field("start_time", Type.TIMESTAMP, "First packet of the interval, UTC.", "", "start",
          Domain.EPOCH),
    Field("end_time", Type.TIMESTAMP, "Last packet of the interval, UTC.", "", "end",
          Domain.EPOCH),
    Field("log_status", Type.VARCHAR, "OK; NODATA: no traffic; SKIPDATA: AWS lost records.", "",
          "log-status", OneOf(("OK", "NODATA", "SKIPDATA"))),
    Field("tcp_flags", Type.INT32, "FIN 1, SYN 2, RST 4, SYN-ACK 18, OR-ed over the interval.", "",
          "tcp-flags", Range(0, 255)),
    Field("type", Type.VARCHAR, "Kind of traffic.", "", "type", OneOf(("IPv4", "IPv6", "EFA"))),
    Field("region", Type.VARCHAR, "Region of the interface.", "", "region"),
    Field("pkt_src_aws_service", Type.VARCHAR,
          "AWS service of the packet's source, such as S3; where the log does not say, by AWS's"
          " address ranges, once they were fetched.", "", "pkt-src-aws-service"),
    Field("pkt_dst_aws_service", Type.VARCHAR,
          "AWS service of the packet's destination; where the log does not say, by AWS's address"
          " ranges, once they were fetched.", "", "pkt-dst-aws-service"),
    Field("flow_direction", Type.VARCHAR, "Direction as the log itself says.", "",
          "flow-direction", OneOf(("ingress", "egress"))),
)  # fmt: skip
COMMON = {field.log_name: field for field in _FIELDS}
