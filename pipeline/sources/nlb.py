"""Access logs of Network Load Balancers: one line a TLS connection, when it closes.

Columns are named as in the table that the Athena User Guide makes for these logs. No field holds a
space. Quotes are around each protocol that a client offers; the list of them is cut at 256 bytes,
and may end without one.

Source: Elastic Load Balancing, "Access logs for your Network Load Balancer"; the last field is
from the Athena User Guide.
"""

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.reading.fields import PORT, address, encoded, endpoint, moment, small, text, whole
from pipeline.reading.web_lines import AccessLog, Columns
from pipeline.reading.web_requests import cut_endpoint
from pipeline.schema import OneOf, Range, declare
from pipeline.sources.source import Source

# Lines without the time of the connection's beginning.
REQUIRED = 21

FIELDS = (
    text("type", "Kind of listener: tls.", "", OneOf(("tls",))),
    text("version", "Version of the entry."),
    moment("time", "When the connection ended, UTC."),
    text("elb", "Load balancer."),
    text("listener_id", "Listener.", "listener"),
    endpoint("client", "Client.", "client:port"),
    endpoint("target", "Destination.", "destination:port"),
    whole("tcp_connection_time_ms", "How long the connection stood.", "ms", "connection_time"),
    whole("tls_handshake_time_ms", "How long its TLS handshake took.", "ms", "tls_handshake_time"),
    whole("received_bytes", "Bytes from the client, decrypted.", "bytes"),
    whole("sent_bytes", "Bytes to the client, before encryption.", "bytes"),
    small("incoming_tls_alert", "TLS alert that the client sent; null for none.", Range(0, 255)),
    text("cert_arn", "Certificate served, ARN.", "chosen_cert_arn"),
    text("certificate_serial", "Reserved.", "chosen_cert_serial"),
    text("tls_cipher_suite", "Cipher agreed on.", "tls_cipher"),
    text("tls_protocol_version", "TLS version agreed on."),
    text("tls_named_group", "Key exchange agreed on.", "tls_keyexchange"),
    encoded("domain_name", "Name that the client asked for."),
    text("alpn_fe_protocol", "Protocol agreed on with the client."),
    text("alpn_be_protocol", "Protocol agreed on with the target."),
    encoded("alpn_client_preference_list", "Protocols that the client offers."),
    moment("tls_connection_creation_time", "When the connection began, UTC."),
)
CUT = {
    "client": (
        address("client_ip", "Address of the client."),
        small("client_port", "Port of the client.", PORT),
    ),
    "target": (
        address("target_ip", "Address of the listener, or of a VPC endpoint."),
        small("target_port", "Port of the listener.", PORT),
    ),
}


def finish(columns: Columns) -> Columns:
    """Columns of the table: addresses and ports apart, offered protocols without quotes."""
    done = {name: column for name, column in columns.items() if name not in CUT}
    done |= cut_endpoint(columns["client"], "client_ip", "client_port")
    done |= cut_endpoint(columns["target"], "target_ip", "target_port")
    offers = done["alpn_client_preference_list"]
    texts = pc.replace_substring(offers.dictionary, '"', "")
    done["alpn_client_preference_list"] = pa.DictionaryArray.from_arrays(offers.indices, texts)
    return done


TABLE = declare(
    "nlb",
    "TLS connections to Network Load Balancers; event_time is their end.",
    *(each for field in FIELDS for each in CUT.get(field.name, (field,))),
)
LOG = AccessLog(FIELDS, REQUIRED, finish, quoting=None)
SOURCE = Source("nlb", TABLE, LOG.parse)
