"""An ip-ranges.json that nobody publishes: invented ranges, in AWS's form."""

from typing import Any

import msgspec

TOKEN, LATER = "1764000000", "1764086400"
# 198.18.0.0/15 is for benchmarks, 2001:db8::/32 for documentation.
WHOLE, WHOLE6 = "198.18.0.0/15", "2001:db8::/32"


def document(**changed: Any) -> dict[str, Any]:
    """A small one that is plausible, or not, where something is changed."""
    prefixes = [v4(WHOLE, "AMAZON"), v4("198.19.0.0/16", "EC2"), v4("198.19.7.0/24", "EC2")]
    prefixes += [v4("198.19.7.0/24", "S3"), v4("198.19.7.128/25", "AMAZON")]
    prefixes += [v4(f"198.18.{third}.0/24", "CLOUDFRONT") for third in range(256)]
    prefixes += [v4(f"198.18.{third}.0/24", "AMAZON") for third in range(256)]
    found = {
        "syncToken": TOKEN,
        "createDate": "2026-11-24-16-00-00",
        "prefixes": prefixes,
        "ipv6_prefixes": [v6(WHOLE6, "AMAZON"), v6("2001:db8:7::/48", "S3")],
    }
    return {**found, **changed}


def v4(prefix: str, service: str) -> dict[str, str]:
    """One range, with what AWS tells of it beside the service."""
    return {
        "ip_prefix": prefix,
        "region": "eu-west-1",
        "service": service,
        "network_border_group": "eu-west-1",
    }


def v6(prefix: str, service: str) -> dict[str, str]:
    """The same of IPv6."""
    return {
        "ipv6_prefix": prefix,
        "region": "GLOBAL",
        "service": service,
        "network_border_group": "GLOBAL",
    }


def as_json(**changed: Any) -> bytes:
    """The document as it is served."""
    return msgspec.json.encode(document(**changed))
