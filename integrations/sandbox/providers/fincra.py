"""A stand-in for Fincra: JSON, whole units, the key in ``api-key``, its own errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from integrations.sandbox.providers.accepted_keys import AcceptedKeys
from integrations.sandbox.providers.ledger import Gift, Ledger
from integrations.sandbox.serving import Answer, Asked

CURRENCIES = {**dict.fromkeys(("NGN", "GHS", "USD", "KES", "ZAR"), 2), "UGX": 0, "XAF": 0}
BY_REFERENCE = "/checkout/payments/merchant-reference/"


class Fincra:
    """The business of the key, and checkouts. Refunds are made in the dashboard."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.keys = AcceptedKeys("FINCRA", environ)
        self.ledger = Ledger("fincra", CURRENCIES)

    def __call__(self, asked: Asked) -> Answer:
        """One question."""
        if asked.path.startswith("/checkout/") and not asked.path.startswith("/checkout/payments"):
            return self.ledger.checkout(asked)
        if not self.keys.accept(asked.headers.get("api-key", "")):
            return said(401, "Unauthorized: invalid api-key")
        if (asked.method, asked.path) == ("GET", "/profile/business/me"):
            return said(200, "Business fetched", {"name": "Covenant Sandbox", "mode": "test"})
        if (asked.method, asked.path) == ("POST", "/checkout/payments"):
            return self.make(asked)
        if asked.method == "GET" and asked.path.startswith(BY_REFERENCE):
            return self.look(unquote(asked.path.removeprefix(BY_REFERENCE)))
        return said(404, "Not found")

    def make(self, asked: Asked) -> Answer:
        """A checkout with a reference of the merchant's."""
        given = asked.json()
        minor = self.ledger.minor_of(given.get("amount"), given.get("currency"))
        customer = given.get("customer") or {}
        if "@" not in str(customer.get("email", "")) or not customer.get("name"):
            return said(422, "customer.name and customer.email are required")
        if minor is None or minor <= 0:
            return said(422, "amount or currency is invalid")
        gift = self.ledger.make(str(given.get("reference", "")), minor, given["currency"])
        if gift is None:
            return said(409, "reference already exists")
        return said(200, "Payment link generated", {"link": self.ledger.link(asked, gift.reference)})

    def look(self, reference: str) -> Answer:
        """As it stands."""
        gift = self.ledger.gifts.get(reference)
        return (
            said(404, "Payment not found")
            if gift is None
            else said(200, "Payment fetched", self._facts(gift))
        )

    def _facts(self, gift: Gift) -> dict[str, Any]:
        """One checkout, in whole units."""
        return {
            "reference": gift.reference,
            "chargeReference": f"fcr-p-{gift.number}",
            "amount": float(self.ledger.units(gift.minor, gift.currency)),
            "currency": gift.currency,
            "status": "success" if gift.paid else "initiated",
            "refunded": gift.refunded >= gift.minor,
        }


def said(status: int, message: str, data: Any = None) -> Answer:
    """Fincra's envelope."""
    body = {"success": status < 400, "message": message}
    return Answer(status, body if data is None else {**body, "data": data})
