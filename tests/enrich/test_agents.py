"""Families of browsers by what they call themselves."""

import pytest

from pipeline.enrich.agents import family, is_bot

WEBKIT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("agent", "wanted"),
    [
        (f"{WEBKIT} Chrome/131.0.0.0 Safari/537.36", ("Chrome", False)),
        (f"{WEBKIT} HeadlessChrome/131.0.0.0 Safari/537.36", ("Chrome", True)),
        (f"{WEBKIT} Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0", ("Edge", False)),
        (f"{WEBKIT} Version/18.0 Safari/605.1.15", ("Safari", False)),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
            ("Firefox", False),
        ),
        ("curl/8.5.0", ("other", True)),
        ("", ("other", True)),
    ],
)
def test_an_agent_is_of_a_family_and_says_whether_it_is_a_program(
    agent: str, wanted: tuple[str, bool]
) -> None:
    assert (family(agent), is_bot(agent)) == wanted
