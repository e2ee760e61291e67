"""Secrets stay out of lines, in every dress and however lines are cut."""

from __future__ import annotations

import base64
import html
import json
import secrets
import shlex
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.redact import CONTINUED, MASK, Redactor, forms_of, masked_url

characters = st.characters(min_codepoint=33, max_codepoint=0x17F, exclude_categories=["Cc", "Cf"])
printable = st.text(characters)
secret_values = st.text(characters, min_size=8, max_size=40)
noise = st.sampled_from(
    ["\x1b[0m", "\x1b[1;31m", "\x1b]8;;http://x\x07", "\x00", "\u200b", "\x1b(B", "\x9b2K", "\r"]
)


def dressings(secret: str) -> list[str]:
    data = secret.encode()
    return [
        secret,
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret),
        json.dumps(secret, ensure_ascii=False),
        json.dumps({"inner": json.dumps(secret)}),
        shlex.quote(secret),
        data.hex(),
        data.hex().upper(),
        base64.b64encode(data).decode(),
        base64.b64encode(b"user:" + data).decode(),
        base64.urlsafe_b64encode(b"me:" + data + b"!").decode(),
        base64.b32encode(data).decode(),
        html.escape(secret, quote=False),
        html.escape(secret).replace("&#x27;", "&#39;"),
    ]


def leaks(shown: str, secret: str) -> list[str]:
    return [form for form in forms_of(secret) if form in shown]


@settings(max_examples=300, deadline=None)
@given(st.lists(secret_values, min_size=1, max_size=4), printable, st.data())
def test_no_dress_of_a_secret_is_shown(values: list[str], around: str, data: st.DataObject) -> None:
    redactor = Redactor(values)
    for secret in values:
        dressed = data.draw(st.sampled_from(dressings(secret)))
        shown = redactor.line(f"{around} {dressed} {around}")
        assert leaks(shown, secret) == []


@settings(max_examples=300, deadline=None)
@given(secret_values, st.lists(st.tuples(st.integers(0, 200), noise), max_size=6))
def test_escapes_inside_a_secret_do_not_hide_it(secret: str, holes: list[tuple[int, str]]) -> None:
    torn = secret
    for at, escape in sorted(holes, reverse=True):
        place = at % (len(secret) + 1)
        torn = torn[:place] + escape + torn[place:]
    assert leaks(Redactor([secret]).line(f"before {torn} after"), secret) == []


@settings(max_examples=300, deadline=None)
@given(st.lists(secret_values, min_size=2, max_size=4), st.data())
def test_a_line_in_pieces_is_masked_as_if_it_were_whole(values: list[str], data: st.DataObject) -> None:
    first, second = values[0], values[1]
    overlapping = first[: len(first) // 2] + second
    parts = data.draw(
        st.lists(st.sampled_from([*values, overlapping, "a" * 40, " ", "\x1b[0m"]), max_size=12)
    )
    line = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(line)), max_size=5)))
    pieces = [line[a:b] for a, b in zip([0, *cuts], [*cuts, len(line)], strict=True)]
    whole, streamed = Redactor([*values, overlapping]), Redactor([*values, overlapping])
    shown = "".join(streamed.line(piece + CONTINUED)[: -len(CONTINUED)] for piece in pieces[:-1])
    shown += streamed.line(pieces[-1])
    assert shown == whole.line(line)
    assert all(leaks(shown, value) == [] for value in values)


def test_long_pieces_hold_back_only_what_a_secret_may_need() -> None:
    secret = secrets.token_hex(40)
    redactor = Redactor([secret])
    text = "x" * 16000 + secret + "y" * 16000
    first = redactor.line(text[:16040] + CONTINUED)
    second = redactor.line(text[16040:])
    assert len(first) > 15000
    assert secret[:30] not in first + second
    assert secret[-30:] not in first + second
    assert (first[: -len(CONTINUED)] + second) == "x" * 16000 + MASK + "y" * 16000


def test_a_rules_hit_that_runs_over_pieces_stays_hidden_to_its_end() -> None:
    token = "eyJhbGciOi." + secrets.token_hex(20000)
    redactor = Redactor()
    first = redactor.line("Bearer " + token[:16000] + CONTINUED)
    second = redactor.line(token[16000:32000] + CONTINUED)
    third = redactor.line(token[32000:] + " the end")
    assert first + second + third == f"Bearer {MASK}{CONTINUED}{CONTINUED} the end"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("postgresql://app:hunter2@db:5432/x", f"postgresql://app:{MASK}@db:5432/x"),
        ("redis://:hunter2@cache/0", f"redis://:{MASK}@cache/0"),
        ("Authorization: Bearer abcdef123456", f"Authorization: Bearer {MASK}"),
        ("authorization: basic dXNlcjpwYXNz", f"authorization: basic {MASK}"),
        ("key sk_" + "live_abcdefgh1234 used", f"key {MASK} used"),
        ("whsec_" + "abcdefgh", MASK),
        ("FLWSECK_TEST-" + "abcdef-X", MASK),
        ("PGPASSWORD=abc pg_dump", f"PGPASSWORD={MASK} pg_dump"),
        ("nothing to hide: http://host:8000/path", "nothing to hide: http://host:8000/path"),
        ("\x1b[31mred\x1b[0m and \x1b]0;title\x07plain\ttab", "red and plain\ttab"),
    ],
)
def test_secrets_that_nobody_registered_are_known_by_their_shape(line: str, shown: str) -> None:
    assert Redactor().line(line) == shown


