"""Stripe: form-encoded, minor units, an Idempotency-Key for each write (docs.stripe.com/api)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations.clients.payments.mode import Mode
from integrations.clients.payments.provider import Account, Payment, Provider


class Stripe(Provider):
    """Payments are checkout sessions; our reference is their ``client_reference_id``."""

    name, read_path = "stripe", "/balance"

    def understood(self, body: Mapping[str, Any]) -> Account:
        """``livemode`` says which kind of key it is."""
        mode = Mode.LIVE if body.get("livemode") else Mode.TEST
        currencies = sorted({str(one["currency"]).upper() for one in body.get("available", [])})
        return Account(mode, f"balance in {', '.join(currencies) or 'no currency'}")

    def begin(self, reference: str, minor: int, currency: str, back: str) -> str:
        """The same key gives the same session, however often it is sent."""
        item = "line_items[0]"
        form = {
            "mode": "payment",
            "client_reference_id": reference,
            "success_url": back,
            "cancel_url": back,
            f"{item}[quantity]": "1",
            f"{item}[price_data][currency]": currency.lower(),
            f"{item}[price_data][unit_amount]": str(minor),
            f"{item}[price_data][product_data][name]": "Cutover test payment",
        }
        made = self.post("/checkout/sessions", form=form, headers={"Idempotency-Key": reference})
        return str(made["url"])

    def look(self, reference: str) -> Payment | None:
        """The newest hundred sessions are looked through: Stripe finds none by reference."""
        found = self.get("/checkout/sessions?limit=100") or {}
        mine = [s for s in found.get("data", []) if s.get("client_reference_id") == reference]
        if not mine:
            return None
        session = mine[0]
        intent = str(session.get("payment_intent") or "")
        refunds = self.get(f"/refunds?payment_intent={intent}&limit=1") if intent else None
        return Payment(
            reference,
            intent,
            paid=session["payment_status"] == "paid",
            state=session["payment_status"],
            minor=int(session["amount_total"]),
            currency=str(session["currency"]).upper(),
            refunded=bool(refunds and any(r["status"] == "succeeded" for r in refunds["data"])),
        )

    def refund(self, payment: Payment) -> str:
        """The whole of it."""
        key = {"Idempotency-Key": f"refund-{payment.reference}"}
        return str(self.post("/refunds", form={"payment_intent": payment.identity}, headers=key)["status"])
