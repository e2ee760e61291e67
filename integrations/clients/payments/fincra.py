"""Fincra: JSON, whole units, the key in the header ``api-key`` (docs.fincra.com)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from integrations.clients.payments.mode import Mode
from integrations.clients.payments.provider import Account, Payment, Provider
from integrations.clients.payments.units import major
from integrations.clients.payments.units import minor as minor_of
from integrations.errors import Problem

PAYER = {"name": "Cutover Test", "email": "cutover@people.invalid"}


class Fincra(Provider):
    """Payments are checkouts with a reference of ours. A key's mode shows in the host that takes it."""

    name, read_path = "fincra", "/profile/business/me"
    refunds = False  # documented for its dashboard only

    @property
    def mode(self) -> Mode:
        """The sandbox has a host of its own; at any other place only the provider could tell."""
        host = urlsplit(self.system["url"]).hostname or ""
        if host == "api.fincra.com":
            return Mode.LIVE
        return Mode.TEST if host == "sandboxapi.fincra.com" else Mode.UNKNOWN

    def headers(self, key: str) -> dict[str, str]:
        """No bearer here."""
        business = self.system.get("business")
        return {"api-key": key, **({"x-business-id": business} if business else {})}

    def understood(self, body: Mapping[str, Any]) -> Account:
        """The business that the key belongs to; its ``mode`` where the answer has one."""
        data = body.get("data") or {}
        said = {"test": Mode.TEST, "live": Mode.LIVE}.get(str(data.get("mode", "")), self.mode)
        return Account(said, f"business {data.get('name', 'without a name')}")

    def begin(self, reference: str, minor: int, currency: str, back: str) -> str:
        """A reference that was used is refused."""
        send = {
            "amount": major(minor, currency),
            "currency": currency,
            "reference": reference,
            "redirectUrl": back,
            "customer": PAYER,
            "paymentMethods": ["card"],
        }
        return str(self.post("/checkout/payments", send=send)["data"]["link"])

    def look(self, reference: str) -> Payment | None:
        """By our reference."""
        found = self.get(f"/checkout/payments/merchant-reference/{quote(reference, safe='')}")
        if found is None:
            return None
        data = found["data"]
        return Payment(
            reference,
            str(data.get("chargeReference") or data.get("reference", "")),
            paid=data["status"] == "success",
            state=data["status"],
            minor=minor_of(data["amount"], str(data["currency"])),
            currency=str(data["currency"]),
            refunded=data.get("refunded") is True,
        )

    def refund(self, payment: Payment) -> str:
        """Fincra documents no refund by API: a person gives it back in the dashboard."""
        raise Problem(
            "Fincra gives money back only in its dashboard.",
            means=f"The test payment {payment.reference} stays paid until somebody does.",
            next="Open the payment in Fincra's dashboard and refund it there.",
        )
