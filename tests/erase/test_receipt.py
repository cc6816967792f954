"""A receipt names nobody, and whoever knows the subject can tell that it is of it."""

from pipeline.erase.receipt import (
    DONE,
    Holder,
    Objects,
    Receipt,
    Removed,
    decoded,
    encoded,
    is_of,
    name_of,
    pseudonym,
)
from pipeline.erase.subject import of_address, of_visitor

SALT = bytes(range(16))
SUBJECT = of_address("203.0.113.9")


def receipt() -> Receipt:
    return Receipt(
        name_of(1_795_615_200_250, SALT),
        DONE,
        "2026-11-25T14:00:00Z",
        pseudonym(SUBJECT, SALT),
        (Removed("vpc_flow", "2026-11-25", 3), Removed("app_log", "2026-11-24", 2)),
        2,
        quarantine=Objects(1, 2, 3),
        held_by=(Holder("log.db", "2026-11-26T14:00:00Z"),),
    )


def test_a_receipt_comes_back_as_it_was() -> None:
    assert decoded(encoded(receipt())) == receipt()
    assert (receipt().id, receipt().row_count) == ("20261125T140000Z-00010203", 5)


def test_a_receipt_does_not_name_its_subject() -> None:
    assert SUBJECT.value.encode() not in encoded(receipt())


def test_whoever_knows_the_subject_can_check_the_receipt() -> None:
    assert is_of(receipt(), of_address("::ffff:203.0.113.9"))
    assert not is_of(receipt(), of_address("203.0.113.10"))
    assert not is_of(receipt(), of_visitor("203-0-113-9"))


def test_the_digest_is_that_of_its_method() -> None:
    said = pseudonym(SUBJECT, SALT)
    assert said.method == "scrypt(n=16384, r=8, p=1, 32 bytes) of '<kind>:<value>'"
    assert (said.kind, len(said.digest)) == ("address", 64)
    assert said != pseudonym(SUBJECT, SALT[::-1])
