"""Flutterwave v3: JSON, major units, our own tx_ref (developer.flutterwave.com)."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from integrations.clients.payments.mode import KeyMode
from integrations.clients.payments.provider import (
    TEST_PAYER,
    TOTAL_UNKNOWN,
    Payment,
    PaymentProvider,
    TooManyPayments,
)
from integrations.clients.payments.units import to_major_units, to_minor_units
from integrations.drivers import driver
from integrations.errors import Problem
from integrations.json_answer import JsonAnswer


@driver(
    "payments",
    "flutterwave",
    summary="its API v3",
    dashboard="app.flutterwave.com, Settings, Webhooks",
)
class FlutterwaveProvider(PaymentProvider):
    """Payments are transactions, found by our ``tx_ref``."""

    read_path = "/balances"
    webhook_signature = "verif-hash (the secret hash itself)"
    signs_raw_body = False  # nothing of the body is signed
    key_prefixes = {"FLWSECK_TEST-": KeyMode.TEST, "FLWSECK-": KeyMode.LIVE}

    def create_checkout(self, reference: str, minor: int, currency: str, back: str) -> str:
        """Creates a payment link. Amounts are major units, with the decimals that the currency has."""
        send = {
            "tx_ref": reference,
            "amount": to_major_units(minor, currency),
            "currency": currency,
            "redirect_url": back,
            "customer": {"email": TEST_PAYER},
        }
        return self.answer_text(self.post("/payments", send=send), "data", "link")

    def find_payment(self, reference: str) -> Payment | None:
        """Verifies a transaction. Flutterwave has none before somebody paid."""
        try:
            found = self.get(f"/transactions/verify_by_reference?tx_ref={quote(reference, safe='')}")
        except Problem as problem:
            if "no transaction" in problem.what.lower():
                return None
            raise
        if found is None:
            return None
        with self.reading():
            data = JsonAnswer(found).at("data")
            currency, state = data.at("currency").text(), data.at("status").text()
            amount, refunded = (
                to_minor_units(data.at("amount").decimal(), currency),
                data.find("amount_refunded"),
            )
            return Payment(
                reference,
                data.at("id").name(),
                paid=state == "successful",
                state=state,
                minor=amount,
                currency=currency,
                refunded=to_minor_units(refunded.decimal() if refunded else 0, currency) >= amount,
            )

    def refund(self, payment: Payment) -> str:
        """Refunds the whole payment, by Flutterwave's own id."""
        send = {"amount": to_major_units(payment.minor, payment.currency)}
        made = self.post(f"/transactions/{quote(payment.identity, safe='')}/refund", send=send)
        return self.answer_text(made, "data", "status")

    def read_total(self, since: datetime) -> dict[str, Decimal]:
        """Sums the successful transactions of these days, without those before ``since``."""
        sums: dict[str, Decimal] = defaultdict(Decimal)
        days = {"from": since.date().isoformat(), "to": datetime.now(UTC).date().isoformat()}
        for number in range(1, self.total_pages + 1):
            page = JsonAnswer(self.read_page("/transactions", status="successful", page=number, **days))
            with self.reading(TOTAL_UNKNOWN):
                rows = page.at("data").items()
                for one in rows:
                    if one.at("created_at").moment() >= since:
                        sums[one.at("currency").text().upper()] += one.at("amount").decimal()
                pages = page.at("meta", "page_info", "total_pages").whole(1 if rows else 0)
            if number >= pages:
                return dict(sums)
        raise TooManyPayments(
            f"more than {self.total_pages} pages of transactions today: they were not summed"
        )

    @classmethod
    def webhook_event(cls, mark: str) -> dict[str, Any]:
        """A charge that ended as failed: Flutterwave calls it completed all the same."""
        return {"event": "charge.completed", "data": {"tx_ref": mark, "flw_ref": mark, "status": "failed"}}

    @classmethod
    def paid_event(cls, reference: str, minor: int, currency: str) -> dict[str, Any]:
        """A charge that succeeded (developer.flutterwave.com/docs/webhooks)."""
        amount = float(to_major_units(minor, currency))
        data = {"tx_ref": reference, "flw_ref": f"flw-{reference}", "status": "successful"}
        return {"event": "charge.completed", "data": {**data, "amount": amount, "currency": currency}}

    @classmethod
    def sign_webhook(cls, body: bytes, secret: str, at: int) -> dict[str, str]:
        """The secret itself, unhashed (developer.flutterwave.com/docs/webhooks)."""
        return {"verif-hash": secret}
