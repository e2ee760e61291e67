"""Secrets survive a change of keys, and their fingerprints give nothing away."""

from __future__ import annotations

import pytest

from integrations import credentials
from integrations.credentials import VARIABLE, Credentials, new_key
from integrations.errors import Problem


def test_what_is_encrypted_comes_back_and_shows_nothing() -> None:
    kept = Credentials([new_key()])
    token = kept.encrypt("pässword".encode())
    assert "pässword".encode() not in token
    assert kept.decrypt(token) == "pässword".encode()


def test_a_key_can_be_replaced_without_losing_what_it_protects() -> None:
    old, new = new_key(), new_key()
    token = Credentials([old]).encrypt(b"secret")
    both = Credentials([new, old])
    assert both.decrypt(token) == b"secret"
    assert Credentials([new]).decrypt(both.rotated(token)) == b"secret"


def test_a_damaged_or_foreign_token_is_a_problem_in_words() -> None:
    kept = Credentials([new_key()])
    token = bytearray(kept.encrypt(b"secret"))
    token[20] ^= 1
    with pytest.raises(Problem, match="cannot be decrypted"):
        kept.decrypt(bytes(token))
    with pytest.raises(Problem, match="cannot be decrypted"):
        kept.decrypt(Credentials([new_key()]).encrypt(b"secret"))


def test_an_unset_or_wrong_variable_is_named_without_its_value() -> None:
    with pytest.raises(Problem, match=f"{VARIABLE} is not set"):
        Credentials(environ={})
    with pytest.raises(Problem, match=f"Key 2 in {VARIABLE}") as caught:
        Credentials(environ={VARIABLE: f"{new_key()}, not-a-key"})
    assert "not-a-key" not in str(caught.value)


def test_fingerprints_depend_on_value_name_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    key = new_key()
    monkeypatch.setenv(VARIABLE, key)
    one = credentials.fingerprint("value", "NAME")
    assert one == Credentials([key]).fingerprint("value", "NAME")
    others = [("value", "OTHER"), ("other", "NAME"), ("Evalue", "NAM")]
    assert len({one, *(credentials.fingerprint(*pair) for pair in others)}) == 4
    assert Credentials([new_key()]).fingerprint("value", "NAME") != one
