"""Rankings of a stack: from its counters, of page views and, where it is asked to, of logs."""

from collections.abc import Collection
from dataclasses import dataclass, field
from threading import Lock

from pipeline.counters.answer import Asked, etag
from pipeline.counters.warm import Warm
from pipeline.deployed.ranked import NOTHING
from pipeline.errors import UsageError
from pipeline.web import answers
from pipeline.web.reader import Told

ASK = "ask the tables: tailrace query top_talkers, rejected_ports, web_errors or top_pages"


@dataclass
class Rankings:
    """Answers from boards that are kept from one request to the next.

    warm     None: the stack counts nothing
    counted  names of the rankings that it counts
    """

    warm: Warm | None
    counted: Collection[str]
    _lock: Lock = field(default_factory=Lock)

    def answer(self, asked: Asked) -> Told:
        """The answer of a ranking as it is now.

        Raises UsageError for one that is not counted, DeliveryError where DynamoDB does not tell.
        """
        if self.warm is None:
            raise UsageError("this stack counts no rankings", NOTHING, ASK)
        if asked.ranking.name not in self.counted:
            what = f"{asked.ranking.name} is not counted in this stack"
            raise UsageError(what, f"it counts {', '.join(self.counted)}", ASK)
        with self._lock:
            told = self.warm.answer(asked)
        return Told((0, 0), answers.as_json(told), etag(told))
