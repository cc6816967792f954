"""Bills of the stack as tables, CSV and JSON, and what has to be said beneath them."""

import csv
import io
import textwrap
from collections.abc import Iterator, Sequence
from math import floor, inf, log10
from typing import Any

from pipeline.cli.table import Column, table
from pipeline.estimate import Bill, Lever, Line, Plan, bill, further_year_usd, levers, turning_point
from pipeline.estimate import rates as list_prices

USUAL_WIDTH = 100
HOME_REGION = "us-east-1"
# Of a plan: told with each bill, or line by line.
UNTOLD = ("gb_day", "rates")
CSV_HEAD = (
    *("gb_day", "line", "quantity", "unit", "usd_each", "usd_month"),
    *("rate", "source", "where", "taken", "verified"),
)


def as_table(plans: Sequence[Plan], width: int | None) -> str:
    """One size line by line; several sizes side by side. Then what else could be done."""
    bills = [bill(plan) for plan in plans]
    told = [levers(plan) for plan in plans]
    columns = _detailed(bills[0]) if len(bills) == 1 else _compared(bills)
    title = "\n".join(textwrap.wrap(_title(plans), width or USUAL_WIDTH))
    return f"{title}\n\n{table(columns, width)}\n{table(_instead(bills, told), width)}"


def _title(plans: Sequence[Plan]) -> str:
    plan = plans[0]
    *before, last = (plain(each.gb_day) for each in plans)
    sizes = f"{', '.join(before)} and {last}" if before else last
    lake = _days(plan.lake_days) if plan.lake_days else "for ever"
    asked = f"{plan.queries_day:,} queries a day over {_days(plan.scan_days)}"
    return (
        f"{sizes} GB of {plan.source} a day, --route {plan.route}, --delivery {plan.delivery}; log "
        f"kept {_days(plan.retention_days)}, rows {lake}; {asked}"
    )


def _days(count: float) -> str:
    return f"{plain(count)} day{'' if count == 1 else 's'}"


def _detailed(one: Bill) -> list[Column]:
    lines = one.lines
    return [
        Column("a month", [*(line.title for line in lines), "all"]),
        Column("quantity", [*(quantity(line.quantity) for line in lines), ""], number=True),
        Column("unit", [*(line.rate.unit for line in lines), ""]),
        Column("USD each", [*(price(line.rate.usd) for line in lines), ""], number=True),
        Column("USD", [*(money(line.usd) for line in lines), money(one.usd)], number=True),
    ]


def _compared(bills: Sequence[Bill]) -> list[Column]:
    titles = list(dict.fromkeys(line.title for one in bills for line in one.lines))
    return [
        Column("USD a month", [*titles, "all"]),
        *(
            Column(
                f"{plain(one.plan.gb_day)} GB a day",
                [*(money(_of(one, title)) for title in titles), money(one.usd)],
                number=True,
            )
            for one in bills
        ),
    ]


def _of(one: Bill, title: str) -> float:
    return sum(line.usd for line in one.lines if line.title == title)


def _instead(bills: Sequence[Bill], told: Sequence[Sequence[Lever]]) -> list[Column]:
    """What else could be done: the difference in USD, and beside one size the new sum."""
    names = [_lever(mine) for mine in zip(*told, strict=True)]
    differences = [
        Column(
            "USD more or less" if len(bills) == 1 else f"{plain(one.plan.gb_day)} GB a day",
            [signed(lever.usd) for lever in mine],
            number=True,
        )
        for one, mine in zip(bills, told, strict=True)
    ]
    if len(bills) > 1:
        return [Column("instead: USD more or less", names), *differences]
    sums = [money(bills[0].usd + lever.usd) for lever in told[0]]
    return [Column("instead", names), *differences, Column("USD then", sums, number=True)]


def _lever(of_sizes: Sequence[Lever]) -> str:
    """What could be done, and by which option, where that is the same for all sizes."""
    first = of_sizes[0]
    same = {lever.option for lever in of_sizes} == {first.option}
    return f"{first.name} ({first.option})" if first.option and same else first.name


def as_csv(plans: Sequence[Plan]) -> str:
    """A row a line of a bill, with its rate; no sums, so that a column can be summed."""
    to = io.StringIO()
    writer = csv.DictWriter(to, CSV_HEAD, lineterminator="\n")
    writer.writeheader()
    for plan in plans:
        writer.writerows({"gb_day": plan.gb_day, **_line(line)} for line in bill(plan).lines)
    return to.getvalue()


def as_json(plans: Sequence[Plan], region: str) -> str:
    """One object: the plan, a bill for each size, the notes."""
    import msgspec

    plan = {
        name: getattr(plans[0], name) for name in Plan.__dataclass_fields__ if name not in UNTOLD
    }
    told = {
        "plan": plan,
        "bills": [_bill(bill(each)) for each in plans],
        "notes": notes(plans[0], region),
    }
    return msgspec.json.format(msgspec.json.encode(told)).decode() + "\n"


