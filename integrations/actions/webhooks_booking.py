"""Lets an event book a marked test gift, sees it in the database, and takes it back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from integrations.clients.payments.gift_api import ApiGift, GiftApi, GiftRefused
from integrations.clients.payments.units import format_amount
from integrations.clients.payments.webhook_probe import WebhookProbe
from integrations.clients.payments.webhooks import encode_event

BACK = "https://example.org/"  # where the checkout would lead back to; nobody opens it


@dataclass(frozen=True)
class BookingTest:
    """One provider's test gift. ``read_status`` reads the status of a gift from the database by its id."""

    probe: WebhookProbe
    api: GiftApi
    read_status: Callable[[str], str]

    def run(self, reference: str, amount: Mapping[str, Any]) -> list[str]:
        """What is wrong; empty when an event of an unpaid payment books nothing, and that of a paid one does.

        The gift is taken back at the end, whatever was wrong.
        """
        minor, currency = amount["minor"], amount["currency"]
        try:
            gift = self.api.begin(self.probe.system.driver(), reference, minor, currency, BACK)
        except GiftRefused as refused:
            return [
                f"The API did not begin a test gift of {format_amount(minor, currency)} ({refused}): it "
                "could not be shown that an event books one. A rehearsal has to reach the provider's test "
                "host."
            ]
        try:
            wrong = self._check(gift, minor, currency)
        except Exception:
            self._take_back(gift)
            raise
        return wrong + self._take_back(gift)

    def _check(self, gift: ApiGift, minor: int, currency: str) -> list[str]:
        provider = self.probe.provider
        self._send("unpaid gift", provider.unpaid_event(gift.reference))
        paid = self.api.word("paid")
        if self.read_status(gift.id) == paid:
            return [
                f"An event of a payment that nobody made booked its gift as “{paid}”: gifts would be booked "
                f"for which no money came. Compare the word of {self.probe.name} as a whole: “unpaid” is not "
                "“paid”."
            ]
        self._send("paid gift", provider.paid_event(gift.reference, minor, currency))
        status = self.read_status(gift.id)
        if status == paid:
            return self._repeat(gift, minor, currency)
        return [
            f"The event of a paid gift was answered with {self.probe.statuses['paid gift']}, and the gift is "
            f"“{status}” in the database instead of “{paid}”: gifts would be paid and not booked."
        ]

    def _repeat(self, gift: ApiGift, minor: int, currency: str) -> list[str]:
        """The same event again has to be taken, or the provider sends it for days, and may change nothing."""
        self._send("paid gift again", self.probe.provider.paid_event(gift.reference, minor, currency))
        answered, status = self.probe.statuses["paid gift again"], self.read_status(gift.id)
        if 200 <= answered < 300 and status == self.api.word("paid"):
            return []
        return [f"The same event again was answered with {answered}, and its gift is “{status}” then."]

    def _send(self, name: str, event: Mapping[str, Any]) -> None:
        self.probe.send(name, self.probe.sign(encode_event(event)))

    def _take_back(self, gift: ApiGift) -> list[str]:
        """What is wrong when the API does not set the gift to the state of one that did not come about."""
        try:
            after = self.api.change(gift, "cancelled").status
        except GiftRefused as refused:
            after = str(refused)
        if after == self.api.word("cancelled"):
            return []
        return [f"The test gift {gift.id} was not taken back ({after}): set its status by hand."]
