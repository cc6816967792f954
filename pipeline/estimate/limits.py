"""What AWS rounds and bounds, what the stack is made of, and what nobody has measured yet."""

# A month of the bill.
DAYS, DAY_S, HOURS = 30, 86_400, 720
GB, TB, MILLION = 10**9, 10**12, 10**6

# "Amazon Data Firehose Pricing": each record is rounded up to the next 5 KB (5,120 bytes), for
# ingestion and for format conversion alike.
FIREHOSE_STEP = 5 * 1024
# "Amazon Data Firehose Quota": a record before base64. Rows are packed near it: 200 steps.
FIREHOSE_RECORD = 1_000 * 1024
# The same page: one PutRecordBatch has 4 MiB, of which base64 takes a quarter.
FIREHOSE_CALL = 3 * FIREHOSE_RECORD
# Until what size, and how long, Firehose gathers rows for one object, as the stack asks it to.
FIREHOSE_BUFFER_BYTES, FIREHOSE_BUFFER_S = 128 << 20, 60

# "Amazon Kinesis Data Streams Pricing": on demand a record is rounded up to 1 KB, in provisioned
# mode it is counted in PUT payload units of 25 KB.
KINESIS_STEP, KINESIS_UNIT = 1024, 25 * 1024
# "Quotas and limits" of Kinesis: what a shard takes in a second, and the shards that a stream on
# demand begins with (4 MB/s).
SHARD_BYTES_S, ON_DEMAND_SHARDS = 1_000_000, 4
# "Lambda quotas": a synchronous request; Kinesis' records stand in it as base64.
INVOCATION_BYTES = 6 << 20
BASE64_RATIO = 4 / 3
# "Configuring Lambda function memory": one vCPU.
MEMORY_MB = 1_769

# "Flow log files" (Amazon VPC User Guide): a file every five minutes, and 75 MB at most.
FLOW_FILE_S, FLOW_FILE_BYTES = 300, 75_000_000
# "Using Lambda with Amazon SQS": five pollers, each a request in 20 seconds at the longest; and of
# each message its sending and its deletion.
SQS_POLLERS, SQS_POLL_S, SQS_REQUESTS_A_MESSAGE = 5, 20, 2
# "Amazon Athena Pricing": the least that a query is billed for.
ATHENA_LEAST = 10_000_000
# "Amazon DynamoDB Pricing", on demand: a unit writes 1 KB, or half of it in a transaction; a unit
# reads 4 KB.
UNIT_BYTES, READ_BYTES, TRANSACTION_UNITS = 1024, 4096, 2

# The stack: metrics of one source, dashboard, keys of its own (the logs' and the quarantine's).
METRICS = (
    *("events_in", "rows", "rejected", "dropped"),
    *("bytes_in", "delivery_failures", "oldest_record_age_ms"),
)
DASHBOARDS, KEYS = 1, 2
# Alarms of every stack, those of a route beside them, and two of each of Firehose's streams: a
# stream for each source's table, `reject` and `batch`.
ALARMS, ROUTE_ALARMS, STREAM_ALARMS, STREAMS = 12, {"kinesis": 5, "lambda": 2, "s3": 2}, 2, 14
# Beside those of every stack, what page views have.
VIEW_ALARMS = 8
# The defaults of its template: Lambda waits so long for more records of a shard, and takes so many;
# what was refused, and our own logs, are kept so long.
BATCH_WINDOW_S, BATCH_RECORDS = 5, 1_000
QUARANTINE_DAYS, OWN_LOG_DAYS = 30, 14
# Hours between two compactions, until an hour has closed, and what a file is cut at.
COMPACTION_HOURS, CLOSED_HOURS, CURATED_BYTES = 6, 7, 256 << 20
# For which a version of a day is there that is shown no more: a day, and seven as an old version.
REPLACED_DAYS = 8
# States that one goes through: its own, those of a table, and those of a day of a table that grew.
STATES, TABLE_STATES, DAY_STATES = 6, 5, 5
# Beside the rows of the source, each invocation writes rows of the table `batch`.
TABLES_WRITTEN = 2
# With what rejects it has, so many tables are written to.
TABLES = 3
# `pytest -s tests/counters/test_costs.py`: bytes of a view in its batch's counts, in its ids and in
# its minute's sum, of zipf's 50,000 pages with titles.
COUNTED, SEEN, ADDED_UP = 13, 8, 8
# Its line is what a client says with what the server knows; in the stream both are base64.
VIEW_RATIO = 1.8

# Assumptions: nothing of this was measured on AWS.
# Adding up a minute; answering a request, and what that reads of what is new.
ADDING_UP_S, RANKING_S, RANKING_READS = 0.5, 0.02, 5
# Events of a subscription record: the mean of bench/corpus.py. Quiet log groups have fewer.
EVENTS_A_RECORD = 577
REJECTED_SHARE = 0.0001
# Bytes that a rejected line takes in its object and in the table `reject`, beside the line itself.
REJECT_BYTES = 600
# Until a call of AWS is answered.
CALL_S = 0.05
# START, END, REPORT, a line of metrics and one of our own.
OWN_LOG_BYTES = 2_000
# Packing JSON instead of Parquet: 3.13 against 1.39 us a flow, before either is sent.
JSON_CPU_RATIO = 2.25
# A Parquet file's own bytes: 2,000 files of 1,000 rows took 58.8 MB, one of as many 28.6 MB.
FILE_BYTES = 15_000
# A query reads a file's footer, then its columns; of these what top talkers reads, 8.0 of 29.0 MB.
READS_A_FILE = 2
SCANNED_SHARE = 0.28
# Data keys are kept for five minutes by each side of a shard, or of a stream of Firehose.
KEY_LIFE_S, KEY_SIDES = 300, 2
# Traffic at its busiest against its mean: shards must bear that.
PEAK = 3
# Of a day's bytes, what is read to prove that it came out as it went in: 0.22 of files of ours, and
# Firehose writes ids as they are.
PROVED_SHARE = 0.3
