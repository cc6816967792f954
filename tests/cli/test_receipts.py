"""What is printed of a receipt, whoever has written it."""

from dataclasses import replace

import pytest

from pipeline.cli.receipts import Telling, tell
from pipeline.erase.receipt import DONE, Holder, Receipt, Removed, pseudonym
from pipeline.erase.subject import of_address

SUBJECT = of_address("203.0.113.9")
MADE = Receipt("20261127T120000Z-00000000", DONE, "2026-11-27T12:00:00Z", pseudonym(SUBJECT, b"s"))


def test_no_control_character_of_a_receipt_reaches_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    wild = "\x1b[2J\x9b1A"
    made = replace(
        MADE,
        rows=(Removed(wild, wild, 1),),
        unsearched=(wild,),
        held_by=(Holder(wild, wild),),
    )
    tell(SUBJECT, made, Telling("a home"), empty=False)
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err
    assert "\x9b" not in said.out + said.err
    assert said.out.count("\\x1b[2J") == 4
