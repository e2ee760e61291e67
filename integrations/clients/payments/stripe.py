"""Stripe: form-encoded, minor units, an Idempotency-Key for each write (docs.stripe.com/api)."""

from __future__ import annotations

import hmac
import secrets
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from integrations.clients.payments.mode import KeyMode
from integrations.clients.payments.provider import (
    TOTAL_UNKNOWN,
    Account,
    Payment,
    PaymentProvider,
    TooManyPayments,
    WebhookEndpoint,
)
from integrations.clients.payments.signature_variant import SignatureVariant
from integrations.clients.payments.units import minor_unit_digits, rescale_minor_units, restore_minor_units
from integrations.clients.payments.webhooks import hmac_hex
from integrations.drivers import driver
from integrations.errors import Problem
from integrations.json_answer import JsonAnswer

#: where Stripe counts otherwise than ISO 4217 (docs.stripe.com/currencies, “Special cases”)
PLACES = {"ISK": 2, "UGX": 2, "MGA": 0}
PAGE_SIZE = 100  # rows of a list in one answer, the most that Stripe gives
MOST_PAGES = 20  # of the list of webhook endpoints
ENDPOINTS_UNKNOWN = "Which hosts it calls is not known."


@driver("payments", "stripe", summary="its API", dashboard="dashboard.stripe.com, Developers, Webhooks")
class StripeProvider(PaymentProvider):
    """Payments are checkout sessions; our reference is their ``client_reference_id``."""

    read_path = "/balance"
    signature_lifetime = 300  # the tolerance of Stripe's own libraries
    webhook_signature = "stripe-signature (t=…,v1=HMAC-SHA256 of the time and the body)"
    key_prefixes = {
        "sk_test_": KeyMode.TEST,
        "rk_test_": KeyMode.TEST,
        "sk_live_": KeyMode.LIVE,
        "rk_live_": KeyMode.LIVE,
    }

    def parse_account(self, body: JsonAnswer) -> Account:
        """The currencies of the balance; ``livemode`` tells the mode."""
        live, available = body.find("livemode"), body.find("available")
        mode = KeyMode.UNKNOWN
        if live and isinstance(live.value, bool):
            mode = KeyMode.LIVE if live.value else KeyMode.TEST
        balances = available.items() if available else []
        currencies = sorted({one.at("currency").text().upper() for one in balances})
        return Account(mode, f"balance in {', '.join(currencies) or 'no currency'}")

    def create_checkout(self, reference: str, minor: int, currency: str, back: str) -> str:
        """Creates a checkout session; the same Idempotency-Key gives the same session again."""
        item = "line_items[0]"
        form = {
            "mode": "payment",
            "client_reference_id": reference,
            "success_url": back,
            "cancel_url": back,
            f"{item}[quantity]": "1",
            f"{item}[price_data][currency]": currency.lower(),
            f"{item}[price_data][unit_amount]": str(to_stripe_amount(minor, currency)),
            f"{item}[price_data][product_data][name]": "Cutover test payment",
        }
        made = self.post("/checkout/sessions", form=form, headers={"Idempotency-Key": reference})
        return self.answer_text(made, "url")

    def find_payment(self, reference: str) -> Payment | None:
        """Searches the newest hundred sessions: Stripe cannot look one up by our reference."""
        with self.reading():
            found = self.get("/checkout/sessions?limit=100")
            sessions = JsonAnswer(found).at("data").items() if found is not None else []
            mine = [one for one in sessions if one.object().get("client_reference_id") == reference]
            return self._read_payment(reference, mine[0]) if mine else None

    def _read_payment(self, reference: str, session: JsonAnswer) -> Payment:
        currency, state = session.at("currency").text().upper(), session.at("payment_status").text()
        intent = session.find("payment_intent")
        identity = intent.text() if intent else ""
        return Payment(
            reference,
            identity,
            paid=state == "paid",
            state=state,
            minor=restore_minor_units(session.at("amount_total").whole(), currency, _places(currency)),
            currency=currency,
            refunded=bool(identity) and self._is_refunded(identity),
        )

    def _is_refunded(self, intent: str) -> bool:
        found = self.get(f"/refunds?payment_intent={quote(intent, safe='')}&limit=1")
        refunds = JsonAnswer(found).at("data").items() if found is not None else []
        return "succeeded" in [one.at("status").text() for one in refunds]

    def refund(self, payment: Payment) -> str:
        """Refunds the whole payment."""
        key = {"Idempotency-Key": f"refund-{payment.reference}"}
        made = self.post("/refunds", form={"payment_intent": payment.identity}, headers=key)
        return self.answer_text(made, "status")

    def read_total(self, since: datetime) -> dict[str, Decimal]:
        """Sums the charges without refunds, newest first, in the currency that the payer paid in."""
        sums: dict[str, Decimal] = defaultdict(Decimal)
        query: dict[str, Any] = {"limit": PAGE_SIZE, "created[gte]": int(since.timestamp())}
        for _ in range(self.total_pages):
            with self.reading(TOTAL_UNKNOWN):
                page = JsonAnswer(self.read_page("/charges", **query))
                charges = page.at("data").items()
                for charge in charges:
                    if charge.at("paid").flag() and charge.at("created").whole() >= int(since.timestamp()):
                        currency = charge.at("currency").text().upper()
                        refunded = charge.find("amount_refunded")
                        kept = charge.at("amount").whole() - (refunded.whole() if refunded else 0)
                        sums[currency] += Decimal(kept).scaleb(-_places(currency))
                if not page.at("has_more").flag():
                    return dict(sums)
                query["starting_after"] = charges[-1].at("id").text()
        read = self.total_pages * PAGE_SIZE
        raise TooManyPayments(f"more than {read} charges since the watch began: they were not summed")

    def list_webhook_endpoints(self) -> list[WebhookEndpoint]:
        """Every endpoint, by ``GET /v1/webhook_endpoints``, page by page. Raises `Problem`."""
        found: list[WebhookEndpoint] = []
        after = ""
        for _ in range(MOST_PAGES):
            with self.reading(ENDPOINTS_UNKNOWN):
                page = JsonAnswer(self.get(f"/webhook_endpoints?limit={PAGE_SIZE}{after}"))
                rows = page.at("data").items()
                found += [_endpoint(row) for row in rows]
                if not page.at("has_more").flag() or not rows:
                    return found
            after = f"&starting_after={quote(found[-1].identity, safe='')}"
        raise _unreadable_endpoints(f"it has more than {PAGE_SIZE * MOST_PAGES} addresses")

    @classmethod
    def webhook_event(cls, mark: str) -> dict[str, Any]:
        """A checkout session that expired."""
        return {
            "id": f"evt_{mark}",
            "object": "event",
            "type": "checkout.session.expired",
            "data": {
                "object": {
                    "id": f"cs_{mark}",
                    "object": "checkout.session",
                    "client_reference_id": mark,
                    "payment_status": "unpaid",
                    "status": "expired",
                }
            },
        }

    @classmethod
    def paid_event(cls, reference: str, minor: int, currency: str) -> dict[str, Any]:
        """A checkout session that was paid; ``reference`` is its id."""
        session = {
            "id": reference,
            "object": "checkout.session",
            "amount_total": to_stripe_amount(minor, currency),
            "currency": currency.lower(),
            "payment_intent": f"pi_of_{reference}",
            "payment_status": "paid",
            "status": "complete",
        }
        return {
            "id": f"evt_of_{reference}",
            "object": "event",
            "type": "checkout.session.completed",
            "data": {"object": session},
        }

    @classmethod
    def unpaid_event(cls, reference: str) -> dict[str, Any]:
        """The same session, expired."""
        session = {"id": reference, "payment_status": "unpaid", "status": "expired"}
        event = {"id": f"evt_expired_{reference}", "object": "event", "type": "checkout.session.expired"}
        return {**event, "data": {"object": {**session, "object": "checkout.session"}}}

    @classmethod
    def sign_webhook(cls, body: bytes, secret: str, at: int) -> dict[str, str]:
        """HMAC-SHA256 of the time and the body (docs.stripe.com/webhooks/signature)."""
        return {"stripe-signature": f"t={at},v1={hmac_hex(secret, b'%d.%b' % (at, body), 'sha256')}"}

    @classmethod
    def signature_variants(cls, body: bytes, secret: str, at: int) -> list[SignatureVariant]:
        """Several signatures, and another scheme (docs.stripe.com/webhooks/signature)."""
        right = hmac_hex(secret, b"%d.%b" % (at, body), "sha256")
        other = secrets.token_hex(32)  # an API logs what it refuses: nothing made of the true secret
        return [
            SignatureVariant(
                "signed with several signatures",
                {"stripe-signature": f"t={at},v1={other},v1={right},v0={other}"},
                "Stripe sends several v1 while a secret is rotated, and v0 for test keys: one v1 that fits "
                "is enough.",
            ),
            SignatureVariant(
                "signed with v0 only",
                {"stripe-signature": f"t={at},v0={right}"},
                "Only v1 is a scheme of live events: ignore all others.",
                accepted=False,
            ),
        ]

    @classmethod
    def verify_webhook(cls, body: bytes, headers: Mapping[str, str], secret: str, now: float) -> bool:
        """Whether one of the signatures is right and its time within `signature_lifetime`."""
        parts = [part.partition("=") for part in headers.get("stripe-signature", "").split(",")]
        times = [value for name, _, value in parts if name == "t" and value.isdecimal()]
        if not times or abs(now - int(times[0])) > cls.signature_lifetime:
            return False
        wanted = hmac_hex(secret, times[0].encode() + b"." + body, "sha256")
        return any(hmac.compare_digest(wanted, value) for name, _, value in parts if name == "v1")


def _places(currency: str) -> int:
    return PLACES.get(currency, minor_unit_digits(currency))


def to_stripe_amount(minor: int, currency: str) -> int:
    """Minor units of ISO 4217 as Stripe counts them. Raises `Problem` for an amount that Stripe refuses."""
    places = _places(currency)
    if places == 3 and minor % 10:
        raise Problem(
            f"Stripe takes no {minor} of {currency}: its last digit has to be 0.",
            means="Stripe counts thousandths of it, and settles hundredths. Nothing was sent.",
            next="Take minor: a multiple of ten.",
        )
    return rescale_minor_units(minor, currency, places)


def _endpoint(row: JsonAnswer) -> WebhookEndpoint:
    events = row.find("enabled_events")
    return WebhookEndpoint(
        row.at("url").text(),
        row.at("status").text(),
        row.at("id").text(),
        tuple(one.text() for one in events.items()) if events else (),
    )


def _unreadable_endpoints(why: str) -> Problem:
    return Problem(
        f"Stripe's list of webhook addresses cannot be read: {why}.",
        means=ENDPOINTS_UNKNOWN,
        next="Look into dashboard.stripe.com, Developers, Webhooks.",
    )
