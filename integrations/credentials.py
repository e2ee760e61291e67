"""Encrypts secrets at rest, and tells them apart by keyed fingerprints without showing any.

The keys are in the variable ``CUTOVER_SECRET_KEYS``, separated by commas, the newest first. The newest one
encrypts, all of them decrypt. So a key can be replaced: put the new one in front, encrypt everything again
(``manage.py secrets reencrypt``), then take the old one out.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable, Mapping

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from integrations.errors import Problem

VARIABLE = "CUTOVER_SECRET_KEYS"
SUFFIX = ".fernet"  # of the files that `Credentials.encrypt` wrote


def generate_key() -> str:
    """A new key, to be put in front of the others."""
    return Fernet.generate_key().decode()


class Credentials:
    """Encrypts, decrypts and fingerprints with the given keys, else with those of the environment.

    Raises `Problem` when there is none, or when one is not a Fernet key (32 bytes in base64url).
    ``key_id`` tells the newest keys of two environments apart; it cannot be turned back into the key.
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
        fernets = [_fernet(word, number) for number, word in enumerate(words, 1)]
        self._newest, self._all = fernets[0], MultiFernet(fernets)
        # Fingerprints are keyed: without that, a list of likely passwords could be tried against them.
        self._mark = hmac.new(words[0].encode(), b"cutover: fingerprints of secrets", hashlib.sha256).digest()
        self.key_id = hmac.new(self._mark, b"key", hashlib.sha256).hexdigest()[:8]

    def encrypt(self, data: bytes) -> bytes:
        """The data under the newest key, as a Fernet token: a change of it is noticed."""
        return self._newest.encrypt(data)

    def decrypt(self, token: bytes) -> bytes:
        """What was encrypted under any of the keys. Raises `Problem` for a damaged or foreign token."""
        try:
            return self._all.decrypt(token)
        except InvalidToken:
            raise Problem(
                "This cannot be decrypted.",
                means=f"It is damaged, or was encrypted under a key that {VARIABLE} no longer has.",
                next="Put the former key behind the others in the variable, and try again.",
            ) from None

    def is_under_newest_key(self, token: bytes) -> bool:
        """Whether the newest key alone decrypts the token."""
        try:
            self._newest.decrypt(token)
        except InvalidToken:
            return False
        return True

    def reencrypt(self, token: bytes) -> bytes:
        """The same secret under the newest key. Raises `Problem` as `decrypt` does."""
        return self.encrypt(self.decrypt(token))

    def fingerprint(self, value: str, name: str) -> str:
        """16 hexadecimal digits for a value of a setting.

        They are equal for the same value, name and key. They do not reveal the value to anybody without the
        key, nor that two settings have the same value.
        """
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
