"""The page alone, over what is elsewhere: served on this machine until a signal ends it."""

from collections.abc import Callable
from contextlib import closing

from pydantic import BaseModel

from pipeline.web.address import Address, listen, url_of
from pipeline.web.app import reading_app_of
from pipeline.web.connections import door
from pipeline.web.guard import hosts_of
from pipeline.web.listening import Listening
from pipeline.web.reader import Reader


def show(
    reader: Reader, address: Address, health: type[BaseModel], say: Callable[[str], None]
) -> None:
    """Serve the page of a reader; blocks. `say` is told the URL once it answers.

    health  shape of the reader's answer to that

    Raises UsageError for a host that is none, TailraceError for a port that is taken.
    """
    with closing(listen(address)) as listener:
        url = url_of(address, listener)
        app = reading_app_of(reader, hosts_of(address.host), health)
        Listening(app, door(), lambda: say(url), reader.ending).run(sockets=[listener])
    for pool in (reader.queries, reader.rankings):
        pool.shutdown(wait=False, cancel_futures=True)
