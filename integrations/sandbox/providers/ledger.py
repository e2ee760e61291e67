"""The payments that a stand-in knows, and the page on which a person pays one."""

from __future__ import annotations

import html
import itertools
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from urllib.parse import quote

from integrations.sandbox.serving import Answer, Asked

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{provider}: test checkout</title>
<h1>{provider}, test mode</h1><p>{amount} {currency} for {reference}</p>
<form method="post" action="{action}"><button name="pay" value="yes">Pay with the test card</button></form>
</html>"""
PAID = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Paid</title><h1>Paid</h1></html>"""


@dataclass
class Gift:
    """One payment: ``minor``, its amount as this provider counts it, and how far it has come."""

    number: int
    reference: str
    minor: int
    currency: str
    paid: bool = False
    refunded: int = 0
    refunded_at: float = 0.0
    key: str = ""  # the idempotency key it was made with
    made_at: float = field(default_factory=time.time)


@dataclass
class Ledger:
    """Payments by reference; every change under one lock."""

    provider: str
    currencies: Mapping[str, int]  # each with the digits that this provider counts behind the point
    gifts: dict[str, Gift] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1001))

    def units(self, minor: int, currency: str) -> Decimal:
        """So many whole units of the currency."""
        return Decimal(minor).scaleb(-self.currencies[currency])

    def minor_of(self, amount: object, currency: object) -> int | None:
        """Whole units as they are counted here; None for what is no amount, is finer, or for a currency that
        is not taken."""
        if not isinstance(currency, str) or currency not in self.currencies:
            return None
        try:
            exact = Decimal(str(amount)).scaleb(self.currencies[currency])
            return int(exact) if exact == int(exact) else None
        except (ArithmeticError, ValueError):
            return None

    def make(self, reference: str, minor: int, currency: str, key: str = "") -> Gift | None:
        """A new payment; None when the reference is taken."""
        with self.lock:
            if reference in self.gifts:
                return None
            self.gifts[reference] = Gift(next(self.numbers), reference, minor, currency, key=key)
            return self.gifts[reference]

    def refund(self, gift: Gift, minor: int) -> str:
        """Gives back so much; a sentence when it cannot be."""
        with self.lock:
            if not gift.paid:
                return "Transaction has not been paid"
            if minor <= 0 or gift.refunded + minor > gift.minor:
                return "Refund amount is more than what is left of the transaction"
            gift.refunded += minor
            gift.refunded_at = time.time()
            return ""

    def checkout(self, asked: Asked) -> Answer:
        """The page at ``/checkout/REFERENCE``; a POST of its form pays."""
        gift = self.gifts.get(asked.path.rpartition("/")[2])
        if gift is None:
            return Answer(404, "<h1>No such payment</h1>")
        if asked.method == "POST" and asked.form().get("pay") == "yes":
            gift.paid = True
        if gift.paid:
            return Answer(200, PAID)
        page = PAGE.format(
            provider=html.escape(self.provider),
            amount=self.units(gift.minor, gift.currency),
            currency=html.escape(gift.currency),
            reference=html.escape(gift.reference),
            action=quote(gift.reference),
        )
        return Answer(200, page)

    def link(self, asked: Asked, reference: str) -> str:
        """The checkout page's address, at the host that was asked."""
        return f"http://{asked.headers.get('host', '127.0.0.1')}/{self.provider}/checkout/{quote(reference)}"
