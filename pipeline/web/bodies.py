"""Bodies of requests: read as they come, held to the caps as sent and as inflated.

What inflates to too much is refused before it is accepted; it is looked at piece by piece, so that
neither a huge body nor a bomb fills memory.
"""

import asyncio
import binascii
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from string import ascii_letters, digits

import msgspec
from fastapi import Request
from starlette.requests import ClientDisconnect

from pipeline.decode import BASE64_OF_GZIP, BOM, GZIP_MAGIC, Refused, contents
from pipeline.errors import BackPressure, DeliveryError, Reason
from pipeline.settings import Limits
from pipeline.web.answers import HttpError

# All bodies that are being received or wait for their transaction, together.
BUDGET_BYTES = 256 << 20
# A sender may rest for so long, and sends so many bytes a second where it does not: who holds the
# memory of others with a byte now and then is let go.
SILENCE_S = 30.0
LEAST_RATE = 64 << 10
ENCODINGS = ("", "identity", "gzip", "x-gzip")
PLAIN = ("", "identity")
DIGEST_BYTES = 16
EMPTY = "the body holds no text"
FORM = "application/x-www-form-urlencoded"
# Flags that gzip knows, and the systems that its tenth byte names.
GZIP_FLAGS, GZIP_SYSTEMS = 0x1F, (*range(14), 255)
BASE64_OF_HEAD = 16
BASE64 = (ascii_letters + digits + "+/=").encode()


@dataclass
class Budget:
    """Memory that the bodies of all requests at work share, and how long these may take.

    silence_s  how long a sender may rest
    rate       bytes a second that make up for it
    """

    left: int = BUDGET_BYTES
    silence_s: float = SILENCE_S
    rate: int = LEAST_RATE
    hurried: bool = False
    _coming: set[asyncio.Timeout] = field(default_factory=set)

    @contextmanager
    def hold(self) -> Iterator["Share"]:
        """A share that is given back at the end."""
        share = Share(self)
        try:
            yield share
        finally:
            self.left += share.taken

    def hurry(self, seconds: float) -> None:
        """Let the bodies that are coming end within so many seconds: the server does."""
        self.hurried = True
        until = asyncio.get_running_loop().time() + seconds
        for each in self._coming:
            each.reschedule(until)

    @asynccontextmanager
    async def patience(self) -> AsyncIterator[asyncio.Timeout]:
        """The time that is left for one body; raises TimeoutError when it is over."""
        async with asyncio.timeout(self.silence_s) as left:
            self._coming.add(left)
            try:
                yield left
            finally:
                self._coming.discard(left)

    def prolong(self, left: asyncio.Timeout, size: int) -> None:
        """Give more time for so many bytes that came, never more than for a rest."""
        until = left.when()
        if self.hurried or until is None:
            return
        now = asyncio.get_running_loop().time()
        left.reschedule(min(until + size / self.rate, now + self.silence_s))


@dataclass
class Share:
    """What one request has of it."""

    budget: Budget
    taken: int = 0

    def take(self, size: int) -> None:
        """Take some bytes more.

        Raises BackPressure when all requests together hold too many.
        """
        if size > self.budget.left:
            raise BackPressure(
                "too many bodies at once", "", "send it again in a moment; nothing of it was taken"
            )
        self.budget.left -= size
        self.taken += size


def encoding_of(request: Request) -> str:
    """The declared Content-Encoding.

    Raises HttpError (415) for one that is not known.
    """
    encoding = ", ".join(request.headers.getlist("content-encoding")).strip().lower()
    if encoding not in ENCODINGS:
        raise HttpError(
            415,
            f"unknown Content-Encoding {encoding[:100]!r}",
            "in the header Content-Encoding",
            "send it as gzip, or plain without that header",
        )
    return encoding


