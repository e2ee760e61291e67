"""Paystack: JSON, hundredths (kobo), a reference that may be used once (paystack.com/docs/api).

Every currency is counted in hundredths, also those that have none: 100 for one XOF.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from integrations.clients.payments.provider import Account, Payment, Provider
from integrations.clients.payments.units import rescaled, restored
from integrations.errors import Problem

PAYER = "cutover@people.invalid"
PLACES = 2  # digits behind the point, whatever the currency


class Paystack(Provider):
    """Payments are transactions."""

    name, read_path = "paystack", "/balance"

    def understood(self, body: Mapping[str, Any]) -> Account:
        """Only the key's prefix tells the mode here."""
        currencies = [str(one["currency"]) for one in body.get("data", [])]
        return Account(self.mode, f"balance in {', '.join(currencies) or 'no currency'}")

    def begin(self, reference: str, minor: int, currency: str, back: str) -> str:
        """A reference that was used is refused: what was begun before is not begun twice."""
        send = {
            "email": PAYER,
            "amount": rescaled(minor, currency, PLACES),
            "currency": currency,
            "reference": reference,
            "callback_url": back,
        }
        return str(self.post("/transaction/initialize", send=send)["data"]["authorization_url"])

    def look(self, reference: str) -> Payment | None:
        """An unknown reference is a 400 or 404 here, by the words of its answer."""
        try:
            found = self.get(f"/transaction/verify/{quote(reference, safe='')}")
        except Problem as problem:
            if "not found" in problem.what.lower():
                return None
            raise
        if found is None:
            return None
        data = found["data"]
        currency = str(data["currency"])
        return Payment(
            reference,
            str(data["id"]),
            paid=data["status"] in ("success", "reversed"),
            state=data["status"],
            minor=restored(int(data["amount"]), currency, PLACES),
            currency=currency,
            refunded=data["status"] == "reversed",
        )

    def refund(self, payment: Payment) -> str:
        """The whole of it; a second one is refused by Paystack."""
        return str(self.post("/refund", send={"transaction": payment.reference})["data"]["status"])
