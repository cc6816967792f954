"""Server access logs of S3: one line a request to a bucket.

Columns are named as in the table that the Athena examples of the S3 User Guide make. Quotes inside
of a request, a referrer or a user agent come as the client sent them: where they look like the end
of the field the line is refused, never read askew.

Source: Amazon S3 User Guide, "Amazon S3 server access log format".
"""

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.decode import Lines
from pipeline.reading.fields import STATUS, address, moment, small, text, whole
from pipeline.reading.quoted import Quoting
from pipeline.reading.web_lines import AccessLog, Columns
from pipeline.reading.web_requests import METHOD, PATH, QUERY, cut_request, cut_url
from pipeline.schema import Domain, declare
from pipeline.sources.source import Source

# Lines of before 2019.
REQUIRED = 18
# Request, referrer and user agent.
IN_QUOTES = 3
# A requester with spaces that stands in no quotes, and what no screened line holds.
SPACED = b"/CloudFront Origin Access Identity "
HELD = b"\x1e"

FIELDS = (
    text("bucketowner", "Canonical user id of the bucket's owner.", "bucket_owner"),
    text("bucket_name", "Bucket.", "bucket"),
    moment("requestdatetime", "When the request came, UTC.", Domain.CLF_TIME, "time"),
    address("remoteip", "Address that the request came from.", "remote_ip"),
    text("requester", "Who asked: canonical user id or ARN; null for anybody."),
    text("requestid", "Request.", "request_id"),
    text("operation", "Such as REST.GET.OBJECT."),
    text("key", "Key of the object, as the log has it: URL-encoded, twice as a rule."),
    text("request_uri", "Request line."),
    small("httpstatus", "Status that the client got.", STATUS, "http_status"),
    text("errorcode", "Error of S3; null for none.", "error_code"),
    whole("bytessent", "Bytes of the answer without its headers; 0 for none.", "bytes"),
    whole("objectsize", "Size of the whole object.", "bytes", "object_size"),
    whole("totaltime", "From the request to the last byte of the answer.", "ms", "total_time"),
    whole("turnaroundtime", "From the request's last byte to the answer's first.", "ms"),
    text("referrer", "Page that the request came from, as the client says."),
    text("useragent", "What the client calls itself.", "user_agent"),
    text("versionid", "Version of the object that was asked for.", "version_id"),
    text("hostid", "x-amz-id-2.", "host_id"),
    text("sigv", "Version of the signature.", "signature_version"),
    text("ciphersuite", "Cipher of the client's connection.", "cipher_suite"),
    text("authtype", "AuthHeader or QueryString; null for anybody.", "authentication_type"),
    text("endpoint", "Host that was asked for.", "host_header"),
    text("tlsversion", "TLS version of the client's connection.", "tls_version"),
    text("accesspointarn", "Access point, ARN.", "access_point_arn"),
    text("aclrequired", "Yes, when only an ACL let the request pass.", "acl_required"),
    text("source_region", "Region that the request came from."),
)


def prepare(lines: Lines) -> Lines:
    """Lines whose requester has no space."""
    if SPACED not in lines.data:
        return lines
    return Lines(lines.data.replace(SPACED, SPACED.replace(b" ", HELD)), lines.ends)


def finish(columns: Columns) -> Columns:
    """Columns of the table, with the parts of the request line."""
    done = {name: _released(column) for name, column in columns.items()}
    done["bytessent"] = done["bytessent"].fill_null(0)
    parts = cut_request(done["request_uri"])
    url = cut_url(parts["url"])
    return done | {METHOD.name: parts["verb"], PATH.name: url["path"], QUERY.name: url["query"]}


def _released(column: pa.Array) -> pa.Array:
    if not pa.types.is_dictionary(column.type):
        return column
    texts = pc.replace_substring(column.dictionary, HELD.decode(), " ")
    return pa.DictionaryArray.from_arrays(column.indices, texts)


TABLE = declare(
    "s3_access",
    "Requests to S3 buckets; event_time is when the request came.",
    *FIELDS,
    *(METHOD, PATH, QUERY),
)
LOG = AccessLog(
    FIELDS,
    REQUIRED,
    finish,
    times=("requestdatetime",),
    quoting=Quoting(brackets=True),
    prepare=prepare,
    quoted=IN_QUOTES,
)
SOURCE = Source(
    "s3-access",
    TABLE,
    LOG.parse,
    request={
        "status": "httpstatus",
        "duration_ms": "totaltime",
        "bytes_sent": "bytessent",
        "client_addr": "remoteip",
        "user_agent": "useragent",
        "host": "endpoint",
    },
)
