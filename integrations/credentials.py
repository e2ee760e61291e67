"""Keeps secrets at rest encrypted, and shows which is which without showing any.

The keys are in the variable ``CUTOVER_SECRET_KEYS``, separated by commas, the newest first: it
encrypts, all of them decrypt, so that a key can be replaced without losing what it protects.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable, Mapping

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from integrations.errors import Problem

VARIABLE = "CUTOVER_SECRET_KEYS"


def new_key() -> str:
    """A fresh key, to be put in front of the others."""
    return Fernet.generate_key().decode()


class Credentials:
    """Encrypts, decrypts and fingerprints with the given keys, else with those of the environment.

    Raises `Problem` when there is none, or when one is not a Fernet key (32 bytes in base64url).
    """

    def __init__(self, keys: Iterable[str] = (), environ: Mapping[str, str] | None = None) -> None:
        text = (os.environ if environ is None else environ).get(VARIABLE, "")
        words = [key.strip() for key in (list(keys) or text.split(",")) if key.strip()]
        if not words:
            raise Problem(
                f"The variable {VARIABLE} is not set.",
                means="Secrets can be neither encrypted nor read; nothing was written.",
                next="Set it in the environment of the web and worker processes: one or more keys, newest "
                "first, separated by commas. A key is made by: python -c 'from cryptography.fernet "
                "import Fernet; print(Fernet.generate_key().decode())'",
            )
        self._fernet = MultiFernet([_fernet(word, number) for number, word in enumerate(words, 1)])
        self._mark = hmac.new(words[0].encode(), b"cutover: fingerprints of secrets", hashlib.sha256).digest()
        self.key_id = hmac.new(self._mark, b"key", hashlib.sha256).hexdigest()[:8]

    def encrypt(self, data: bytes) -> bytes:
        """The data under the newest key: a Fernet token, which nobody can change unseen."""
        return self._fernet.encrypt(data)

    def decrypt(self, token: bytes) -> bytes:
        """What was encrypted under any of the keys. Raises `Problem` for a damaged or foreign token."""
        try:
            return self._fernet.decrypt(token)
        except InvalidToken:
            raise Problem(
                "This cannot be decrypted.",
                means=f"It is damaged, or was encrypted under a key that {VARIABLE} no longer has.",
                next="Put the former key behind the others in the variable, and try again.",
            ) from None

    def rotated(self, token: bytes) -> bytes:
        """The same secret under the newest key."""
        self.decrypt(token)
        return self._fernet.rotate(token)

    def fingerprint(self, value: str, name: str) -> str:
        """16 hex digits that are the same for the same value of the same name under the same key, and
        tell nothing else: not the value to who lacks the key, not that two names share a value."""
        text = b"%d:%b:%b" % (len(name.encode()), name.encode(), value.encode("utf-8", "surrogatepass"))
        return hmac.new(self._mark, text, hashlib.sha256).hexdigest()[:16]


def _fernet(key: str, number: int) -> Fernet:
    try:
        return Fernet(key)
    except ValueError:
        raise Problem(
            f"Key {number} in {VARIABLE} is no key.",
            means="A key is 32 bytes in base64url: 44 characters that end with “=”.",
            next="Correct it; a space, a quote or a missing “=” is the usual cause.",
        ) from None


def fingerprint(value: str, name: str) -> str:
    """`Credentials.fingerprint` under the keys of the environment."""
    return Credentials().fingerprint(value, name)
