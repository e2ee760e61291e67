"""Webhook requests as payment providers send them: an event that books nothing, signed or not."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from integrations.clients import load_drivers
from integrations.clients.payments.provider import provider_class
from integrations.drivers import drivers_of

JSON = {"Content-Type": "application/json"}
METADATA = {"note": "Café é a/b", "share": 1.0}
NOTE = '"Café é a/b"'  # the note as JSON writes it, which `encode_event` replaces


@dataclass(frozen=True)
class SignedWebhook:
    """A request as the provider would send it."""

    body: bytes
    headers: Mapping[str, str]


def is_known(provider: str) -> bool:
    """Whether there is a driver for this provider."""
    load_drivers()
    return provider in drivers_of("payments")


def make_event(provider: str, mark: str, *, formatted: bool = False) -> bytes:
    """The body of an event for a payment that does not exist; ``mark`` is its reference and its id.

    ``formatted``: as `encode_event`, with a note in its metadata for that.
    """
    event = provider_class(provider).webhook_event(mark)
    return encode_event(_with_note(event) if formatted else event, formatted=formatted)


def encode_event(event: Mapping[str, Any], *, formatted: bool = False) -> bytes:
    """The event as JSON in one line or, ``formatted``, as a text that no program writes after it was parsed.

    Stripe indents its events, others escape what need not be escaped: line breaks, ``é`` as a letter and as
    ``\\u00e9``, ``\\/`` and ``1.0`` are all lost when the body is parsed and written again, whatever style
    a program writes in.
    """
    if not formatted:
        return json.dumps(event, separators=(",", ":")).encode()
    text = json.dumps(event, indent=2, ensure_ascii=False)
    return text.replace(NOTE, '"Caf\\u00e9 é a\\/b"').encode()


def rewrite_event(event: Mapping[str, Any]) -> dict[str, bytes]:
    """Style → the event as a program writes it after it has parsed it, in the styles that are usual."""
    return {
        "indented": json.dumps(event, indent=2, ensure_ascii=False).encode(),
        "with blanks": json.dumps(event, ensure_ascii=False).encode(),
    }


def _with_note(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event with metadata of ours, which every provider passes on in the object that it tells of."""
    data = event.get("data")
    if not isinstance(data, dict):
        return dict(event)
    inner = data.get("object")
    if isinstance(inner, dict):
        return {**event, "data": {**data, "object": {**inner, "metadata": METADATA}}}
    return {**event, "data": {**data, "metadata": METADATA}}


def sign_event(provider: str, body: bytes, secret: str, at: float | None = None) -> SignedWebhook:
    """The body with the provider's signature; ``at`` (Unix time) where the signature carries a time."""
    moment = int(time.time() if at is None else at)
    return SignedWebhook(body, {**JSON, **provider_class(provider).sign_webhook(body, secret, moment)})


def sign_otherwise(body: bytes, secret: str, header: str, algorithm: str) -> SignedWebhook:
    """The body with an HMAC in a header that an API expects, whatever the provider documents."""
    return SignedWebhook(body, {**JSON, header: hmac_hex(secret, body, algorithm)})


def verify_signature(provider: str, body: bytes, headers: Mapping[str, str], secret: str, now: float) -> bool:
    """Whether the headers (names in small letters) sign this body with this secret, at about ``now``."""
    return provider_class(provider).verify_webhook(body, headers, secret, now)


def hmac_hex(secret: str, data: bytes, algorithm: str) -> str:
    """The HMAC in hexadecimal digits, as providers put it into a header."""
    return hmac.new(secret.encode(), data, algorithm).hexdigest()


def event_fingerprint(body: bytes) -> str:
    """What tells one event from another where a provider gives it no id of its own."""
    return hashlib.sha256(body).hexdigest()
