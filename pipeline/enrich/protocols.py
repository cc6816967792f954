"""Names for numbers: protocol, service, TCP flags.

Sources: IANA "Assigned Internet Protocol Numbers" (those that occur in flow logs); the ports are an
own list of those that matter there; flags RFC 9293.
"""

import numpy as np
import pyarrow as pa

from pipeline.enrich import Enricher, Lookups
from pipeline.enrich.columns import named, numbers, with_columns
from pipeline.schema import Field, Type

PROTOCOLS = {
    0: "HOPOPT", 1: "ICMP", 2: "IGMP", 4: "IPv4", 6: "TCP", 8: "EGP", 17: "UDP", 27: "RDP",
    33: "DCCP", 41: "IPv6", 46: "RSVP", 47: "GRE", 50: "ESP", 51: "AH", 58: "IPv6-ICMP",
    88: "EIGRP", 89: "OSPF", 94: "IPIP", 103: "PIM", 112: "VRRP", 115: "L2TP", 132: "SCTP",
    136: "UDPLite",
}  # fmt: skip
SERVICES = {
    20: "ftp-data", 21: "ftp", 22: "ssh", 23: "telnet", 25: "smtp", 53: "dns", 67: "dhcp",
    68: "dhcp", 69: "tftp", 80: "http", 88: "kerberos", 110: "pop3", 111: "rpcbind", 123: "ntp",
    135: "msrpc", 137: "netbios", 138: "netbios", 139: "netbios", 143: "imap", 161: "snmp",
    162: "snmp", 179: "bgp", 389: "ldap", 443: "https", 445: "smb", 465: "smtps", 500: "isakmp",
    514: "syslog", 515: "printer", 546: "dhcpv6", 547: "dhcpv6", 587: "submission", 636: "ldaps",
    853: "dns-tls", 873: "rsync", 989: "ftps", 990: "ftps", 993: "imaps", 995: "pop3s",
    1194: "openvpn", 1433: "mssql", 1521: "oracle", 1723: "pptp", 1883: "mqtt", 2049: "nfs",
    2375: "docker", 2376: "docker", 2379: "etcd", 2380: "etcd", 3128: "squid", 3306: "mysql",
    3389: "rdp", 4500: "ipsec-nat", 5060: "sip", 5061: "sips", 5432: "postgresql", 5439: "redshift",
    5671: "amqps", 5672: "amqp", 5900: "vnc", 5985: "winrm", 5986: "winrm", 6379: "redis",
    6443: "kubernetes", 8080: "http-alt", 8443: "https-alt", 8728: "routeros", 8883: "mqtts",
    9042: "cassandra", 9092: "kafka", 9200: "elasticsearch", 9300: "elasticsearch",
    10250: "kubelet", 11211: "memcached", 27017: "mongodb", 51820: "wireguard",
}  # fmt: skip
FLAGS = ((1, "FIN"), (2, "SYN"), (4, "RST"), (8, "PSH"), (16, "ACK"), (32, "URG"), (64, "ECE"),
         (128, "CWR"))  # fmt: skip

FIELDS = (
    Field("protocol_name", Type.VARCHAR, "IANA keyword of the protocol; null where not listed."),
    Field("service", Type.VARCHAR, "Name of the smaller known port, else of the larger."),
    Field("tcp_flag_names", Type.VARCHAR, "Names of tcp_flags, joined by '|'; '' for none."),
)


def _table(names: dict[int, str], size: int) -> tuple[np.ndarray, list[str]]:
    """int32 code of each number below `size` (-1 for none) and the names of the codes."""
    words = list(dict.fromkeys(names.values()))
    codes = np.full(size + 1, -1, np.int32)  # the last one answers the index -1, which is null
    for number, name in names.items():
        codes[number] = words.index(name)
    return codes, words


_PROTOCOL_CODES, _PROTOCOL_NAMES = _table(PROTOCOLS, 256)
_SERVICE_CODES, _SERVICE_NAMES = _table(SERVICES, 65_536)
_FLAG_NAMES = ["|".join(name for bit, name in FLAGS if value & bit) for value in range(256)]


def add(rows: pa.Table, lookups: Lookups) -> pa.Table:
    """Add the columns; null where the number is null or has no name."""
    ports = numbers(rows, "srcport"), numbers(rows, "dstport")
    near, far = _SERVICE_CODES[np.minimum(*ports)], _SERVICE_CODES[np.maximum(*ports)]
    return with_columns(
        rows,
        [field.name for field in FIELDS],
        [
            named(_PROTOCOL_CODES[numbers(rows, "protocol")], _PROTOCOL_NAMES),
            named(np.where(near >= 0, near, far), _SERVICE_NAMES),
            named(numbers(rows, "tcp_flags"), _FLAG_NAMES),
        ],
    )


ENRICHER = Enricher(FIELDS, add)
