"""Secrets that nobody registered are found by their form or by the name in front of them."""

from __future__ import annotations

import ast
import secrets
import time
from collections.abc import Iterator

import pytest

from cutover.data_folder import PROJECT
from integrations.redact import MASK, Redactor, masked_stream

STRIPE, WEBHOOK = "sk_" + "live_abcdefgh1234", "whsec_" + "abcdefgh"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("postgresql://app:hunter2@db:5432/x", f"postgresql://app:{MASK}@db:5432/x"),
        ("redis://:hunter2@cache/0", f"redis://:{MASK}@cache/0"),
        ("Authorization: Bearer abcdef123456", f"Authorization: Bearer {MASK}"),
        ("authorization: basic dXNlcjpwYXNz", f"authorization: basic {MASK}"),
        ("curl -H 'Authorization: Bearer abcdef123456' -v", f"curl -H 'Authorization: Bearer {MASK}' -v"),
        ('Authorization: Digest username="me", response="abc"', f"Authorization: {MASK}"),
        ('{"authorization":"abc def","a":1}', f'{{"authorization":"{MASK}","a":1}}'),
        ("< Set-Cookie: sid=abc; Path=/; HttpOnly", f"< Set-Cookie: {MASK}"),
        ("Cookie: sid=abc; theme=dark", f"Cookie: {MASK}"),
        ("X-Api-Key: abc", f"X-Api-Key: {MASK}"),
        (f"key {STRIPE} used", f"key {MASK} used"),
        (WEBHOOK, MASK),
        ("FLWSECK_TEST-" + "abcdef-X", MASK),
        ("ghp_" + "abcdefgh1234 and github_pat_" + "abcdefgh1234", f"{MASK} and {MASK}"),
        ("glpat-" + "abcdefgh1234, xoxb-" + "12345678-abc", f"{MASK}, {MASK}"),
        ("eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl x", f"{MASK} x"),
        (".dockerconfigjson: eyJhdXRocyI6eyJyZWdpc3RyeSI6", f".dockerconfigjson: {MASK}"),
        ("PGPASSWORD=abc pg_dump", f"PGPASSWORD={MASK} pg_dump"),
        ("password: x", f"password: {MASK}"),
        ("db.password = 'a b'", f"db.password = '{MASK}'"),
        ("password=$'a b' x", f"password=$'{MASK}' x"),
        ('"password":"x y", "a": 1', f'"password":"{MASK}", "a": 1'),
        (r"{\"password\": \"x\\\"y\" , \"a\":1}", rf"{{\"password\": \"{MASK}\" , \"a\":1}}"),
        ("mysql --password x --host y", f"mysql --password {MASK} --host y"),
        ("--db-password=x --host y", f"--db-password={MASK} --host y"),
        ('["mysql","--password","xx","db"]', f'["mysql","--password","{MASK}","db"]'),
        ("['client_secret'] => 'abc'", f"['client_secret'] => '{MASK}'"),
        ("GET /cb?access_token=abc&state=1", f"GET /cb?access_token={MASK}&state=1"),
        ("token == abc", f"token == {MASK}"),
        ("if password == hunter2 then", f"if password == {MASK} then"),
        ("password=••• x", "password=••• x"),
        ("password: null, token: None, secret: ${NAME}", "password: null, token: None, secret: ${NAME}"),
        (
            "Check token: of the system, and secret: and key:.",
            "Check token: of the system, and secret: and key:.",
        ),
        ("password: abc user: x", f"password: {MASK} user: x"),
        ("{password: abc, user: x}", f"{{password: {MASK} user: x}}"),
        ("web-1 | cookie: a=b", f"web-1 | cookie: {MASK}"),
        ("by cookie: pilot, cookie:pilot=x", "by cookie: pilot, cookie:pilot=x"),
        ("nothing to hide: http://host:8000/path", "nothing to hide: http://host:8000/path"),
        ("the password was changed; a token is needed", "the password was changed; a token is needed"),
        ("--password-file /run/x and password_file", "--password-file ••• and password_file"),
        ("\x1b[31mred\x1b[0m and \x1b]0;title\x07plain\ttab", "red and plain\ttab"),
    ],
)
def test_unregistered_secrets_are_found(line: str, shown: str) -> None:
    assert Redactor().mask_line(line) == shown
    assert Redactor().mask_line(shown) == shown


