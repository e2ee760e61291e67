"""Apple's client secret: a JWT signed with ES256 by the key that Apple gave out once.

Source: developer.apple.com/documentation/accountorganizationaldatasharing/creating-a-client-secret.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from integrations.errors import Problem
from integrations.systems import System

AUDIENCE = "https://appleid.apple.com"
LIFETIME = 3600  # seconds; Apple accepts up to six months


@dataclass(frozen=True)
class ClientSecret:
    """The signed token, and when it expires (ISO 8601, UTC)."""

    token: str
    expires: str


def make_client_secret(system: System) -> ClientSecret:
    """A secret that is valid for an hour from now. Raises `Problem` when the key is no EC key on P-256."""
    now = int(time.time())
    claims = {
        "iss": system["team_id"],
        "iat": now,
        "exp": now + LIFETIME,
        "aud": AUDIENCE,
        "sub": system["client_id"],
    }
    token = jwt.encode(claims, read_private_key(system), algorithm="ES256", headers={"kid": system["key_id"]})
    return ClientSecret(token, datetime.fromtimestamp(now + LIFETIME, UTC).isoformat(timespec="seconds"))


def read_private_key(system: System) -> ec.EllipticCurvePrivateKey:
    """The private key of a system; its line breaks may be written as ``\\\\n``. Raises `Problem`."""
    pem = system["private_key"].replace("\\n", "\n").encode()
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise Problem(
            f"private_key of “{system.name}” is no EC key on P-256.",
            means="Apple's client secret cannot be made from it; nothing was sent.",
            next="Take the .p8 file as Apple gave it, all lines of it (breaks as \\n), without a passphrase.",
        )
    return key
