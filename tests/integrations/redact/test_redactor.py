"""Secrets are masked in every encoding, and the result does not depend on how lines are cut into pieces."""

from __future__ import annotations

import base64
import secrets
import subprocess
import tracemalloc
import zlib
from random import Random

import pytest

from integrations.redact import MASK, Redactor, masked_stream, strip_control_characters
from integrations.redact import redactor as redactor_module
from tests.integrations.redact.cases import SIGNS, WORDS, Case, cut, make_case
from tests.integrations.redact.written import WRITERS


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long lines are shown in small blocks, so that lines of the tests have several."""
    monkeypatch.setattr(masked_stream, "BLOCK", 1000)
    monkeypatch.setattr(redactor_module, "BLOCK", 1000)


def shown_whole(case: Case) -> list[str]:
    masking = Redactor(case.secrets)
    return [masking.mask_piece(line, stream=stream) for stream, line in case.lines]


def shown_in_pieces(case: Case, random: Random) -> list[str]:
    """The lines of both streams come in turn, piece by piece, as two pipes give them."""
    masking, shown = Redactor(case.secrets), [""] * len(case.lines)
    waiting = {
        stream: [
            (at, piece, number == len(pieces) - 1)
            for at, (of, line) in enumerate(case.lines)
            if of == stream
            for pieces in [cut(line, random)]
            for number, piece in enumerate(pieces)
        ]
        for stream in ("out", "err")
    }
    while any(waiting.values()):
        stream = random.choice([name for name, pieces in waiting.items() if pieces])
        at, piece, last = waiting[stream].pop(0)
        shown[at] += masking.mask_piece(piece, stream=stream, more=not last)
    return shown


def find_leaks(case: Case, shown: list[str]) -> list[str]:
    """Any eight characters in a row of a written secret."""
    text = "\n".join(shown)
    leaks = []
    for name, written in case.written:
        bare = strip_control_characters(written)
        if any(bare[at : at + 8] in text for at in range(max(1, len(bare) - 7))):
            leaks.append(f"{name}: {bare!r}")
    return leaks


def lost_words(case: Case, shown: list[str]) -> list[str]:
    return [
        line
        for (_, line), text in zip(case.lines, shown, strict=True)
        if [word for word in line.split(" ") if word in WORDS]
        != [word for word in text.split(" ") if word in WORDS]
    ]


@pytest.mark.property
def test_generated_output_shows_no_secret_and_loses_no_word(
    request: pytest.FixtureRequest, small_blocks: None
) -> None:
    run = request.config.getoption("--property-round")
    for number in range(20_000 if run else 200):
        seed = f"{run or 'suite'} {number}"
        case = make_case(seed)
        whole = shown_whole(case)
        assert find_leaks(case, whole) == [], seed
        assert lost_words(case, whole) == [], seed
        assert shown_in_pieces(case, Random(zlib.crc32(seed.encode()))) == whole, seed


@pytest.mark.parametrize("name", WRITERS)
def test_every_way_of_writing_is_known(name: str) -> None:
    random = Random(name)
    for secret in (
        f"p!a's (s)*w~/+@rd=&[ä$<{SIGNS}>%41",
        "pläin-ß€漢🔑 and long enough",
        "0123456789abcdef",
        "$aa''bb\"%%\\n",
    ):
        written = WRITERS[name](secret, random)
        shown = Redactor([secret]).mask_line(f"it is {written} there")
        assert shown.startswith("it is ")
        assert shown.endswith(" there")
        bare = written.strip("=")
        assert all(bare[at : at + 8] not in shown for at in range(len(bare) - 7)), shown


@pytest.mark.parametrize(
    "command", ["printf '%q\\n' \"$S\"", "export -p", "declare -p S", "set", 'echo "${S@Q}"', "env"]
)
def test_bash_itself_shows_nothing(command: str) -> None:
    random = Random(command)
    for _ in range(10):
        secret = "".join(random.choice(SIGNS + "abcXYZ019äß") for _ in range(24)).strip()
        said = subprocess.run(
            ["bash", "-c", command], env={"S": secret}, capture_output=True, text=True, check=True
        )
        shown = Redactor([secret]).mask_text(said.stdout)
        assert MASK in shown, secret
        assert not any(secret[at : at + 7] in shown for at in range(len(secret) - 6)), secret


def test_two_outputs_of_a_program_do_not_mix() -> None:
    secret = secrets.token_hex(8)
    masking = Redactor([secret])
    shown = masking.mask_piece("x" * 100_000 + secret[:8], stream="out", more=True)
    assert masking.mask_piece("a warning", stream="err") == "a warning"
    shown += masking.mask_piece(secret[8:] + " end", stream="out")
    assert shown == "x" * 100_000 + f"{MASK} end"


def test_a_line_that_ends_as_the_panel_marks_pieces_is_a_line_like_any_other() -> None:
    masking = Redactor()
    lines = ["first …+", "second", "the last words …+"]
    assert [masking.mask_line(line) for line in lines] == lines
    assert masking.end_lines() == []


def test_the_rest_of_a_line_that_was_never_finished_is_shown_masked() -> None:
    masking = Redactor(["a-secret-word"])
    assert masking.mask_piece("it said a-secret-word and", stream="out", more=True) == ""
    assert masking.end_lines() == [f"it said {MASK} and"]
    assert masking.mask_piece("next", stream="out") == "next"


def test_a_long_line_is_shown_while_it_comes_and_takes_little_memory() -> None:
    masking = Redactor([secrets.token_hex(20)])
    masking.mask_line("warm")
    tracemalloc.start()
    shown = [len(masking.mask_piece("word " * 4000, stream="out", more=True)) for _ in range(100)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(shown) > 1_950_000
    assert max(shown) < 60_000
    assert peak < 1_000_000


def test_at_most_some_streams_are_remembered() -> None:
    masking = Redactor()
    for number in range(1000):
        masking.mask_piece("begun", stream=str(number), more=True)
    assert len(masking.end_lines()) == redactor_module.STREAMS


def test_each_line_of_a_secret_and_the_password_of_an_address_are_secrets_too() -> None:
    masking = Redactor(["first-line-of-it\nsecond-line-of-it", "postgresql://me:p%40ss-word@h/d"])
    assert masking.mask_line("x second-line-of-it y") == f"x {MASK} y"
    assert masking.mask_line("we were told p@ss-word here") == f"we were told {MASK} here"


def test_a_password_in_the_query_of_an_address_is_one_too() -> None:
    masking = Redactor(["postgresql://db.invalid/app?user=me&password=hid%2Fden-one&sslmode=require"])
    assert (
        masking.mask_line("tried hid/den-one, hid%2Fden-one and require")
        == f"tried {MASK}, {MASK} and require"
    )


def test_secrets_that_are_too_short_are_refused_and_counted() -> None:
    masking = Redactor(["abc", "", "long-enough"])
    assert masking.too_short == 1
    assert masking.mask_line("abc long-enough") == f"abc {MASK}"


def test_a_nested_value_is_masked() -> None:
    secret = secrets.token_hex(8)
    masked = Redactor([secret]).mask_value({"a": [secret, 1, None, {secret: f"x{secret}\ny"}]})
    assert masked == {"a": [MASK, 1, None, {MASK: f"x{MASK}\ny"}]}


def test_a_value_of_the_environment_that_is_no_text_is_masked_in_a_log() -> None:
    raw = b"p\xe4ssw\xf6rd-of-latin-1"
    secret = raw.decode("utf-8", "surrogateescape")
    masking = Redactor([secret])
    for written in (raw.decode(errors="replace"), base64.b64encode(raw).decode(), raw.hex()):
        assert masking.mask_line(f"<{written}>").replace("Q==", "") == f"<{MASK}>"


def test_base64_that_is_broken_into_lines_is_masked_line_by_line() -> None:
    data = secrets.token_hex(120)
    masking = Redactor([data])
    whole = base64.b64encode(data.encode()).decode()
    for width in (64, 76):
        lines = [whole[at : at + width].rstrip("=") for at in range(0, len(whole), width)]
        assert all(masking.mask_line(line).startswith(MASK) for line in lines[:-1])


def test_a_key_in_base64_or_hexadecimal_is_masked_without_the_seams_of_its_lines() -> None:
    lines = [base64.b64encode(secrets.token_bytes(48)).decode() for _ in range(20)]
    key = "\n".join(["-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----", ""])
    masking = Redactor([key])
    for written in (base64.b64encode(key.encode()).decode(), key.encode().hex()):
        shown = masking.mask_line(f"tls.key: {written} end")
        assert shown.count(MASK) == 1
        assert len(shown) < 40
