"""When a record of a subscription straight to the function has arrived: its event does not say."""

from pipeline.decode import decode
from pipeline.settings import Limits
from pipeline.triggers import Record

# CloudWatch Logs sends within seconds. Older than this an event was written late: the hour of its
# arrival may be closed already, and what is put there would not be read.
WAITED_MS = 3_600_000


def arrival_ms(record: Record, limits: Limits, now_ms: int) -> int:
    """The oldest time of its log events that lies in the hour before now; now where none does.

    By it a record that comes again, as Lambda sends what has failed twice more, writes the same
    rows of the ledger and the same object of the quarantine. The newest may still be to come, by a
    clock that is ahead.
    """
    times = decode([record], limits).time_ms
    times = times[(times > now_ms - WAITED_MS) & (times <= now_ms)]
    return int(times.min()) if len(times) else now_ms
