"""Stripe: form-encoded, minor units, an Idempotency-Key for each write (docs.stripe.com/api)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations.clients.payments.mode import Mode
from integrations.clients.payments.provider import Account, Payment, Provider
from integrations.clients.payments.units import digits, rescaled, restored
from integrations.errors import Problem

#: where Stripe counts otherwise than ISO 4217 (docs.stripe.com/currencies, “Special cases”)
PLACES = {"ISK": 2, "UGX": 2, "MGA": 0}


class Stripe(Provider):
    """Payments are checkout sessions; our reference is their ``client_reference_id``."""

    name, read_path = "stripe", "/balance"

    def understood(self, body: Mapping[str, Any]) -> Account:
        """``livemode`` says which kind of key it is."""
        live = body.get("livemode")
        mode = (Mode.LIVE if live else Mode.TEST) if isinstance(live, bool) else Mode.UNKNOWN
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
            f"{item}[price_data][unit_amount]": str(count(minor, currency)),
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
        currency = str(session["currency"]).upper()
        intent = str(session.get("payment_intent") or "")
        refunds = self.get(f"/refunds?payment_intent={intent}&limit=1") if intent else None
        return Payment(
            reference,
            intent,
            paid=session["payment_status"] == "paid",
            state=session["payment_status"],
            minor=restored(int(session["amount_total"]), currency, _places(currency)),
            currency=currency,
            refunded=bool(refunds and any(r["status"] == "succeeded" for r in refunds["data"])),
        )

    def refund(self, payment: Payment) -> str:
        """The whole of it."""
        key = {"Idempotency-Key": f"refund-{payment.reference}"}
        return str(self.post("/refunds", form={"payment_intent": payment.identity}, headers=key)["status"])


def _places(currency: str) -> int:
    return PLACES.get(currency, digits(currency))


def count(minor: int, currency: str) -> int:
    """As Stripe counts; of three decimals it wants the last one to be 0. Raises `Problem`."""
    places = _places(currency)
    if places == 3 and minor % 10:
        raise Problem(
            f"Stripe takes no {minor} of {currency}: its last digit has to be 0.",
            means="Stripe counts thousandths of it, and settles hundredths. Nothing was sent.",
            next="Take minor: a multiple of ten.",
        )
    return rescaled(minor, currency, places)