def _bill(one: Bill) -> dict[str, Any]:
    return {
        "gb_day": one.plan.gb_day,
        "usd_month": round(one.usd, 4),
        "lines": [_line(line) for line in one.lines],
        "instead": [
            {"what": lever.name, "option": lever.option, "usd_month_more": round(lever.usd, 4)}
            for lever in levers(one.plan)
        ],
    }


def _line(line: Line) -> dict[str, Any]:
    rate = line.rate
    return {
        "line": line.title,
        "quantity": round(line.quantity, 6),
        "unit": rate.unit,
        "usd_each": rate.usd,
        "usd_month": round(line.usd, 4),
        "rate": line.rate_name,
        "source": rate.source,
        "where": rate.where,
        "taken": rate.taken.isoformat(),
        "verified": rate.verified,
    }


def notes(plan: Plan, region: str = HOME_REGION) -> list[str]:
    """What must be known about the figures of a plan in a region, a sentence each."""
    return list(_notes(plan, region or HOME_REGION))


def _notes(plan: Plan, region: str) -> Iterator[str]:
    used = {line.rate_name for line in bill(plan).lines}
    own = [name for name in used if plan.rates[name] is not list_prices()[name]]
    unsure = [plan.rates[name] for name in used if not plan.rates[name].verified]
    elsewhere = "" if region == HOME_REGION else f", not of {region} (AWS_REGION)"
    yield (
        f"list prices of {HOME_REGION}{elsewhere}, a month of 30 days, no free tiers, no volume "
        "steps; what is kept is counted as when the first of it goes"
    )
    if own:
        yield f"{len(own)} of {len(used)} rates are given by --rates"
    if unsure:
        yield (
            f"{len(unsure)} of {len(used)} rates are assumptions of "
            f"{_span(sorted({rate.taken for rate in unsure}))}, not verified on AWS's pages; "
            "--output csv names the page of each, --rates FILE takes those that you look up"
        )
    if more := further_year_usd(plan):
        yield (
            "rows that are kept for ever (LakeDays=0) are counted as after the first year; each "
            f"further year adds {money(more)} USD a month"
        )
    yield (
        "sizes and CPU are measured on made-up lines, not on AWS; records of 577 lines, waits, "
        "rejects (1 in 10,000) and our own logs are assumed; queries read what has not closed as "
        "it landed, and the rest compacted"
    )
    if plan.is_views:
        yield (
            f"1 GB of page views is {1e9 / plan.shape.line:,.0f} of them; the stream of logs that "
            "LogRoute=kinesis makes beside theirs is not in this bill: LogRoute=s3 makes none"
        )
    elif not plan.shape.cloudwatch and plan.route != "s3":
        yield (
            f"AWS delivers {plan.source} to S3 only, from where --route s3 takes it: by --route "
            f"{plan.route} nothing comes but what you bring to CloudWatch, and what brings it "
            "there is not in this bill"
        )
    yield _which_delivery(turning_point(plan))


def _which_delivery(from_gb: float) -> str:
    if from_gb == inf:
        return "by this route Firehose is the cheaper delivery: our files would be many and small"
    if from_gb == 0:
        return "by this route --delivery s3 is the cheaper at any size"
    return (
        f"by this route --delivery s3 is the cheaper from about {about(from_gb)} GB a day on; with "
        "less its files are many and small, which is paid for when they are written and read"
    )


def _span(days: Sequence[Any]) -> str:
    return " and ".join(dict.fromkeys((days[0].isoformat(), days[-1].isoformat())))


def wrapped(sentences: Sequence[str], width: int | None) -> str:
    """Sentences as lines of a list, each with a mark."""
    room = width or USUAL_WIDTH
    return "".join(
        textwrap.fill(text, room, initial_indent="· ", subsequent_indent="  ") + "\n"
        for text in sentences
    )


def quantity(value: float) -> str:
    """A count with the decimals that matter."""
    return f"{value:,.0f}" if value >= 1000 or value == int(value) else about(value, 3)


def plain(value: float) -> str:
    """A number as it was given: all its digits, no exponent."""
    return f"{value:,.6f}".rstrip("0").rstrip(".")


def about(value: float, digits: int = 2) -> str:
    """A number to its first digits, without an exponent."""
    places = digits - 1 - floor(log10(abs(value)))
    shown = f"{round(value, places):,.{max(places, 0)}f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def price(usd: float) -> str:
    """A price of one unit, without an exponent, with two decimals at least."""
    whole, _, part = f"{usd:.10f}".rstrip("0").partition(".")
    return f"{whole}.{part:0<2}"


def money(usd: float) -> str:
    """USD with cents; what is nearly nothing is not nothing."""
    return "<0.01" if 0 < usd < 0.005 else f"{usd:,.2f}"


def signed(usd: float) -> str:
    """A difference with its sign."""
    return f"{usd:+,.2f}".replace("-", "\u2212") if abs(usd) >= 0.005 else "0.00"
