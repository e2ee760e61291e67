"""How a test payment is begun, confirmed and refunded: at the provider alone, or through an API."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from integrations import actions
from integrations.clients.payments import Payment, PaymentProvider
from integrations.clients.payments.gift_api import ApiGift, GiftApi, GiftRefused, GiftUnanswered
from integrations.clients.payments.units import format_amount
from integrations.errors import Problem

RETURN_URL = "https://example.org/"  # where the checkout leads afterwards; nothing has to answer there
MAY_HAVE_BEGUN = "Whether it began one all the same is not known."
UNREACHED = (
    "If its log says that the provider was not reached or refused the key: a rehearsal needs the provider's "
    "test host and test key, so the API has to read the provider's address from a setting."
)


class Checkout:
    """At the provider alone: proves the account and its key, and nothing of the API."""

    note = " The API was not asked: gifts: of this item names it."

    def __init__(self, provider: PaymentProvider, reference: str, minor: int, currency: str) -> None:
        self.provider, self.reference, self.minor, self.currency = provider, reference, minor, currency

    def begin(self) -> str:
        """Begins the payment, and gives the address of its page; "" where it was begun before."""
        if self.provider.find_payment(self.reference) is not None:
            return ""
        return self.provider.create_checkout(self.reference, self.minor, self.currency, RETURN_URL)

    def check_unpaid(self) -> str:
        """What is wrong before anybody has paid; "" for nothing."""
        return ""

    def confirm(self) -> str:
        """What is wrong once the provider has the money; "" for nothing."""
        return ""

    def refund(self, payment: Payment) -> str:
        """Refunds the whole payment; the word for the state of the refund. Raises `Problem`."""
        return self.provider.refund(payment)

    def cancel(self) -> str:
        """Leaves no gift behind that waits for its payment; says so where one is left."""
        return ""


class ApiCheckout(Checkout):
    """Through the API: it begins the payment, asks the provider whether it is paid, and refunds it."""

    note = ""

    def __init__(
        self, api: GiftApi, provider: PaymentProvider, reference: str, minor: int, currency: str
    ) -> None:
        super().__init__(provider, reference, minor, currency)
        self.api = api
        self.gift: ApiGift | None = None

    def begin(self) -> str:
        """As above. Raises `Problem` with the API's own words."""
        try:
            self.gift = self.api.begin(
                self.provider.name, self.reference, self.minor, self.currency, RETURN_URL
            )
        except GiftRefused as refused:
            is_known = not isinstance(refused, GiftUnanswered)
            raise Problem(
                f"The API did not begin a payment of {format_amount(self.minor, self.currency)} "
                f"with {self.provider.name} ({refused}).",
                means="Nobody could give money this way." if is_known else MAY_HAVE_BEGUN,
                next=UNREACHED,
            ) from None
        if not self.gift.address:
            raise Problem(
                "The API began a payment and gave no address of its page.",
                means="Nobody could pay it.",
                next="Check address: of the system under gifts:.",
            )
        return self.gift.address

    def check_unpaid(self) -> str:
        """The API must not call a gift paid for which nobody has paid. A refusal is right, too."""
        assert self.gift is not None
        try:
            seen = self.api.change(self.gift, "paid")
        except GiftUnanswered as said:
            return f"What the API makes of an unpaid gift is not known: it answered {said}."
        except GiftRefused:
            return ""
        if seen.status != self.api.word("paid"):
            return ""
        return (
            f"Before anybody paid, the API confirmed the gift as “{seen.status}”: it misreads what "
            f"{self.provider.name} says of an unpaid payment. Gifts would be booked for which no money came."
        )

    def confirm(self) -> str:
        """The API must find the payment paid."""
        assert self.gift is not None
        try:
            seen = self.api.change(self.gift, "paid")
        except GiftRefused as refused:
            return f"{self.provider.name} has the money, and the API could not confirm the gift ({refused})."
        if seen.status == self.api.word("paid"):
            return ""
        return f"{self.provider.name} has the money, and the gift is “{seen.status}” in the API."

    def refund(self, payment: Payment) -> str:
        """By the API, which asks the provider."""
        assert self.gift is not None
        try:
            return self.api.change(self.gift, "refunded").status
        except GiftRefused as refused:
            raise Problem(
                f"The API did not refund the payment ({refused}).",
                means=f"The test payment {self.reference} stays paid until somebody refunds it.",
                next="Refund it in the provider's dashboard, and look into the API's log.",
            ) from None

    def cancel(self) -> str:
        """Marks the gift as one that did not come about."""
        try:
            if self.gift is not None:
                self.api.change(self.gift, "cancelled")
        except GiftRefused as refused:
            assert self.gift is not None
            return f" The test gift {self.gift.id} was not cancelled ({refused}): set its status by hand."
        return ""


def compare_others(
    make: Callable[[str, int, str], Checkout],
    reference: str,
    amounts: Iterable[Mapping[str, Any]],
    report: actions.Report,
) -> str:
    """What is wrong with these amounts; each is begun, looked at, and cancelled."""
    for one in amounts:
        minor, currency = one["minor"], one["currency"]
        checkout = make(f"{reference}-{currency.lower()}", minor, currency)
        try:
            checkout.begin()
        except Problem as problem:
            return str(problem)
        booked, name = checkout.provider.find_payment(checkout.reference), checkout.provider.name
        left = checkout.cancel()
        asked = format_amount(minor, currency)
        if booked is None:
            report.log(f"{asked}: begun; {name} shows no payment before somebody pays: not compared")
        elif wrong := describe_wrong_amount(booked, minor, currency, "It was not paid."):
            return wrong + left
        else:
            report.log(f"{asked}: begun, and {name} asks for exactly that.{left}")
    return ""


def describe_wrong_amount(payment: Payment, minor: int, currency: str, after: str) -> str:
    """What is wrong with amount or currency; empty when both are right."""
    if (payment.minor, payment.currency) == (minor, currency):
        return ""
    return (
        f"Started with {minor} {currency} (minor units), booked were {payment.minor} {payment.currency}: the "
        f"units or the currency are wrong. {after}"
    )
