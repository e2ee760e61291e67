"""Secrets survive a change of keys, and their fingerprints give nothing away."""

from __future__ import annotations

import pytest

from integrations import credentials
from integrations.credentials import VARIABLE, Credentials, generate_key
from integrations.errors import Problem


def test_encrypted_data_is_decrypted_again_and_shows_nothing() -> None:
    kept = Credentials([generate_key()])
    token = kept.encrypt("pässword".encode())
    assert "pässword".encode() not in token
    assert kept.decrypt(token) == "pässword".encode()


def test_a_key_can_be_replaced_without_losing_what_it_protects() -> None:
    old, new = generate_key(), generate_key()
    token = Credentials([old]).encrypt(b"secret")
    both = Credentials([new, old])
    assert both.decrypt(token) == b"secret"
    assert Credentials([new]).decrypt(both.reencrypt(token)) == b"secret"


def test_a_damaged_or_foreign_token_is_a_problem_in_words() -> None:
    kept = Credentials([generate_key()])
    token = bytearray(kept.encrypt(b"secret"))
    token[20] ^= 1
    with pytest.raises(Problem, match="cannot be decrypted"):
        kept.decrypt(bytes(token))
    with pytest.raises(Problem, match="cannot be decrypted"):
        kept.decrypt(Credentials([generate_key()]).encrypt(b"secret"))


def test_an_unset_or_invalid_variable_is_named_without_its_value() -> None:
    with pytest.raises(Problem, match=f"{VARIABLE} is not set"):
        Credentials(environ={})
    with pytest.raises(Problem, match=f"Key 2 in {VARIABLE}") as caught:
        Credentials(environ={VARIABLE: f"{generate_key()}, not-a-key"})
    assert "not-a-key" not in str(caught.value)


def test_fingerprints_depend_on_value_name_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    key = generate_key()
    monkeypatch.setenv(VARIABLE, key)
    one = credentials.fingerprint("value", "NAME")
    assert one == Credentials([key]).fingerprint("value", "NAME")
    others = [("value", "OTHER"), ("other", "NAME"), ("Evalue", "NAM")]
    assert len({one, *(credentials.fingerprint(*pair) for pair in others)}) == 4
    assert Credentials([generate_key()]).fingerprint("value", "NAME") != one


def test_a_token_is_under_the_newest_key_only_after_it_was_encrypted_again() -> None:
    old, new = generate_key(), generate_key()
    both, token = Credentials([new, old]), Credentials([old]).encrypt(b"secret")
    assert not both.is_under_newest_key(token)
    assert both.is_under_newest_key(both.reencrypt(token))
