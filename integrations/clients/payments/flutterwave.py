"""Flutterwave v3: JSON, whole units, a tx_ref of our own (developer.flutterwave.com)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from integrations.clients.payments.provider import Account, Payment, Provider
from integrations.clients.payments.units import major
from integrations.clients.payments.units import minor as minor_of
from integrations.errors import Problem

PAYER = "cutover@people.invalid"


class Flutterwave(Provider):
    """Payments are transactions, found by our ``tx_ref``."""

    name, read_path = "flutterwave", "/balances"

    def understood(self, body: Mapping[str, Any]) -> Account:
        """Only the key's prefix tells the mode here."""
        currencies = [str(one["currency"]) for one in body.get("data", [])]
        return Account(self.mode, f"balance in {', '.join(currencies) or 'no currency'}")

    def begin(self, reference: str, minor: int, currency: str, back: str) -> str:
        """Amounts are whole units, with the decimals that the currency has."""
        send = {
            "tx_ref": reference,
            "amount": major(minor, currency),
            "currency": currency,
            "redirect_url": back,
            "customer": {"email": PAYER},
        }
        return str(self.post("/payments", send=send)["data"]["link"])

    def look(self, reference: str) -> Payment | None:
        """There is no transaction before somebody paid."""
        try:
            found = self.get(f"/transactions/verify_by_reference?tx_ref={quote(reference, safe='')}")
        except Problem as problem:
            if "no transaction" in problem.what.lower():
                return None
            raise
        if found is None:
            return None
        data = found["data"]
        currency = str(data["currency"])
        amount = minor_of(data["amount"], currency)
        return Payment(
            reference,
            str(data["id"]),
            paid=data["status"] == "successful",
            state=data["status"],
            minor=amount,
            currency=currency,
            refunded=minor_of(data.get("amount_refunded") or 0, currency) >= amount,
        )

    def refund(self, payment: Payment) -> str:
        """The whole of it, by Flutterwave's own id."""
        send = {"amount": major(payment.minor, payment.currency)}
        return str(self.post(f"/transactions/{payment.identity}/refund", send=send)["data"]["status"])