@pytest.mark.parametrize(
    "state", ["eyJwcm92aWRlciI6Imdvb2dsZSJ9", "eyJhbGciOiJIUzI1NiJ9.eyJuIjoxfQ.c2lnbmVk"]
)
def test_an_address_at_which_a_person_signs_in_stays_whole(state: str) -> None:
    line = f"Open in your browser: https://accounts.example.org/auth?client_id=a&state={state}&scope=email"
    assert Redactor().mask_text(line) == line
    assert Redactor().mask_text(f"id_token {state}") == "id_token •••"


def test_a_secret_found_by_a_rule_stays_masked_over_many_pieces() -> None:
    for before, after in (("Bearer ", " the end"), ('"password":"', '" the end'), ("password=", " the end")):
        masking, token = Redactor(), "eyJhbGciOi." + secrets.token_hex(40_000)
        line = before + token + after
        shown = "".join(
            masking.mask_piece(line[at : at + 9999], stream="out", more=True)
            for at in range(0, len(line), 9999)
        )
        assert shown + masking.mask_piece("", stream="out") == f"{before}{MASK}{after}"


def own_sentences() -> Iterator[str]:
    """Every text in the code of the actions and clients; values in it are words."""
    for file in sorted((PROJECT / "integrations").rglob("*.py")):
        if not {"sandbox", "redact"} & set(file.parts):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.JoinedStr):
                    parts = (str(p.value) if isinstance(p, ast.Constant) else "value" for p in node.values)
                    yield "".join(parts)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


def test_the_panels_own_advice_is_shown_whole() -> None:
    masking = Redactor()
    meant = ("Bearer ", "://", "FLWSECK_TEST-", "Cookie: ", "token_url: of ", "secrets: ``host:port")
    texts = [text for text in own_sentences() if not any(sign in text for sign in meant)]
    assert len(texts) > 5000
    assert [text for text in texts if MASK in masking.mask_text(text) and MASK not in text] == []


HOSTILE = [
    *("password", "token_", "passw=", 'password="•', "--password ", "password: ", '"password":"'),
    *(r"\"password\":\"\\", "eyJaaaaaa-", "eyJ", "sk_live_", "ghp_", "xoxb-", "whsec_", "npm_", "FLWSECK"),
    *("bearer ", "Bearer aaaaaa", "://a:b", "://", "a@", "authorization: ", "authorization: basic "),
    *('cookie:"', "cookie=", "secret-", "-secret", "a", "A", "•", " ", "\t", "'", '"'),
    *("\x1b]", "\x1b[1;", "\x1b", "\x90", "\x9b", "\x1b]a\x07", "\x00", "\\", "\\u", "\\u0041", "\\x"),
    *("\\303", "%", "%c3", "%41", "&#", "&#1", "&#39;", "&amp", "&amp;"),
    *("-----BEGIN PRIVATE KEY-----", "-----BEGIN ", "-----END A"),
    "-----BEGIN PRIVATE KEY----------END PRIVATE KEY-----",
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_time_grows_no_faster_than_the_text(unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Beyond a block the time is linear by construction; what is tried here is one window.
    monkeypatch.setattr(masked_stream, "BLOCK", 1_000_000)

    def seconds(size: int) -> float:
        text = (unit * size)[:size] + "\n"
        masking, best = Redactor(["aaaaaaaa", "a" * 300, "A\\'\"%&A"]), 9.0
        for _ in range(4):
            began = time.process_time()
            masking.mask_text(text)
            best = min(best, time.process_time() - began)
        return best

    # Eight times the text: a quadratic rule needs 64 times as long. One millisecond is allowed for noise.
    assert seconds(24_000) < 0.001 + 24 * seconds(3000)
