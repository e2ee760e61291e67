"""What the new API asks of the payment providers to begin, verify and refund a gift, as it was recorded.

`customer/api.json`, “donation_providers”. Each defect is shown until its repair is applied: `repairs.yaml`.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from integrations.clients.http import HttpClient
from integrations.clients.payments.units import minor_unit_digits
from integrations.sandbox.repairs import AppliedRepairs

#: The addresses that the customer's code holds. They lead across the internet, so nothing is sent there.
FIXED = {
    "stripe": "https://api.stripe.com/v1",
    "paystack": "https://api.paystack.co",
    "fincra": "https://api.fincra.com",
    "flutterwave": "https://api.flutterwave.com/v3",
}
#: what the metadata of a gift has to have, in the order in which it is asked for
NEEDED = {
    "stripe": ("email", "successUrl", "cancelUrl"),
    "paystack": ("email", "callbackUrl"),
    "fincra": ("email", "firstName", "lastName", "callbackUrl"),
    "flutterwave": ("email", "callbackUrl"),
}
NAMES = {
    "email": "an email",
    "firstName": "a first name",
    "lastName": "a last name",
    **{name: f"a {name}" for name in ("callbackUrl", "successUrl", "cancelUrl")},
}


class InvalidGift(Exception):
    """What is wrong with the request: the API answers 400."""


class ProviderFailure(Exception):
    """What the provider said, or why it was not reached: the API answers 502."""


@dataclass(frozen=True)
class GiftOrder:
    """A gift as the API hands it to a provider."""

    amount: float
    currency: str
    metadata: Mapping[str, Any]
    reference: str = ""
    transaction: str = ""


@dataclass(frozen=True)
class Begun:
    """A payment that the provider has begun."""

    reference: str
    address: str
    transaction: str
    facts: Mapping[str, Any]


class Payments:
    """One provider; ``environ`` has its key and, for the repaired API, its address."""

    def __init__(self, name: str, environ: Mapping[str, str], repairs: AppliedRepairs) -> None:
        self.name, self.environ, self.repairs = name, environ, repairs

    # ── begin ────────────────────────────────────────────────────────────────

    def begin(self, gift: GiftOrder) -> Begun:
        """Begins a payment. Raises `InvalidGift` and `ProviderFailure`."""
        if not self.environ.get(f"{self.name.upper()}_SECRET_KEY"):
            raise ProviderFailure(f"{self.name.capitalize()} secret key is not configured")
        for field in NEEDED[self.name]:
            if not str(gift.metadata.get(field) or "").strip():
                raise InvalidGift(f"{self.name.capitalize()} initialization requires {NAMES[field]}")
        begun: Begun = getattr(self, f"_begin_{self.name}")(gift, self._reference(gift))
        return begun

    def _reference(self, gift: GiftOrder) -> str:
        return str(gift.metadata.get("reference") or uuid.uuid4())

    def _begin_stripe(self, gift: GiftOrder, reference: str) -> Begun:
        item = "line_items[0]"
        form = {
            "mode": "payment",
            "success_url": gift.metadata["successUrl"],
            "cancel_url": gift.metadata["cancelUrl"],
            f"{item}[price_data][currency]": gift.currency.lower(),
            f"{item}[price_data][product_data][name]": "Donation",
            f"{item}[price_data][unit_amount]": str(self._units(gift)),
            f"{item}[quantity]": "1",
            "customer_email": gift.metadata["email"],
            "client_reference_id": reference,
        }
        session = self._ask("initialize", "/checkout/sessions", form=form)
        intent = session.get("payment_intent") or ""
        return Begun(session["id"], session["url"], intent, {"session": session})

    def _begin_paystack(self, gift: GiftOrder, reference: str) -> Begun:
        body = {
            "amount": self._units(gift),
            "currency": gift.currency,
            "email": gift.metadata["email"],
            "reference": reference,
            "callback_url": gift.metadata["callbackUrl"],
        }
        data = self._ask("initialize", "/transaction/initialize", send=body)["data"]
        return Begun(data["reference"], data["authorization_url"], _text(data.get("id")), {"response": data})

    def _begin_fincra(self, gift: GiftOrder, reference: str) -> Begun:
        given = gift.metadata
        customer = {"firstName": given["firstName"], "lastName": given["lastName"], "email": given["email"]}
        if self.repairs.has("fincra-payments"):
            name = f"{given['firstName']} {given['lastName']}"
            customer = {"name": name, "email": given["email"]}
        body = {
            "amount": f"{gift.amount:.2f}",
            "currency": gift.currency,
            "reference": reference,
            "customer": customer,
            "redirectUrl": given["callbackUrl"],
            "paymentType": "card",
            **({"country": given["country"]} if given.get("country") else {}),
        }
        data = self._ask("initialize", "/checkout/payments", send=body)["data"]
        return Begun(data.get("reference") or reference, data["link"], "", {"response": data})

    def _begin_flutterwave(self, gift: GiftOrder, reference: str) -> Begun:
        body = {
            "tx_ref": reference,
            "amount": f"{gift.amount:.2f}",
            "currency": gift.currency,
            "redirect_url": gift.metadata["callbackUrl"],
            "customer": {"email": gift.metadata["email"]},
            "payment_options": "card",
        }
        data = self._ask("initialize", "/payments", send=body)["data"]
        return Begun(reference, data["link"], "", {"response": data})

    # ── verify and refund ────────────────────────────────────────────────────

    def verify(self, gift: GiftOrder) -> tuple[str, str, dict[str, Any]]:
        """Status of the gift, the provider's id of the payment, and what the provider said."""
        reference = quote(gift.reference, safe="")
        path = {
            "stripe": f"/checkout/sessions/{reference}",
            "paystack": f"/transaction/verify/{reference}",
            "fincra": f"/checkout/payments/{reference}",
            "flutterwave": f"/transactions/{reference}/verify",
        }[self.name]
        if self.name == "fincra" and self.repairs.has("fincra-payments"):
            path = f"/checkout/payments/merchant-reference/{reference}"
        if self.name == "flutterwave" and self.repairs.has("flutterwave-ids"):
            path = f"/transactions/verify_by_reference?tx_ref={reference}"
        said = self._ask("verify", path)
        facts = said if self.name == "stripe" else said["data"]
        identity = facts.get("payment_intent") or facts.get("id")
        if self.name == "flutterwave" and self.repairs.has("flutterwave-ids"):
            identity = str(identity)
        return self._status(facts), _text(identity), facts

    def _status(self, facts: Mapping[str, Any]) -> str:
        word = str(facts.get("payment_status") or facts.get("status") or "").lower()
        if word == "unpaid" and self.repairs.has("stripe-unpaid"):
            return "pending"
        if "success" in word or (self.name == "stripe" and "paid" in word):
            return "completed"
        return next(
            (status for part, status in (("fail", "failed"), ("refund", "refunded")) if part in word),
            "pending",
        )

    def refund(self, gift: GiftOrder) -> dict[str, Any]:
        """What the provider said."""
        identity = quote(gift.transaction or gift.reference, safe="")
        if self.name == "stripe":
            form = {"payment_intent": gift.transaction or gift.reference, "amount": str(self._units(gift))}
            return self._ask("refund", "/refunds", form=form)
        if self.name == "paystack":
            body = {"transaction": gift.transaction or gift.reference, "amount": self._units(gift)}
            return self._ask("refund", "/refund", send=body)
        return self._ask("refund", f"/transactions/{identity}/refund", send={"amount": f"{gift.amount:.2f}"})

    def _units(self, gift: GiftOrder) -> int:
        """The amount times 100, whatever the currency; with the repair as Stripe counts the currency."""
        exact = self.name == "stripe" and self.repairs.has("zero-decimal")
        return round(gift.amount * 10.0 ** (minor_unit_digits(gift.currency.upper()) if exact else 2))

    def _ask(self, action: str, path: str, **sent: Any) -> dict[str, Any]:
        name, base = self.name.capitalize(), FIXED[self.name]
        if not self.repairs.has("provider-addresses"):
            raise ProviderFailure(f"{name} {action} request failed: fetch failed")
        base = self.environ[f"{self.name.upper()}_API_URL"]
        key = self.environ[f"{self.name.upper()}_SECRET_KEY"]
        headers = {"api-key": key} if self.name == "fincra" else {"Authorization": f"Bearer {key}"}
        reply = HttpClient([urlsplit(base).hostname or ""]).request(base, path, headers=headers, **sent)
        if not reply.ok:
            body = reply.body.decode(errors="replace")
            raise ProviderFailure(f"{name} {action} request failed with status {reply.status}: {body}")
        return dict(reply.json())


def _text(value: Any) -> str:
    """An id only when it is text: the API drops numbers."""
    return value if isinstance(value, str) else ""
