"""AWS's service at each end of a flow, where the log itself does not say.

`pkt_src_aws_service` and `pkt_dst_aws_service` are the log's own columns, and AWS fills them from
the same list of ranges. A format without them (the default one) leaves them null: here they are
looked up, by the packet's own address where the format has that, else by the flow's. What the log
says stands, and without fetched ranges nothing changes.

Source: Amazon VPC User Guide, "Flow log records", pkt-src-aws-service and pkt-dst-aws-service.
"""

import numpy as np
import pyarrow as pa

from pipeline.enrich import Enricher, Lookups
from pipeline.enrich.addresses import Packed
from pipeline.enrich.aws_ranges import AwsRanges
from pipeline.enrich.columns import by_code, coded, named

ENDS = ("src", "dst")


def fill(rows: pa.Table, lookups: Lookups) -> pa.Table:
    """Fill nulls of the two columns; `paths` must run behind it, since it reads them."""
    if lookups.aws_ranges.empty:
        return rows
    for end in ENDS:
        rows = _filled(rows, end, lookups.aws_ranges)
    return rows


def _filled(rows: pa.Table, end: str, ranges: AwsRanges) -> pa.Table:
    name = f"pkt_{end}_aws_service"
    said, said_codes = coded(rows, name)
    open_rows = said_codes < 0
    if not open_rows.any():
        return rows
    found = _services(rows, end, ranges)
    # One dictionary for both: a writer of Parquet wants each of its values once.
    words = list(dict.fromkeys([*said.to_pylist(), *ranges.services]))
    place = {word: code for code, word in enumerate(words)}
    of_said = np.array([place[word] for word in said.to_pylist()], np.int32)
    of_found = np.array([place[word] for word in ranges.services], np.int32)
    codes = np.where(open_rows, by_code(of_found, found), by_code(of_said, said_codes))
    column = named(codes, words)
    if name in rows.column_names:
        return rows.set_column(rows.column_names.index(name), name, column)
    return rows.append_column(name, column)


def _services(rows: pa.Table, end: str, ranges: AwsRanges) -> np.ndarray:
    """int32 label of the service of each row's end; -1 for none of AWS's."""
    labels, codes = {}, {}
    for name in (f"pkt_{end}addr", f"{end}addr"):
        uniques, codes[name] = coded(rows, name)
        labels[name] = by_code(ranges.find(Packed.of(uniques)), codes[name])
    packet, flow = labels
    return np.where(codes[packet] < 0, labels[flow], labels[packet])


ENRICHER = Enricher((), fill)
