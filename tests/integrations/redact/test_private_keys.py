"""A private key is masked wherever its lines stand, and the text around it is shown."""

from __future__ import annotations

import base64
import secrets

import pytest

from integrations.redact import MASK, Redactor

BEGIN, END = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"


def make_body() -> list[str]:
    """Three whole lines and a short one."""
    return [*(base64.b64encode(secrets.token_bytes(48)).decode() for _ in range(3)), "Zm9vYmE="]


def test_its_lines_are_masked_and_the_text_after_it_is_shown() -> None:
    masking = Redactor()
    lines = [BEGIN, *make_body(), END, "done: yes, really (it is)."]
    assert [masking.mask_line(line) for line in lines] == [BEGIN, *[MASK] * 4, END, lines[-1]]


def test_a_key_in_one_line_is_masked() -> None:
    for joint in ("\\n", " ", "\\\\n"):
        line = "KEY=" + joint.join([BEGIN, *make_body(), END]) + " next"
        assert Redactor().mask_line(line) == f"KEY={BEGIN}{MASK}{END} next"


@pytest.mark.parametrize(
    "prefixes",
    [
        ["web-1  | "] * 6,
        ["    "] * 6,
        [f"2026-11-29T22:00:{n:02d}.{n * 7}Z stdout F " for n in range(6)],
        [f"[{n + 7}] " for n in range(6)],
        ['KEY="', "", "", "", "", ""],
    ],
)
def test_lines_may_have_a_prefix(prefixes: list[str]) -> None:
    masking, body = Redactor(), make_body()
    lines = [prefix + line for prefix, line in zip(prefixes, [BEGIN, *body, END], strict=True)]
    shown = [masking.mask_line(line) for line in lines]
    assert shown == [lines[0], *(f"{prefix}{MASK}" for prefix in prefixes[1:5]), lines[5]]
    assert masking.mask_line("next line") == "next line"


@pytest.mark.parametrize("prefix", ["", "web-1  | "])
def test_lines_of_others_may_come_between(prefix: str) -> None:
    masking, body = Redactor(), make_body()
    between = [
        "warning: something (odd) [here]",
        "db-1   | checkpoint complete: 12 buffers",
        "two words",
    ]
    shown = []
    for line in [BEGIN, *body, END]:
        shown += [masking.mask_line(f"{prefix}{line}"), *(masking.mask_line(other) for other in between)]
    assert not any(line in text for line in body for text in shown)
    assert [text for text in shown if text in between] == between * 6
    assert masking.mask_line("after") == "after"


def test_two_outputs_have_keys_of_their_own() -> None:
    masking = Redactor()
    masking.mask_piece(BEGIN, stream="out")
    assert masking.mask_piece("word", stream="err") == "word"
    assert masking.mask_piece("word", stream="out") == MASK


def test_a_key_that_never_ends_is_given_up() -> None:
    masking = Redactor()
    shown = [masking.mask_line(line) for line in [BEGIN, *make_body(), *["a line of text"] * 60, "word"]]
    assert shown[-61:] == [*["a line of text"] * 60, "word"]


def test_what_only_mentions_a_key_hides_the_rest_of_its_line_and_no_other() -> None:
    masking = Redactor()
    assert masking.mask_line(f"found {BEGIN} (in a file)") == f"found {BEGIN}{MASK}"
    assert masking.mask_line("word") == "word"


def test_a_long_line_within_a_key_is_shown() -> None:
    masking = Redactor()
    masking.mask_line(BEGIN)
    line = "a word (or two) " * 5000
    assert masking.mask_line(line) == line
    body = base64.b64encode(secrets.token_bytes(60_000)).decode()
    assert masking.mask_line(body) == MASK
    assert masking.mask_line(END) == END


def test_a_key_whose_breaks_are_escaped_is_masked_wherever_its_lines_appear() -> None:
    body = [secrets.token_hex(32) for _ in range(3)]
    masking = Redactor(["\\n".join([BEGIN, *body, END])])
    assert [masking.mask_line(f"bad line: {line}") for line in body] == [f"bad line: {MASK}"] * 3
