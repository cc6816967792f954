"""What a line of each log weighs, measured; and who brings it to where the pipeline takes it.

Source of the sizes: `python -m bench.sizes`, 60,000 made-up lines a source in subscription
envelopes of 577 lines in the mean, 2026-11-27, one core of two, Python 3.11, pyarrow 25. Real lines
differ, most of all in how well they pack.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

VENDED, WRITTEN, VENDED_S3 = "vended_to_cloudwatch", "logs_ingestion", "vended_to_s3"


@dataclass(frozen=True, slots=True)
class Shape:
    """Bytes of a line and of what becomes of it, and the CPU from envelope to Parquet.

    line        its text, without a newline
    gzip        its share of a gzipped envelope
    json        its row as JSON, without nulls, with a newline
    parquet     its row in Parquet as the pipeline lays it out
    plain       its row in Parquet as Firehose does, both with snappy
    cpu_us      microseconds of CPU
    cloudwatch  rate of its way into CloudWatch Logs; "": its service does not write there
    s3          rate of its way into S3; "": nothing but the requests is charged
    """

    line: float
    gzip: float
    json: float
    parquet: float
    plain: float
    cpu_us: float
    cloudwatch: str = VENDED
    s3: str = ""


SHAPES: Mapping[str, Shape] = MappingProxyType(
    {
        "vpc-flow": Shape(114.1, 28.8, 615.9, 24.6, 29.9, 2.5, s3=VENDED_S3),
        "tgw-flow": Shape(399.4, 57.5, 1356.4, 34.8, 38.6, 6.6, s3=VENDED_S3),
        "app-log": Shape(116.1, 24.0, 480.2, 54.3, 58.2, 5.1, WRITTEN),
        "alb": Shape(593.6, 92.1, 1401.5, 111.5, 106.0, 14.6, ""),
        "nlb": Shape(306.0, 29.7, 904.0, 21.4, 24.2, 4.5, ""),
        "cloudfront": Shape(342.3, 67.6, 956.6, 69.9, 67.6, 6.8),
        "api-gateway": Shape(242.6, 40.5, 448.9, 43.2, 46.4, 4.1, WRITTEN),
        "s3-access": Shape(492.8, 79.8, 1029.2, 90.1, 93.9, 9.7, ""),
        "http-access": Shape(191.0, 22.4, 584.3, 16.1, 22.7, 6.9, WRITTEN),
        "waf": Shape(915.8, 46.9, 891.6, 43.7, 48.9, 12.9, s3=VENDED_S3),
        "resolver": Shape(399.1, 23.7, 584.1, 8.8, 15.0, 5.8, s3=VENDED_S3),
        "page-view": Shape(380.7, 65.0, 527.8, 60.1, 59.1, 7.8, ""),
        # Flow logs in the 27 fields of the flow log that the stack makes.
        "vpc-flow-wide": Shape(247.8, 35.6, 957.2, 32.2, 37.7, 3.8, s3=VENDED_S3),
    }
)
# A row of the table `batch`, of which each record has one; measured in the same way, and 70 bytes
# for a sequence number, log group and log stream.
BATCH_ROW = Shape(0, 0, 440, 60, 70, 0)
