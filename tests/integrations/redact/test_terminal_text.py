"""What a terminal does not show hides nothing, wherever the text is cut."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.redact import Redactor, strip_control_characters

SIGNS = [
    *("\x1b", "[", "]", "0", ";", "m", "\x07", "\\", "\x9b", "\x9c", "\x90", "\x00", "\r"),
    *(" ", "(", "B", "a", "\u200b", "漢"),
]


@pytest.mark.property
@given(st.lists(st.sampled_from(SIGNS), max_size=60), st.randoms(use_true_random=False))
def test_escapes_are_removed_as_in_one_piece(signs: list[str], random: Random) -> None:
    text = "".join(signs)
    masking, at, shown = Redactor(), 0, ""
    while at < len(text):
        size = random.randint(1, 5)
        shown += masking.mask_piece(text[at : at + size], stream="out", more=True)
        at += size
    assert shown + masking.mask_piece("", stream="out") == strip_control_characters(text)


@pytest.mark.parametrize(
    "inside",
    ["\x1b[0m", "\x1b]8;;http://x\x07", "\x1b[3\x001m", "\x1b]0;ti\x00tle\x1b\\", "\x9b2K", "\u202e"],
)
def test_a_secret_is_found_through_an_escape(inside: str) -> None:
    assert Redactor(["a-long-secret"]).mask_line(f"x a-long{inside}-secret y") == "x ••• y"


def test_a_title_that_never_ends_is_given_up_in_pieces_as_in_one() -> None:
    text = "\x1b]0;" + "a title " * 2000
    masking = Redactor()
    pieces = [text[at : at + 1000] for at in range(0, len(text), 1000)]
    shown = "".join(masking.mask_piece(piece, stream="out", more=True) for piece in pieces)
    assert shown + masking.mask_piece("", stream="out") == strip_control_characters(text)
    assert len(strip_control_characters(text)) > 15_000
