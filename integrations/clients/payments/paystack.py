"""Paystack: JSON, hundredths (kobo), a reference that can be used once (paystack.com/docs/api).

Paystack counts every currency in hundredths, also those that have none: 100 for one XOF.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from integrations.clients.payments.mode import KeyMode
from integrations.clients.payments.provider import TEST_PAYER, TOTAL_UNKNOWN, Payment, PaymentProvider
from integrations.clients.payments.units import rescale_minor_units, restore_minor_units
from integrations.clients.payments.webhooks import hmac_hex
from integrations.drivers import driver
from integrations.errors import Problem
from integrations.json_answer import JsonAnswer

PLACES = 2  # decimal places, whatever the currency


@driver(
    "payments",
    "paystack",
    summary="its API",
    dashboard="dashboard.paystack.com, Settings, API Keys & Webhooks",
)
class PaystackProvider(PaymentProvider):
    """Payments are transactions, found by our reference."""

    read_path = "/balance"
    webhook_key = "secret_key"  # Paystack gives no separate secret for webhooks
    webhook_signature = "x-paystack-signature (HMAC-SHA512 with the secret key)"
    key_prefixes = {"sk_test_": KeyMode.TEST, "sk_live_": KeyMode.LIVE}

    def create_checkout(self, reference: str, minor: int, currency: str, back: str) -> str:
        """Initializes a transaction; Paystack refuses a reference that was used before."""
        send = {
            "email": TEST_PAYER,
            "amount": rescale_minor_units(minor, currency, PLACES),
            "currency": currency,
            "reference": reference,
            "callback_url": back,
        }
        return self.answer_text(self.post("/transaction/initialize", send=send), "data", "authorization_url")

    def find_payment(self, reference: str) -> Payment | None:
        """Verifies a transaction. An unknown reference is a 404, or a 400 that says “not found”."""
        try:
            found = self.get(f"/transaction/verify/{quote(reference, safe='')}")
        except Problem as problem:
            if "not found" in problem.what.lower():
                return None
            raise
        if found is None:
            return None
        with self.reading():
            data = JsonAnswer(found).at("data")
            currency, state = data.at("currency").text(), data.at("status").text()
            return Payment(
                reference,
                data.at("id").name(),
                paid=state in ("success", "reversed"),
                state=state,
                minor=restore_minor_units(data.at("amount").whole(), currency, PLACES),
                currency=currency,
                refunded=state == "reversed",
            )

    def refund(self, payment: Payment) -> str:
        """Refunds the whole payment; Paystack refuses a second refund."""
        made = self.post("/refund", send={"transaction": payment.reference})
        return self.answer_text(made, "data", "status")

    def read_total(self, since: datetime) -> dict[str, Decimal]:
        """Reads ``/transaction/totals``, which counts in hundredths for every currency."""
        begin, end = (at.isoformat(timespec="milliseconds") for at in (since, datetime.now(UTC)))
        found = JsonAnswer(self.read_page("/transaction/totals", **{"from": begin, "to": end}))
        with self.reading(TOTAL_UNKNOWN):
            volumes = found.at("data", "total_volume_by_currency").items()
            sums = {one.at("currency").text().upper(): one.at("amount").decimal() for one in volumes}
        return {currency: amount.scaleb(-PLACES) for currency, amount in sums.items() if amount}

    @classmethod
    def webhook_event(cls, mark: str) -> dict[str, Any]:
        """A refund that failed: Paystack sends no event of a charge that failed."""
        data = {"status": "failed", "transaction_reference": mark, "refund_reference": mark, "domain": "test"}
        return {"event": "refund.failed", "data": data}

    @classmethod
    def paid_event(cls, reference: str, minor: int, currency: str) -> dict[str, Any]:
        """A charge that succeeded (paystack.com/docs/payments/webhooks)."""
        amount = rescale_minor_units(minor, currency, PLACES)
        data = {"domain": "test", "status": "success", "reference": reference, "amount": amount}
        return {"event": "charge.success", "data": {**data, "currency": currency}}

    @classmethod
    def sign_webhook(cls, body: bytes, secret: str, at: int) -> dict[str, str]:
        """HMAC-SHA512 of the body (paystack.com/docs/payments/webhooks)."""
        return {"x-paystack-signature": hmac_hex(secret, body, "sha512")}
