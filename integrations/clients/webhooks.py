"""Webhooks as the four payment providers send them: how each signs, and an event that books nothing."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

PATH = "/donations/webhooks/{provider}"
#: Stripe's libraries refuse a signature older than this, in seconds
TOLERANCE = 300


@dataclass(frozen=True)
class Signed:
    """A request as the provider would send it."""

    body: bytes
    headers: Mapping[str, str]


def path_of(provider: str) -> str:
    """Where the new API takes this provider's events (covenant-connect.md, finding 8)."""
    return PATH.format(provider=provider)


def event(provider: str, mark: str) -> bytes:
    """An event for a payment that nobody made: ``mark`` is its reference and its id."""
    bodies = {
        "stripe": {
            "id": f"evt_{mark}",
            "object": "event",
            "type": "checkout.session.expired",
            "data": {"object": {"id": f"cs_{mark}", "client_reference_id": mark}},
        },
        "paystack": {"event": "charge.failed", "data": {"id": mark, "reference": mark, "status": "failed"}},
        "fincra": {"event": "charge.failed", "data": {"reference": mark, "merchantReference": mark}},
        "flutterwave": {"event": "charge.failed", "data": {"id": mark, "tx_ref": mark, "status": "failed"}},
    }
    return json.dumps(bodies[provider], separators=(",", ":")).encode()


def signed(provider: str, body: bytes, secret: str, at: float | None = None) -> Signed:
    """The body with the provider's signature by ``secret``; ``at`` is the time that Stripe signs with."""
    headers = SIGNERS[provider](body, secret, int(time.time() if at is None else at))
    return Signed(body, {"Content-Type": "application/json", **headers})


def matches(provider: str, body: bytes, headers: Mapping[str, str], secret: str, now: float) -> bool:
    """Whether the headers (names in small letters) sign this body by that secret, and lately enough."""
    if provider == "stripe":
        parts = [part.partition("=") for part in headers.get("stripe-signature", "").split(",")]
        times = [value for name, _, value in parts if name == "t" and value.isdecimal()]
        if not times or abs(now - int(times[0])) > TOLERANCE:
            return False
        wanted = _hmac(secret, times[0].encode() + b"." + body, "sha256")
        return any(hmac.compare_digest(wanted, value) for name, _, value in parts if name == "v1")
    ((name, value),) = SIGNERS[provider](body, secret, int(now)).items()
    return hmac.compare_digest(value.encode(), headers.get(name, "").encode())


def _hmac(secret: str, data: bytes, algorithm: str) -> str:
    return hmac.new(secret.encode(), data, algorithm).hexdigest()


def _stripe(body: bytes, secret: str, at: int) -> dict[str, str]:
    return {"stripe-signature": f"t={at},v1={_hmac(secret, b'%d.%b' % (at, body), 'sha256')}"}


def _paystack(body: bytes, secret: str, at: int) -> dict[str, str]:
    return {"x-paystack-signature": _hmac(secret, body, "sha512")}


def _fincra(body: bytes, secret: str, at: int) -> dict[str, str]:
    return {"x-fincra-signature": _hmac(secret, body, "sha256")}


def _flutterwave(body: bytes, secret: str, at: int) -> dict[str, str]:
    return {"verif-hash": secret}


SIGNERS: dict[str, Callable[[bytes, str, int], dict[str, str]]] = {
    "stripe": _stripe,
    "paystack": _paystack,
    "fincra": _fincra,
    "flutterwave": _flutterwave,
}


def fingerprint_of(body: bytes) -> str:
    """What tells one event from another where a provider gives it no id of its own."""
    return hashlib.sha256(body).hexdigest()
