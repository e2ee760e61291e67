"""A stand-in for Flutterwave v3: JSON, whole units, tx_ref, its own errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations.sandbox.providers import takings
from integrations.sandbox.providers.accepted_keys import AcceptedKeys
from integrations.sandbox.providers.ledger import Gift, Ledger
from integrations.sandbox.serving import Answer, Asked

CURRENCIES = {
    **dict.fromkeys(("NGN", "GHS", "USD", "KES", "ZAR", "EUR", "GBP"), 2),
    **dict.fromkeys(("UGX", "XOF", "XAF", "RWF"), 0),
}


class Flutterwave:
    """``/v3/balances``, payments, the list, verify by reference, refund."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.keys = AcceptedKeys("FLUTTERWAVE", environ)
        self.ledger = Ledger("flutterwave", CURRENCIES)

    def __call__(self, asked: Asked) -> Answer:
        """One question."""
        if asked.path.startswith("/checkout/"):
            return self.ledger.checkout(asked)
        if not self.keys.accept_bearer(asked.headers.get("authorization", "")):
            return said(401, "Invalid authorization key")
        if (asked.method, asked.path) == ("GET", "/v3/balances"):
            return said(200, "Wallet balances fetched", [{"currency": "NGN", "available_balance": 0}])
        if (asked.method, asked.path) == ("POST", "/v3/payments"):
            return self.make(asked)
        if (asked.method, asked.path) == ("GET", "/v3/transactions"):
            data, meta = takings.transactions(self.ledger, asked)
            return Answer(200, {**said(200, "Transactions fetched", data).body, "meta": meta})
        if (asked.method, asked.path) == ("GET", "/v3/transactions/verify_by_reference"):
            return self.verify(asked.query.get("tx_ref", ""))
        if asked.method == "GET" and asked.path.startswith("/v3/transactions/"):
            return self.verify_by_id(asked.path)
        if (
            asked.method == "POST"
            and asked.path.startswith("/v3/transactions/")
            and asked.path.endswith("/refund")
        ):
            return self.refund(asked)
        return said(404, "Cannot find the route")

    def make(self, asked: Asked) -> Answer:
        """A payment: amount in whole units, a currency, a tx_ref that was not used, a customer's e-mail."""
        given = asked.json()
        minor = self.ledger.minor_of(given.get("amount"), given.get("currency"))
        if not given.get("tx_ref") or "@" not in str(given.get("customer", {}).get("email", "")):
            return said(400, "tx_ref and customer email are required")
        if given.get("currency") not in CURRENCIES:
            return said(400, "currency is not supported")
        if minor is None or minor <= 0:
            return said(400, "amount is invalid")
        gift = self.ledger.make(str(given["tx_ref"]), minor, given["currency"])
        if gift is None:
            return said(400, "Duplicate tx_ref")
        return said(200, "Hosted Link", {"link": self.ledger.link(asked, gift.reference)})

    def verify(self, reference: str) -> Answer:
        """There is a transaction only once somebody paid."""
        gift = self.ledger.gifts.get(reference)
        if gift is None or not gift.paid:
            return said(400, "No transaction was found for this id")
        return said(200, "Transaction fetched successfully", self._facts(gift))

    def verify_by_id(self, path: str) -> Answer:
        """``/v3/transactions/ID/verify``, by Flutterwave's own number."""
        number = path.split("/")[3]
        gift = next((g for g in self.ledger.gifts.values() if g.paid and str(g.number) == number), None)
        if gift is None:
            return said(400, "No transaction was found for this id")
        return said(200, "Transaction fetched successfully", self._facts(gift))

    def _facts(self, gift: Gift) -> dict[str, Any]:
        return {
            "id": gift.number,
            "tx_ref": gift.reference,
            "amount": float(self.ledger.units(gift.minor, gift.currency)),
            "amount_refunded": float(self.ledger.units(gift.refunded, gift.currency)),
            "currency": gift.currency,
            "status": "successful",
        }

    def refund(self, asked: Asked) -> Answer:
        """By Flutterwave's own id."""
        number = asked.path.split("/")[3]
        gift = next((g for g in self.ledger.gifts.values() if g.paid and str(g.number) == number), None)
        if gift is None:
            return said(404, "Transaction not found")
        asked_for = asked.json().get("amount")
        minor = gift.minor if asked_for is None else self.ledger.minor_of(asked_for, gift.currency)
        wrong = "amount is invalid" if minor is None else self.ledger.refund(gift, minor)
        if wrong:
            return said(400, wrong)
        refunded = float(self.ledger.units(gift.refunded, gift.currency))
        return said(200, "Transaction refund initiated", {"status": "completed", "amount_refunded": refunded})


def said(status: int, message: str, data: Any = None) -> Answer:
    """Flutterwave's envelope."""
    return Answer(
        status, {"status": "success" if status < 400 else "error", "message": message, "data": data}
    )
