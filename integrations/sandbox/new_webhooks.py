"""The new API's webhook routes, as they were recorded (`customer/api.json`, `customer/answers/webhook-*`).

Each defect is shown until its repair is applied: `repairs.yaml`.
"""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from integrations.clients.payments.webhooks import hmac_hex
from integrations.sandbox.repairs import AppliedRepairs
from integrations.sandbox.serving import Answer, Asked

PREFIX = "/donations/webhooks/"
#: where a provider's secret is looked for; the first that has a value counts
SECRETS = {
    "paystack": ("PAYSTACK_WEBHOOK_SECRET", "PAYSTACK_SECRET_KEY"),
    "fincra": ("FINCRA_WEBHOOK_SECRET", "FINCRA_SECRET_KEY"),
    "stripe": ("STRIPE_WEBHOOK_SECRET",),
    "flutterwave": ("FLUTTERWAVE_WEBHOOK_SECRET", "FLUTTERWAVE_SECRET_HASH", "FLUTTERWAVE_SECRET_KEY"),
}
#: the header and the algorithm of the providers that sign the body alone
SIGNED = {"paystack": ("x-paystack-signature", "sha512"), "fincra": ("x-fincra-signature", "sha256")}
TOLERANCE = 300  # seconds that a signature of Stripe holds, once the API looks at its age
#: how far a gift has come: an event only moves it upwards
PRIORITIES = {"pending": 0, "failed": 1, "completed": 2, "refunded": 3}
#: a word inside the event's status → the status of the gift; the first that fits
WORDS = (
    *((word, "completed") for word in ("success", "complete", "paid")),
    ("refund", "refunded"),
    *((word, "failed") for word in ("fail", "declin", "error", "cancel")),
)
FIND = (
    "SELECT id, status, transaction_id, payment_info FROM donations"
    " WHERE reference = nullif(%s, '') OR transaction_id = nullif(%s, '') LIMIT 1"
)
UPDATE = (
    "UPDATE donations SET status = %s, payment_info = %s, transaction_id = %s,"
    " error_message = coalesce(%s, CASE WHEN %s THEN NULL ELSE error_message END),"
    " updated_at = now() AT TIME ZONE 'UTC' WHERE id = %s"
)


class Webhooks:
    """Events of four providers; ``environ`` has their secrets and REPAIRS_FILE."""

    def __init__(self, database: str, environ: Mapping[str, str]) -> None:
        self.database, self.environ = database, environ
        self.repairs = AppliedRepairs.of(environ)

    def answer(self, asked: Asked) -> Answer | None:
        """None for what is no webhook."""
        provider = asked.path.removeprefix(PREFIX)
        if asked.method != "POST" or not asked.path.startswith(PREFIX) or provider not in SECRETS:
            return None
        try:
            event = asked.form() if "urlencoded" in asked.headers.get("content-type", "") else asked.json()
        except ValueError:
            return _refused(400, "Unexpected end of JSON input")
        refusal = self._signature_error(provider, asked, event)
        if refusal:
            return _refused(401, refusal)
        references = _references(provider, event)
        if not any(references):
            name = provider.capitalize()
            return _refused(400, f"{name} webhook payload must include a reference or transaction id")
        return self._book(references, provider, event)

    # ── signatures ───────────────────────────────────────────────────────────

    def _signature_error(self, provider: str, asked: Asked, event: Any) -> str:
        """Why the event is refused; empty when its signature is right."""
        secret, name = self._secret(provider), provider.capitalize()
        if not secret:
            return f"{name} webhook secret is not configured"
        body = asked.body if self.repairs.has("raw-body") else stringify(event).encode()
        if provider == "flutterwave":
            given, right = asked.headers.get("verif-hash", ""), secret
        elif provider == "stripe":
            given = asked.headers.get("stripe-signature", "")
            right = given if given and self._is_signed_by_stripe(given, body, secret) else ""
        else:
            header, algorithm = self._scheme(provider)
            given, right = asked.headers.get(header, ""), hmac_hex(secret, body, algorithm)
        if not given:
            return f"Missing {name} webhook signature"
        if not hmac.compare_digest(given.strip().encode(), right.encode()):
            return f"Invalid {name} webhook signature"
        return ""

    def _secret(self, provider: str) -> str:
        names = SECRETS[provider]
        if self.repairs.has("paystack-secret"):  # the setting is taken out of the environment
            names = tuple(name for name in names if name != "PAYSTACK_WEBHOOK_SECRET")
        return next((self.environ[name].strip() for name in names if self.environ.get(name)), "")

    def _scheme(self, provider: str) -> tuple[str, str]:
        if provider == "fincra" and self.repairs.has("fincra-signature"):
            return "signature", "sha512"
        return SIGNED[provider]

    def _is_signed_by_stripe(self, header: str, body: bytes, secret: str) -> bool:
        parts = [part.partition("=") for part in header.split(",")]
        moment = next((value for name, _, value in parts if name == "t"), "")
        wanted = hmac_hex(secret, moment.encode() + b"." + body, "sha256")
        if not any(hmac.compare_digest(wanted, value) for name, _, value in parts if name == "v1"):
            return False
        too_old = not moment.isdecimal() or abs(time.time() - int(moment)) > TOLERANCE
        return not (too_old and self.repairs.has("stripe-old-signatures"))

    def _book(self, references: tuple[str, str], provider: str, event: Any) -> Answer:
        """The gift of a reference or of a transaction follows the event, but never backwards.

        “ignored” is the answer only when nothing at all would change. A completed event always changes
        something: the API compares its empty reason with one that is not there.
        """
        word = _status_word(provider, event)
        whole = word == "unpaid" and self.repairs.has("stripe-unpaid")
        status, facts = "pending" if whole else status_of(word), {f"{provider}Webhook": event}
        facts[f"{provider}Status"] = word
        with psycopg.connect(self.database, autocommit=True, connect_timeout=3) as connection:
            gift = connection.execute(FIND, references).fetchone()
            if gift is None:
                return _refused(404, "Donation not found for webhook reference")
            identity, known, transaction, info = gift
            rises = PRIORITIES[status] > PRIORITIES.get(known, len(PRIORITIES))
            new_transaction = bool(references[1]) and references[1] != transaction
            if not (rises or new_transaction or status == "completed" or _differs(info or {}, facts)):
                return Answer(201, {"status": "ignored"})
            connection.execute(
                UPDATE,
                [
                    status if rises else known,
                    Jsonb({**(info or {}), **facts}),
                    references[1] or transaction,
                    _reason(provider, event) if status == "failed" else None,
                    status == "completed",
                    identity,
                ],
            )
        return Answer(201, {"status": "updated"})