def test_a_private_key_is_hidden_over_its_lines_and_what_follows_is_shown() -> None:
    redactor = Redactor()
    body = [base64.b64encode(secrets.token_bytes(48)).decode() for _ in range(3)]
    lines = ["-----BEGIN PRIVATE KEY-----", *body, "-----END PRIVATE KEY-----", "done: yes, really (it is)."]
    shown = [redactor.line(line) for line in lines]
    assert shown == [lines[0], MASK, MASK, MASK, lines[4], lines[5]]
    inline = "KEY=-----BEGIN RSA PRIVATE KEY-----\\n" + body[0] + "\\n-----END RSA PRIVATE KEY----- next"
    assert body[0] not in redactor.line(inline)
    redactor.line("-----BEGIN PRIVATE KEY-----")
    assert redactor.line("no key at all: (a sentence)!") == "no key at all: (a sentence)!"


def test_each_line_of_a_secret_and_the_password_of_an_address_are_secrets_too() -> None:
    redactor = Redactor(["first-line-of-it\nsecond-line-of-it", "postgresql://me:p%40ss-word@h/d"])
    assert redactor.line("x second-line-of-it y") == f"x {MASK} y"
    assert redactor.line("password is p@ss-word here") == f"password is {MASK} here"


def test_short_values_are_refused_and_counted() -> None:
    redactor = Redactor(["abc", "", "long-enough"])
    assert redactor.too_short == 1
    assert redactor.line("abc long-enough") == f"abc {MASK}"


def test_a_value_is_masked_in_depth() -> None:
    secret = secrets.token_hex(8)
    masked = Redactor([secret]).value({"a": [secret, 1, None, {secret: f"x{secret}\ny"}]})
    assert masked == {"a": [MASK, 1, None, {MASK: f"x{MASK}\ny"}]}


def test_a_shown_address_has_no_password() -> None:
    assert (
        masked_url("postgresql://u:p/w@x@h:1/d?sslmode=require")
        == f"postgresql://u:{MASK}@h:1/d?sslmode=require"
    )
    assert masked_url("postgresql://u@h/d?password=abc&x=1") == f"postgresql://u@h/d?password={MASK}&x=1"
    assert masked_url("host=h user=u password='a b' dbname=d") == f"host=h user=u password={MASK} dbname=d"
    assert masked_url("not a url") == "not a url"


@pytest.mark.parametrize(
    "written",
    [
        "p!a's%20(s)*w~%2F%2B%40rd%3D%26%5B%C3%A4",  # encodeURIComponent
        "p!a's%20(s)*w~/+@rd=&%5B%C3%A4",  # encodeURI
        "p%21a%27s+%28s%29*w%7E%2F%2B%40rd%3D%26%5B%C3%A4",  # URLSearchParams
    ],
)
def test_the_encodings_of_javascript_are_known(written: str) -> None:
    assert Redactor(["p!a's (s)*w~/+@rd=&[ä"]).line(f"it is {written} there") == f"it is {MASK} there"


def test_base64_that_is_broken_into_lines_is_masked_line_by_line() -> None:
    data = secrets.token_hex(120)
    redactor = Redactor([data])
    whole = base64.b64encode(data.encode()).decode()
    for width in (64, 76):
        lines = [whole[at : at + width].rstrip("=") for at in range(0, len(whole), width)]
        assert all(redactor.line(line).startswith(MASK) for line in lines[:-1])


def test_a_key_whose_breaks_are_escaped_is_masked_wherever_its_lines_appear() -> None:
    body = [secrets.token_hex(32) for _ in range(3)]
    escaped = "-----BEGIN PRIVATE KEY-----\\n" + "\\n".join(body) + "\\n-----END PRIVATE KEY-----"
    redactor = Redactor([escaped])
    assert [redactor.line(f"bad line: {line}") for line in body] == [f"bad line: {MASK}"] * 3


def test_a_password_in_the_query_of_an_address_is_one_too() -> None:
    redactor = Redactor(["postgresql://db.invalid/app?user=me&password=hid%2Fden-one&sslmode=require"])
    assert redactor.line("tried hid/den-one, hid%2Fden-one and require") == (
        f"tried {MASK}, {MASK} and require"
    )
