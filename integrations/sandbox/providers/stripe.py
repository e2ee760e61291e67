"""A stand-in for Stripe: form-encoded questions, minor units, idempotency keys, its own errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations.sandbox.providers import takings
from integrations.sandbox.providers.accepted_keys import AcceptedKeys
from integrations.sandbox.providers.ledger import Gift, Ledger
from integrations.sandbox.providers.stripe_endpoints import Endpoints
from integrations.sandbox.serving import Answer, Asked

CURRENCIES = {
    **dict.fromkeys(("usd", "eur", "gbp", "ghs", "ngn", "kes", "zar", "ugx", "isk"), 2),
    **dict.fromkeys(("jpy", "xof", "mga"), 0),
    **dict.fromkeys(("kwd", "tnd"), 3),
}
COARSE = {"ugx": 100, "isk": 100, "kwd": 10, "tnd": 10}  # amounts have to be multiples of this
#: The least amount in minor units. Stripe lists some (docs.stripe.com/currencies, “Minimum and maximum charge
#: amounts”); for others it is the equivalent of 0.50 USD.
LEAST = {
    "gbp": 30,
    "ngn": 75_000,
    "kes": 6_500,
    "ghs": 600,
    "zar": 900,
    "ugx": 190_000,
    "xof": 300,
    "mga": 2_300,
}
LEAST_OF_OTHERS = 50


class Stripe:
    """``/v1/balance``, checkout sessions, charges, refunds, and webhook endpoints."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.keys = AcceptedKeys("STRIPE", environ)
        self.ledger = Ledger("stripe", CURRENCIES)
        self.refunds: dict[str, dict[str, Any]] = {}
        self.endpoints = Endpoints(environ.get("STRIPE_ENDPOINTS_FILE", ""))

    def __call__(self, asked: Asked) -> Answer:
        """One question."""
        if asked.path.startswith("/checkout/"):
            return self.ledger.checkout(asked)
        if not self.keys.accept_bearer(asked.headers.get("authorization", "")):
            return refused(401, "Invalid API Key provided", "invalid_request_error")
        routes = {
            ("GET", "/v1/balance"): self.balance,
            ("POST", "/v1/checkout/sessions"): self.make,
            ("GET", "/v1/checkout/sessions"): self.sessions,
            ("POST", "/v1/refunds"): self.refund,
            ("GET", "/v1/refunds"): self.refunded,
            ("GET", "/v1/charges"): self.charges,
        }
        route = routes.get((asked.method, asked.path))
        if (
            route is None
            and asked.method == "GET"
            and asked.path.startswith("/v1/checkout/sessions/cs_test_")
        ):
            return self.session(asked)
        endpoint = self.endpoints(asked) if route is None else None
        if endpoint is not None:
            return endpoint
        if route is None:
            return refused(404, f"Unrecognized request URL ({asked.method}: {asked.path})")
        return route(asked)

    def balance(self, asked: Asked) -> Answer:
        """Never live."""
        amounts = [{"amount": 0, "currency": "usd", "source_types": {"card": 0}}]
        return Answer(200, {"object": "balance", "available": amounts, "livemode": False, "pending": []})

    def make(self, asked: Asked) -> Answer:
        """A checkout session; the same idempotency key with the same content gives the same one."""
        if "application/x-www-form-urlencoded" not in asked.headers.get("content-type", ""):
            return refused(400, "Invalid request (check that your POST content type is form encoded)")
        form, item = asked.form(), "line_items[0][price_data]"
        amount, currency = form.get(f"{item}[unit_amount]", ""), form.get(f"{item}[currency]", "")
        if form.get("mode") != "payment" or not form.get("success_url"):
            return refused(400, "Missing required param: success_url.")
        if currency not in CURRENCIES:
            return refused(400, f"Invalid currency: {currency}. Stripe takes small letters.")
        if not amount.isdecimal():
            return refused(400, f"Invalid integer: {amount}")
        if int(amount) < LEAST.get(currency, LEAST_OF_OTHERS):
            return refused(400, "The Checkout Session's total amount must convert to at least 50 cents.")
        if int(amount) % COARSE.get(currency, 1):
            return refused(400, f"Invalid amount: {currency} takes multiples of {COARSE[currency]}")
        reference, key = form.get("client_reference_id", ""), asked.headers.get("idempotency-key", "")
        gift = self.ledger.make(reference, int(amount), currency, key)
        if gift is None:
            gift = self.ledger.gifts[reference]
            if not key or gift.key != key:
                gift = self.ledger.make(f"{reference}-again", int(amount), currency, key) or gift
            elif (gift.minor, gift.currency) != (int(amount), currency):
                return refused(400, "Keys for idempotent requests can only be used with the same parameters")
        return Answer(200, self._session(gift, asked))

    def _session(self, gift: Gift, asked: Asked) -> dict[str, Any]:
        return {
            "id": f"cs_test_{gift.number}",
            "object": "checkout.session",
            "client_reference_id": gift.reference,
            "amount_total": gift.minor,
            "currency": gift.currency,
            "livemode": False,
            "payment_intent": f"pi_{gift.number}" if gift.paid else None,
            "payment_status": "paid" if gift.paid else "unpaid",
            "url": None if gift.paid else self.ledger.link(asked, gift.reference),
        }

    def session(self, asked: Asked) -> Answer:
        """One of them, by its id."""
        number = asked.path.rpartition("_")[2]
        gift = next((g for g in self.ledger.gifts.values() if str(g.number) == number), None)
        if gift is None:
            return refused(404, f"No such checkout.session: {asked.path.rpartition('/')[2]}")
        return Answer(200, self._session(gift, asked))

    def sessions(self, asked: Asked) -> Answer:
        """The newest first."""
        data = [self._session(gift, asked) for gift in reversed(self.ledger.gifts.values())]
        return Answer(200, {"object": "list", "data": data[:100], "has_more": len(data) > 100})

    def refund(self, asked: Asked) -> Answer:
        """By payment intent, once an idempotency key."""
        form, key = asked.form(), asked.headers.get("idempotency-key", "")
        if key and key in self.refunds:
            return Answer(200, self.refunds[key])
        intent = form.get("payment_intent", "")
        gift = next((g for g in self.ledger.gifts.values() if g.paid and f"pi_{g.number}" == intent), None)
        if gift is None:
            return refused(404, f"No such payment_intent: '{intent}'")
        wrong = self.ledger.refund(gift, int(form.get("amount", gift.minor - gift.refunded)))
        if wrong:
            return refused(400, wrong)
        made = {
            "id": f"re_{gift.number}_{len(self.refunds)}",
            "object": "refund",
            "amount": gift.minor,
            "currency": gift.currency,
            "payment_intent": intent,
            "status": "succeeded",
        }
        self.refunds[key or str(made["id"])] = made
        return Answer(200, made)

    def charges(self, asked: Asked) -> Answer:
        """What was paid, the newest first."""
        return Answer(200, takings.charges(self.ledger, asked))

    def refunded(self, asked: Asked) -> Answer:
        """Those of one payment intent."""
        wanted = asked.query.get("payment_intent")
        data = [one for one in self.refunds.values() if one["payment_intent"] == wanted]
        return Answer(200, {"object": "list", "data": data, "has_more": False})


def refused(status: int, message: str, kind: str = "invalid_request_error") -> Answer:
    """An error in Stripe's shape."""
    return Answer(status, {"error": {"message": message, "type": kind}})
