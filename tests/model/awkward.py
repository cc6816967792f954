"""Awkward flow lines from a seed: about half are good, the rest is what should never happen.

Each bad line stands between good ones: the usual harm of a bad line is to its neighbours.
The lines carry no truth of their own: `flow_line.read` says what each one is.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from random import Random

from tests.model.flow_line import BIGGEST, DAY_MS, HIGHEST, TEXT_READERS, address, tag, words

# Not a whole second: the last allowed second and the last allowed millisecond then differ.
ARRIVAL_MS = int(datetime(2026, 11, 25, 14, tzinfo=UTC).timestamp()) * 1000 + 250

MAX_LINE_BYTES = 1 << 20
KEPT_WITHOUT_TRAFFIC = words("version account-id interface-id tgw-id start end")
ALLOWED = {
    "action": ("ACCEPT", "REJECT"),
    "log-status": ("OK", "OK", "OK", "NODATA", "SKIPDATA"),
    "type": ("IPv4", "IPv6", "EFA"),
    "flow-direction": ("ingress", "egress"),
}

GOOD_NUMBERS = ("0", "6", "7", "17", "22", "007", "-0", "0" * 40 + "7", "-" + "0" * 25)
BAD_NUMBERS = (
    *words("0x1f 0X1F 0xffffffffffffffff 1_000 1,000 +7 7.0 7. 1e3 1E3 --7 -+7 7- -7 -5 #7 ''"),
    *words('nan NaN inf true null NULL N/A "7" 256 65536 70000 2147483648 4294967296'),
    *("\uff11\uff12", "\u0661\u0662", "\u00a07", "7\u00a0", "\u22127", "\u00b2"),
    *(str(number) for number in (2**63 - 1, 2**63, 2**64, -(2**63), BIGGEST + 1)),
    *("9" * 19, "9" * 5_000, "0" * 5_000 + "7", "1" + "0" * 300, "-" + "0" * 40 + "7"),
)
GOOD_ADDRESSES = (
    *words("10.0.1.5 172.31.16.139 203.0.113.12 198.51.100.7 0.0.0.0 255.255.255.255"),
    *words("2001:db8:1234:a100:8d6e:3477:df66:f105 2001:DB8::1 :: ::1 fe80::1 ::ffff:10.0.0.1"),
)
BAD_ADDRESSES = (
    *words("010.1.2.3 1.2.3 1.2.3.4.5 1.2.3.4. .1.2.3.4 256.1.1.1 1.2.3.-4 0x7f.1 167772160"),
    *words("::1%eth0 fe80::1%1 [::1] 1::2::3 ::: 2001:db8 12345:: ::ffff:1.2.3 ::ffff:010.0.0.1"),
    *words("10.0.0.0/8 2001:db8::/32 localhost '' \"\" NULL"),
    *("1.2.3.4\u00a0", "\u0661.1.1.1", "1\u30022\u30023\u30024", "1" * 300),
)
BAD_CHOICES = (
    *words("accept Accept ACCEPTED ok Ok OK, nodata NO_DATA IPV4 ipv6 efa Ingress EGRESS NULL 0"),
    *("''", '"OK"', "\uff2f\uff2b", "OK\u00a0", "\u0085"),
)
TAGS = (
    *words("web Name=web%20server caf%C3%A9%20front 100%25 a%2Bb a+b %2D %20 %e6%97%a5 %25FF"),
    *words("% %4 %zz a%4 %FF %C3 %ED%A0%80 a%0Ab a%00b a%7Fb a%C2%85b caf\u00e9%C3%A9"),
)
TEXTS = (
    *words("123456789010 000000000000 unknown eni-1235b8ca123456789 us-east-1 S3 BPA - outpost"),
    *words('0x1f 1e3 007 nan NaN NULL null N/A n/a #N/A NA None true \'\' "" "q" " \' a,b a;b'),
    *words("a\\b \\N \\n -- -x a%20b {} # $ arn:aws:ecs:us-east-1:123456789010:cluster/web"),
    *("caf\u00e9", "\u65e5\u672c", "\U0001f600", "a\u00a0b", "\u0085", "a\u2028b", "\u200b"),
    *("\ufeffx", "x\ufeff", "\ufffd", "\u0661", "v" * 300),
)
CONTROL = (b"\x00", b"\x01", b"\t", b"\x0b", b"\x0c", b"\r", b"\x1b", b"\x1f", b"\x7f")
NOT_UTF8 = (
    *(b"\xff", b"\xfe\xff", b"\x80", b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\xc0\xaf", b"\xc3 "),
    *(b"\xed\xa0\x80", b"\xed\xa0\x80\xed\xb0\x80", b"\xf4\x90\x80\x80"),
)
NOT_ASCII = tuple(char.encode() for char in "\u00a0\u0085\u2028\ufeff\u00e9\uff17\u0661")


def lines(
    seed: int, count: int, fields: tuple[str, ...], arrival_ms: int = ARRIVAL_MS
) -> list[bytes]:
    """Make `count` lines of the format `fields`, none with a line feed; times fit `arrival_ms`."""
    return list(islice(Writer(Random(seed), fields, arrival_ms).stream(), count))


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes lines of one format."""

    random: Random
    fields: tuple[str, ...]
    arrival_ms: int

    def stream(self) -> Iterator[bytes]:
        kinds = (
            *(self.bad_column, self.bad_column, self.bad_column, self.bad_column, self.bad_time),
            *(self.stray_text, self.bad_byte, self.bad_byte, self.bad_count, self.bad_spacing),
            *(self.blank, self.header, self.almost_header, self.long, self.wrapped, self.untimed),
        )
        while True:
            dice = self.random.random()
            if dice < 0.01:
                yield from self.another_format()
            elif dice < 0.55:
                yield self.good()
            else:
                yield self.random.choice(kinds)()

    def good(self) -> bytes:
        texts = self.texts()
        dice = self.random.random()
        if dice < 0.15:
            texts = {
                field: text if field in KEPT_WITHOUT_TRAFFIC else "-"
                for field, text in texts.items()
            }
            if "log-status" in texts:
                texts["log-status"] = self.random.choice(("NODATA", "SKIPDATA"))
        elif dice < 0.3:
            texts[self.random.choice(self.fields)] = "-"
        return self.joined(texts.values())

    def texts(self) -> dict[str, str]:
        return {field: self.good_text(field) for field in self.fields}

    def good_text(self, field: str) -> str:
        choice = self.random.choice
        if field in ("start", "end"):
            return self.good_time()
        if highest := HIGHEST.get(field):
            return choice((*GOOD_NUMBERS, str(highest), str(self.random.randint(0, highest))))
        if field in ALLOWED:
            return choice(ALLOWED[field])
        if TEXT_READERS.get(field) is address:
            return choice(GOOD_ADDRESSES)
        return choice(TAGS if TEXT_READERS.get(field) is tag else TEXTS)

    def good_time(self) -> str:
        recent_ms = self.arrival_ms - self.random.randrange(DAY_MS)
        last_ms = self.arrival_ms + DAY_MS
        edges = ("86400", "086400", "100000000000", str(last_ms // 1000), str(last_ms))
        if self.random.random() < 0.1:
            return self.random.choice(edges)
        return str(self.random.choice((recent_ms // 1000, recent_ms // 1000, recent_ms)))

    def far_time(self) -> str:
        last_ms = self.arrival_ms + DAY_MS
        edges = (
            "86399",
            "1",
            "2147483648",
            "3851000000",
            "99999999999",
            str(last_ms // 1000 + 1),
            str(last_ms + 1),
        )
        return self.random.choice(edges)

    def bad_text(self, field: str) -> str:
        choice = self.random.choice
        if field in HIGHEST or field in ("start", "end"):
            return choice(BAD_NUMBERS)
        if field in ALLOWED:
            return choice(BAD_CHOICES)
        return choice(BAD_ADDRESSES if TEXT_READERS.get(field) is address else TEXTS)

    def bad_column(self) -> bytes:
        strict = [field for field in self.fields if field in {*HIGHEST, *ALLOWED, "start", "end"}]
        strict += [field for field in self.fields if TEXT_READERS.get(field) is address]
        texts, count = self.texts(), self.random.choice((1, 1, 1, 2))
        for field in self.random.sample(strict, k=min(count, len(strict))):
            texts[field] = self.bad_text(field)
        return self.joined(texts.values())

    def bad_time(self) -> bytes:
        texts = self.texts()
        for field in [field for field in ("start", "end") if field in texts]:
            texts[field] = self.random.choice((self.good_time, self.far_time))()
        return self.joined(texts.values())

    def stray_text(self) -> bytes:
        pool = self.random.choice((BAD_NUMBERS, BAD_ADDRESSES, BAD_CHOICES, TAGS, TEXTS))
        return self.with_one_text(self.random.choice(pool))

    def bad_byte(self) -> bytes:
        line = self.joined(self.texts().values())
        stray = self.random.choice(self.random.choice((CONTROL, NOT_UTF8, NOT_ASCII)))
        # Line ends and starts are where readers trim: carriage returns, byte order marks.
        place = self.random.choice((0, len(line), self.random.randint(0, len(line))))
        return line[:place] + stray + line[place:]

    def bad_count(self) -> bytes:
        texts = list(self.texts().values())
        if self.random.random() < 0.5:
            del texts[self.random.randrange(len(texts))]
        else:
            texts.insert(self.random.randint(0, len(texts)), self.random.choice(TEXTS))
        return self.joined(texts)

    def bad_spacing(self) -> bytes:
        # One text gone and its spaces kept: a reader that splits at each space counts enough.
        texts = list(self.texts().values())
        texts[self.random.randrange(len(texts))] = self.random.choice(("", "", "-\u00a0-"))
        return " ".join(texts).encode()

    def blank(self) -> bytes:
        return b" " * self.random.choice((0, 1, 2, len(self.fields) - 1, 1000))

    def header(self) -> bytes:
        return self.joined(self.fields)

    def almost_header(self) -> bytes:
        strangers = [f"x{number}" for number in range(len(self.fields) + 1)]
        return self.joined(
            self.random.choice(
                (
                    (*self.fields, self.fields[0]),
                    (*self.fields[1:], self.fields[0].upper()),
                    (*self.fields[1:], self.fields[0].replace("-", "_") + "_"),
                    (*self.fields[1:], "7"),
                    (*self.fields, *strangers),
                    self.fields[:1],
                )
            )
        )

    def another_format(self) -> Iterator[bytes]:
        """Another header, lines of its format, and the way back, as in joined files."""
        known = self.random.sample(self.fields, k=self.random.randint(1, len(self.fields)))
        strangers = words("new-field x9 zone-id-3")[: self.random.randint(0, min(3, len(known)))]
        fields = self.random.sample((*known, *strangers), k=len(known) + len(strangers))
        other = Writer(self.random, tuple(fields), self.arrival_ms)
        yield other.header()
        for _ in range(self.random.randint(0, 3)):
            yield other.good()
        yield self.header()

    def long(self) -> bytes:
        dice = self.random.random()
        if dice < 0.9:
            return self.with_one_text("v" * self.random.choice((200, 5_000)))
        if dice < 0.98:
            return self.with_one_text("1" * 70_000)
        line = self.joined(self.texts().values())
        return line.ljust(MAX_LINE_BYTES + self.random.choice((0, 1)), b" ")

    def wrapped(self) -> bytes:
        line = " ".join(self.texts().values())
        simple = ('"{}"', "'{}'", "# {}", "{},", "{0} {0}", "2026-11-25 {}")
        wrapping = (*simple, '{{"message": "{}"}}', "a " * 2_000)
        return self.random.choice(wrapping).format(line).encode()

    def untimed(self) -> bytes:
        texts = self.texts()
        return self.joined("-" if field in ("start", "end") else texts[field] for field in texts)

    def with_one_text(self, text: str) -> bytes:
        return self.joined((self.texts() | {self.random.choice(self.fields): text}).values())

    def joined(self, texts: Iterable[str]) -> bytes:
        if self.random.random() < 0.9:
            return " ".join(texts).encode()
        spaces = (" ", "  ", " " * 7)
        line = "".join(text + self.random.choice(spaces) for text in texts)
        return (self.random.choice(("", *spaces)) + line).encode()
