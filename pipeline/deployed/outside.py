"""Outside data of a stack: whether AWS's address ranges are there, and when they were renewed last.

Their object is written at each renewal, also where nothing is new: its own time tells their age.
"""

from collections.abc import Iterator
from datetime import timedelta

from pipeline.deployed.check import Check
from pipeline.deployed.objects import listed
from pipeline.deployed.patient import Patient
from pipeline.deployed.words import counted
from pipeline.lookups.kept import OLD_DAYS

OLD = timedelta(days=OLD_DAYS)


def lookups(patient: Patient) -> Iterator[Check]:
    """Whether the ranges are there and not old; without them rows lack what they tell, no more."""
    uri = patient.deployed.outputs.get("AddressRanges")
    if uri is None:
        yield Check("lookups", True, "no address ranges: the stack has no AddressRangesUrl")
        return
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    found = [each for each in listed(patient.client("s3"), bucket, key) if each.key == key]
    call = f"aws lambda invoke --function-name {patient.deployed.stack}-lookups /dev/stdout"
    fix = f"call it, and see what it says: {call}; {patient.logs}"
    if not found:
        said = "AWS's address ranges were not fetched"
        if patient.is_young:
            yield Check("lookups", True, f"{said} yet")
        else:
            yield Check("lookups", False, said, fix)
        return
    age = patient.now - found[0].modified
    said = f"AWS's address ranges were renewed {counted(max(age.days, 0), 'day')} ago"
    yield Check("lookups", age < OLD, said, fix)