def is_form(request: Request) -> bool:
    """Whether a body is declared as a form, as curl declares what nobody declares otherwise."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM


def check_form(payload: bytes) -> None:
    """Raise HttpError (415) for a form's body that may be a file which `curl -d` took apart.

    `curl -d @file` takes the line ends away, `curl --data-binary @file` does not; both declare it
    as a form. What has line ends is whole, and so is JSON or what is packed, by its own rules.
    """
    if needs_opening(payload) or not payload or b"\n" in payload or b"\r" in payload:
        return
    if payload.startswith(b"{"):
        with suppress(msgspec.DecodeError):
            msgspec.json.decode(payload, type=msgspec.Raw)
            return
    raise HttpError(
        415,
        "a form without a line end: curl -d takes the line ends of a file away",
        "in the header Content-Type",
        "use --data-binary @file; send what is one line with -H 'Content-Type: text/plain'",
    )


async def read(request: Request, cap: int, share: Share) -> bytes:
    """The body as it was sent, at most `cap` bytes.

    Raises HttpError: 413 beyond the cap, 408 for a sender that is silent or slow for too long, 400
    for one that goes. Raises DeliveryError when the server ends before the body does.
    """
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared) > cap:
        raise _too_large(cap)
    chunks: list[bytes] = []
    budget, more = share.budget, True
    try:
        async with budget.patience() as left:
            # Not by `request.stream`: a small body costs a third less, for it comes in one piece.
            while more:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                chunk, more = message.get("body", b""), message.get("more_body", False)
                if share.taken + len(chunk) > cap:
                    raise _too_large(cap)
                share.take(len(chunk))
                chunks.append(chunk)
                if more:
                    budget.prolong(left, len(chunk))
        return b"".join(chunks)
    except TimeoutError as error:
        again = "send it again; nothing of it was taken"
        if budget.hurried:
            raise DeliveryError("the server is ending", "", again) from error
        least = f"at least {budget.rate >> 10} KiB/s, with rests of {budget.silence_s:.0f} s"
        raise HttpError(408, "the body came too slowly", least, again) from error
    except ClientDisconnect as error:
        raise HttpError(400, "the body broke off", "", "send it again") from error


def _too_large(cap: int) -> HttpError:
    return HttpError(
        413, f"a body holds at most {cap} bytes", "as it is sent", "send it in several parts"
    )


def needs_opening(payload: bytes) -> bool:
    """Whether a payload holds something else than what it shows."""
    return payload.startswith((GZIP_MAGIC, BASE64_OF_GZIP))


def check(payload: bytes, encoding: str, limits: Limits, cap: int) -> bytes:
    """Look through a whole body; returns the digest of its content.

    Raises HttpError: 413 when it inflates to more than `cap` bytes or too steeply or has too many
    lines, 400 when it is empty or damaged.
    """
    if encoding not in PLAIN and not payload.startswith(GZIP_MAGIC):
        raise HttpError(
            400,
            "the body is no gzip",
            "the header Content-Encoding says that it is",
            "compress it, or leave out the header",
        )
    if _is_cut_base64(payload):
        detail = "it is base64 of gzip that breaks off"
        raise _refused(Refused(Reason.BASE64_MALFORMED, detail), cap)
    digest, head, lines = blake2b(digest_size=DIGEST_BYTES), b"", 0
    try:
        for piece in contents(payload, limits, cap):
            digest.update(piece)
            lines += piece.count(b"\n")
            if len(head) <= len(BOM):
                head += piece[: len(BOM) + 1]
    except Refused as refused:
        raise _refused(refused, cap) from refused
    if lines > limits.record_lines:
        most = f"a body has at most {limits.record_lines} lines"
        raise HttpError(413, most, f"it has {lines}", "send it in several parts")
    if head in (b"", BOM):
        raise HttpError(400, EMPTY, "", "send at least one line")
    return digest.digest()


def _is_cut_base64(payload: bytes) -> bool:
    """Whether it is no base64 though it surely was: a head of gzip, and no other character.

    A line of a log may begin like base64 of gzip; it goes on with something else.
    """
    if not payload.startswith(BASE64_OF_GZIP):
        return False
    text = payload.translate(None, b"\r\n")
    if text.translate(None, BASE64) or len(text) < BASE64_OF_HEAD or b"=" in text[:BASE64_OF_HEAD]:
        return False
    head = binascii.a2b_base64(text[:BASE64_OF_HEAD])
    if head[3] > GZIP_FLAGS or head[9] not in GZIP_SYSTEMS:
        return False
    return len(text) % 4 != 0 or b"=" in text.rstrip(b"=")


def _refused(refused: Refused, cap: int) -> HttpError:
    if refused.reason is Reason.TOO_LARGE:
        fix = f"send it in several parts; a body inflates to at most {cap} bytes"
        return HttpError(413, "the body inflates to too much", refused.detail, fix)
    return HttpError(400, "the body is damaged", refused.detail, "compress it again")
