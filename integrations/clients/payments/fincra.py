"""Fincra: JSON, major units, the key in the header ``api-key`` (docs.fincra.com)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit

from integrations.clients.payments.mode import KeyMode
from integrations.clients.payments.provider import TEST_PAYER, Account, Payment, PaymentProvider
from integrations.clients.payments.units import to_major_units, to_minor_units
from integrations.clients.payments.webhooks import hmac_hex
from integrations.drivers import driver
from integrations.errors import Problem
from integrations.json_answer import JsonAnswer


@driver(
    "payments",
    "fincra",
    summary="its API",
    settings={"business": "the business id, where the key serves several"},
    public=("business",),
    dashboard="app.fincra.com, Settings, API Keys & Webhooks",
)
class FincraProvider(PaymentProvider):
    """Payments are checkouts with our reference. The host tells a key's mode, its prefix does not."""

    read_path = "/profile/business/me"
    refunds = False  # documented for its dashboard only
    webhook_signature = "the header signature (HMAC-SHA512)"
    signs_raw_body = False  # it documents the hash of the payload as JSON.stringify writes it

    @property
    def mode(self) -> KeyMode:
        """By host: test and live have one each. For any other host only the provider knows."""
        host = urlsplit(self.system["url"]).hostname or ""
        if host == "api.fincra.com":
            return KeyMode.LIVE
        return KeyMode.TEST if host == "sandboxapi.fincra.com" else KeyMode.UNKNOWN

    def headers(self, key: str) -> dict[str, str]:
        """The key in a header of its own, with the business where the runbook names one."""
        business = self.system.get("business")
        return {"api-key": key, **({"x-business-id": business} if business else {})}

    def parse_account(self, body: JsonAnswer) -> Account:
        """The business that the key belongs to, and its ``mode`` where the answer has one."""
        data = body.find("data") or JsonAnswer({})
        said, name = data.find("mode"), data.find("name")
        mode = {"test": KeyMode.TEST, "live": KeyMode.LIVE}.get(said.text() if said else "", self.mode)
        return Account(mode, f"business {name.text() if name else 'without a name'}")

    def create_checkout(self, reference: str, minor: int, currency: str, back: str) -> str:
        """Creates a checkout; Fincra refuses a reference that was used before."""
        send = {
            "amount": to_major_units(minor, currency),
            "currency": currency,
            "reference": reference,
            "redirectUrl": back,
            "customer": {"name": "Cutover Test", "email": TEST_PAYER},
            "paymentMethods": ["card"],
        }
        return self.answer_text(self.post("/checkout/payments", send=send), "data", "link")

    def find_payment(self, reference: str) -> Payment | None:
        """The checkout with our reference."""
        found = self.get(f"/checkout/payments/merchant-reference/{quote(reference, safe='')}")
        if found is None:
            return None
        with self.reading():
            data = JsonAnswer(found).at("data")
            currency, state = data.at("currency").text(), data.at("status").text()
            identity, refunded = data.find("chargeReference") or data.find("reference"), data.find("refunded")
            return Payment(
                reference,
                identity.name() if identity else "",
                paid=state == "success",
                state=state,
                minor=to_minor_units(data.at("amount").decimal(), currency),
                currency=currency,
                refunded=refunded.flag() if refunded else False,
            )

    def refund(self, payment: Payment) -> str:
        """Always raises `Problem`: Fincra documents no refund by API, only in its dashboard."""
        raise Problem(
            "Fincra gives money back only in its dashboard.",
            means=f"The test payment {payment.reference} stays paid until somebody does.",
            next="Open the payment in Fincra's dashboard and refund it there.",
        )

    @classmethod
    def webhook_event(cls, mark: str) -> dict[str, Any]:
        """A failed charge (docs.fincra.com/docs/charges-webhook)."""
        data = {"chargeReference": f"fcr-{mark}", "reference": mark, "status": "failed", "type": "card"}
        return {"event": "charge.failed", "data": data}

    @classmethod
    def paid_event(cls, reference: str, minor: int, currency: str) -> dict[str, Any]:
        """A charge that succeeded (docs.fincra.com/docs/charges-webhook)."""
        amount = float(to_major_units(minor, currency))
        data = {"chargeReference": f"fcr-{reference}", "reference": reference, "status": "success"}
        return {"event": "charge.successful", "data": {**data, "amount": amount, "currency": currency}}

    @classmethod
    def sign_webhook(cls, body: bytes, secret: str, at: int) -> dict[str, str]:
        """HMAC-SHA512 of the body (docs.fincra.com/docs/validating-webhook)."""
        return {"signature": hmac_hex(secret, body, "sha512")}