def _reason(provider: str, event: Any) -> str | None:
    """Why a payment failed, by the provider's name for it."""
    data = _record(event.get("data"))
    names = {"fincra": "failureReason", "paystack": "gateway_response", "flutterwave": "processor_response"}
    found = data.get(names.get(provider, ""))
    return found if isinstance(found, str) else None


def _differs(known: dict[str, Any], facts: dict[str, Any]) -> bool:
    """Whether a fact is written otherwise in the database, which keeps keys in an order of its own."""
    return any(name not in known or stringify(known[name]) != stringify(facts[name]) for name in facts)


def status_of(word: str) -> str:
    """The status of a gift that the API reads out of a provider's word."""
    return next((status for part, status in WORDS if part in word.lower()), "pending")


def stringify(value: Any) -> str:
    """A parsed body as JavaScript's ``JSON.stringify`` writes it: without blanks, 1250.0 as 1250."""
    return json.dumps(_as_javascript(value), separators=(",", ":"), ensure_ascii=False)


def _as_javascript(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _as_javascript(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_as_javascript(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _record(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _references(provider: str, event: Any) -> tuple[str, str]:
    """Our reference of the payment and the provider's id of it; each empty where the event has none."""
    data = _record(event.get("data"))
    if provider == "stripe":
        found = _record(data.get("object"))
        given = (
            [found.get("id"), found.get("client_reference_id")],
            [found.get("payment_intent"), found.get("id")],
        )
    elif provider == "flutterwave":
        given = [data.get("tx_ref"), data.get("reference")], [data.get("id"), data.get("flw_ref")]
    elif provider == "paystack":
        given = [data.get("reference"), data.get("transaction_reference")], [data.get("id")]
    else:
        given = [data.get("reference"), event.get("reference")], [data.get("transactionId"), data.get("id")]
    reference, transaction = (str(next(filter(None, names), "")) for names in given)
    return reference, transaction


def _status_word(provider: str, event: Any) -> str:
    data = _record(event.get("data"))
    if provider == "stripe":
        found = _record(data.get("object"))
        words = [found.get("payment_status"), found.get("status"), event.get("type")]
    elif provider == "paystack":
        words = [data.get("status"), event.get("event"), event.get("status")]
    else:
        words = [data.get("status"), event.get("status")]
    return next((word for word in words if isinstance(word, str) and word), "")


def _refused(status: int, message: str) -> Answer:
    names = {400: "Bad Request", 401: "Unauthorized", 404: "Not Found"}
    return Answer(status, {"message": message, "error": names[status], "statusCode": status})
