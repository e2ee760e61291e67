"""The new API's webhook routes: signatures as covenant-connect.md has them, each event once."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import psycopg
import redis

from integrations.clients import webhooks
from integrations.sandbox.serving import Answer, Asked

PREFIX = "/donations/webhooks/"
REMEMBERED = 7 * 86_400  # seconds for which an event's id is known
#: what an event says of a gift → the gift's status
STATUSES = {
    "checkout.session.completed": "completed",
    "checkout.session.expired": "failed",
    "charge.success": "completed",
    "charge.successful": "completed",
    "charge.completed": "completed",
    "charge.failed": "failed",
}


class Webhooks:
    """Events of four providers; ``environ`` has their webhook secrets and REDIS_URL, which keeps ids."""

    def __init__(self, database: str, environ: Mapping[str, str]) -> None:
        self.database, self.environ = database, environ

    def answer(self, asked: Asked) -> Answer | None:
        """None for what is no webhook."""
        provider = asked.path.removeprefix(PREFIX)
        if asked.method != "POST" or not asked.path.startswith(PREFIX) or provider not in webhooks.SIGNERS:
            return None
        secret = self.environ.get(f"{provider.upper()}_WEBHOOK_SECRET", "")
        if not secret:
            return _refused(f"{provider.capitalize()} webhook secret is not configured")
        if not webhooks.matches(provider, asked.body, asked.headers, secret, time.time()):
            return _refused("Invalid webhook signature")
        try:
            event = asked.json()
        except ValueError:
            return Answer(400, {"statusCode": 400, "message": "Invalid payload", "error": "Bad Request"})
        return self._take(provider, event, asked.body)

    def _take(self, provider: str, event: dict[str, Any], body: bytes) -> Answer:
        identity = str(event.get("id") or webhooks.fingerprint_of(body))
        client = redis.Redis.from_url(self.environ["REDIS_URL"], socket_timeout=3)
        try:
            key = f"webhook:{provider}:{identity}"
            if not client.set(key, "1", nx=True, ex=REMEMBERED):
                return Answer(200, {"received": True, "duplicate": True})
            try:
                matched = self._book(event)
            except psycopg.Error:
                client.delete(key)  # it was not taken: the provider may send it again
                raise
        finally:
            client.close()
        return Answer(200, {"received": True, "matched": matched})

    def _book(self, event: dict[str, Any]) -> bool:
        """Whether a gift with that reference was there; its status then follows the event."""
        status = STATUSES.get(str(event.get("type") or event.get("event")))
        reference = _reference(event.get("data"))
        if status is None or not reference:
            return False
        with psycopg.connect(self.database, autocommit=True, connect_timeout=3) as connection:
            done = connection.execute(
                "UPDATE donations SET status = %s, updated_at = now() AT TIME ZONE 'UTC'"
                " WHERE reference = %s",
                [status, reference],
            )
            return done.rowcount > 0


def _reference(data: Any) -> str:
    """Our own reference of the payment, under whichever name this provider sends it."""
    found = data.get("object", data) if isinstance(data, dict) else {}
    names = ("client_reference_id", "merchantReference", "tx_ref", "reference")
    return next((str(found[name]) for name in names if isinstance(found, dict) and found.get(name)), "")


def _refused(why: str) -> Answer:
    return Answer(401, {"statusCode": 401, "message": why, "error": "Unauthorized"})
