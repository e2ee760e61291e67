"""A stand-in for Paystack: JSON, kobo, a reference that may be used once, its own errors."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from integrations.sandbox.providers import takings
from integrations.sandbox.providers.accepted_keys import AcceptedKeys
from integrations.sandbox.providers.ledger import Gift, Ledger
from integrations.sandbox.serving import Answer, Asked

CURRENCIES = dict.fromkeys(("NGN", "GHS", "ZAR", "USD", "KES", "XOF"), 2)
UNDIVIDED = frozenset({"XOF"})  # counted in hundredths all the same, and whole only
LEAST = 100  # minor units
QUEUED = 1.0  # seconds in which a refund waits, and its transaction still says “success”


class Paystack:
    """``/balance``, totals, initialize, verify, refund."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.keys = AcceptedKeys("PAYSTACK", environ)
        self.ledger = Ledger("paystack", CURRENCIES)

    def __call__(self, asked: Asked) -> Answer:
        """One question."""
        if asked.path.startswith("/checkout/"):
            return self.ledger.checkout(asked)
        if not self.keys.accept_bearer(asked.headers.get("authorization", "")):
            return said(401, "Invalid key")
        if (asked.method, asked.path) == ("GET", "/balance"):
            return said(200, "Balances retrieved", [{"currency": "NGN", "balance": 0}])
        if (asked.method, asked.path) == ("GET", "/transaction/totals"):
            return said(200, "Transaction totals", takings.totals(self.ledger, asked))
        if (asked.method, asked.path) == ("POST", "/transaction/initialize"):
            return self.make(asked)
        if asked.method == "GET" and asked.path.startswith("/transaction/verify/"):
            return self.verify(unquote(asked.path.rpartition("/")[2]))
        if (asked.method, asked.path) == ("POST", "/refund"):
            return self.refund(asked)
        return said(404, "Route not found")

    def make(self, asked: Asked) -> Answer:
        """A transaction: e-mail, whole kobo, a currency that this account takes, an unused reference."""
        try:
            given = asked.json()
        except ValueError:
            return said(400, "Invalid JSON")
        amount, currency = given.get("amount"), given.get("currency", "NGN")
        if "@" not in str(given.get("email", "")):
            return said(400, "Invalid Email Address Passed")
        if not str(amount).isdecimal() or int(str(amount)) < LEAST:
            return said(400, "Invalid Amount Sent")
        if currency not in CURRENCIES:
            return said(403, "Currency not supported by merchant")
        if currency in UNDIVIDED and int(str(amount)) % 100:
            return said(400, "Invalid Amount Sent")
        gift = self.ledger.make(str(given.get("reference", "")), int(str(amount)), currency)
        if gift is None:
            return said(400, "Duplicate Transaction Reference")
        url = self.ledger.link(asked, gift.reference)
        data = {"authorization_url": url, "access_code": f"ac_{gift.number}", "reference": gift.reference}
        return said(200, "Authorization URL created", data)

    def verify(self, reference: str) -> Answer:
        """As it stands."""
        gift = self.ledger.gifts.get(reference)
        if gift is None:
            return said(400, "Transaction reference not found.")
        return said(200, "Verification successful", self._facts(gift))

    def _facts(self, gift: Gift) -> dict[str, Any]:
        settled = gift.refunded >= gift.minor and time.time() >= gift.refunded_at + QUEUED
        status = "abandoned" if not gift.paid else "reversed" if settled else "success"
        return {
            "id": gift.number,
            "domain": "test",
            "reference": gift.reference,
            "amount": gift.minor,
            "currency": gift.currency,
            "status": status,
        }

    def refund(self, asked: Asked) -> Answer:
        """The whole of a transaction that was paid."""
        given = asked.json()
        gift = self.ledger.gifts.get(str(given.get("transaction", "")))
        if gift is None:
            return said(404, "Transaction not found")
        wrong = self.ledger.refund(gift, int(given.get("amount", gift.minor)))
        if wrong:
            return said(400, wrong)
        return said(200, "Refund has been queued for processing", {"status": "pending", "amount": gift.minor})


def said(status: int, message: str, data: Any = None) -> Answer:
    """Paystack's envelope."""
    body = {"status": status < 400, "message": message}
    return Answer(status, body if data is None else {**body, "data": data})
