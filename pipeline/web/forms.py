"""Forms of an answer over HTTP: by `output`, else by the header Accept, else JSON."""

import io
from collections.abc import Mapping

import msgspec

from pipeline.errors import UsageError
from pipeline.queries import Answer
from pipeline.queries.forms import as_csv, json_lines, write_parquet
from pipeline.web.anonymous import anonymised
from pipeline.web.answers import as_json
from pipeline.web.kept import Kept

JSON = "json"
# By the name that --output has, too.
KINDS: Mapping[str, str] = {
    JSON: "application/json",
    "jsonl": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}


def form_of(output: str | None, accept: str) -> str:
    """The form that is asked for. Raises UsageError for one that is none."""
    if output is not None:
        if output not in KINDS:
            what = f"there is no form {output[:64]!r}"
            raise UsageError(what, "output", f"one of {', '.join(KINDS)}")
        return output
    wanted = [each.partition(";")[0].strip().lower() for each in accept.split(",")]
    for name, kind in KINDS.items():
        if kind.partition(";")[0] in wanted:
            return name
    return JSON


def told(answer: Answer, form: str, anonymous: bool, made: float) -> Kept:
    """An answer in a form; `anonymous`: with addresses cut to their networks.

    Raises QueryFailed for what the form cannot hold.
    """
    if anonymous:
        answer = anonymised(answer)
    if form == JSON:
        content = answer.as_json()
        # How long it took makes no other answer.
        identity = msgspec.json.encode(content | {"seconds": 0})
        return Kept(as_json(content), KINDS[form], identity, made)
    to = io.BytesIO()
    if form == "csv":
        to.write(as_csv(answer).encode())
    elif form == "jsonl":
        to.writelines(line.encode() for line in json_lines(answer.table))
    else:
        write_parquet(answer, to)
    return Kept(to.getvalue(), KINDS[form], to.getvalue(), made)
