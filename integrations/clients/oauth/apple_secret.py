"""Apple's client secret: a JWT signed by ES256 with the key that Apple gave out once.

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
LIFE = 3600  # seconds; Apple takes up to six months


@dataclass(frozen=True)
class Secret:
    """The signed token, and until when it holds (ISO 8601, UTC)."""

    token: str
    expires: str


def make(system: System) -> Secret:
    """One that holds for an hour from now. Raises `Problem` when the key is no EC key on P-256."""
    now = int(time.time())
    claims = {
        "iss": system["team_id"],
        "iat": now,
        "exp": now + LIFE,
        "aud": AUDIENCE,
        "sub": system["client_id"],
    }
    token = jwt.encode(claims, key_of(system), algorithm="ES256", headers={"kid": system["key_id"]})
    return Secret(token, datetime.fromtimestamp(now + LIFE, UTC).isoformat(timespec="seconds"))


def key_of(system: System) -> ec.EllipticCurvePrivateKey:
    """The private key, whose line breaks may be written as \\\\n. Raises `Problem`."""
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
