"""Takes a test payment from its beginning to its refund, through the provider itself."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django import forms

from integrations.actions import register
from integrations.actions.base import (
    Action,
    ActionForm,
    Effect,
    Finding,
    Outcome,
    Preview,
    Report,
    Seen,
    SystemField,
    Values,
)
from integrations.clients.payments import Busy, Mode, Payment, Provider, provider_of, refuse_wrong_mode
from integrations.clients.payments.units import shown
from integrations.errors import Problem, Unreachable

POLL, SELDOM = 0.5, 5.0  # seconds between two looks: at first, and after a while
SETTLING = 60.0  # seconds for a refund to show; Paystack only queues it
PATIENCE = 15 * 60  # seconds for a person to pay
BY_HAND = "It gives money back in its dashboard only: refund this test payment there."
BACK = "https://example.org/"  # where the checkout leads afterwards; nobody has to be there


@register
class PaymentsJourney(Action):
    """Test mode only: with a live key nothing is sent."""

    key, title = "payments.journey", "Take a test payment from beginning to refund"
    effect = Effect.AT_MOST_ONCE
    deadline = timedelta(minutes=30)

    class Params(ActionForm):
        """``provider``; ``minor``: the amount in minor units of ISO 4217 (default 10000); ``currency``
        (default that of the provider's system, else NGN); ``minutes``: how long a person has to pay
        (default 15)."""

        provider = SystemField(kind="payments")
        minor = forms.IntegerField(min_value=100, max_value=1_000_000, required=False)
        currency = forms.RegexField(r"[A-Z]{3}", required=False)
        minutes = forms.FloatField(min_value=0.01, max_value=25, required=False)

    def resource(self, params: Values) -> str:
        """One journey a provider at a time."""
        return f"payments:{params.provider.name}"

    def preview(self, params: Values) -> Preview:
        """The steps, and what a person has to do in between."""
        one, reference = _provider(params), _reference(params)
        amount = shown(_minor(params), _currency(params))
        lines = [
            f"Begin a test payment of {amount} with the reference {reference}.",
            "Somebody opens the address in the log and pays with the provider's test card.",
            "See it paid, with exactly this amount and currency.",
            "Refund it, and see it refunded.",
        ]
        return Preview(lines, where=f"{one.name} ({one.mode}) at {one.system['url']}")

    def before(self, params: Values) -> dict[str, Any]:
        """The reference by which a probe finds it."""
        return {"reference": _reference(params)}

    def run(self, params: Values, report: Report) -> Outcome:
        """Refused without test mode; a wrong amount, or a payment that nobody makes, is a verdict."""
        one, reference = _provider(params), _reference(params)
        _refuse_live(one, params)
        report.evidence(journey={"reference": reference, "provider": one.name})
        if one.look(reference) is None:
            address = one.begin(reference, _minor(params), _currency(params), BACK)
            report.log(f"Open in your browser: {address}")
        payment = _wait(one, reference, params, report)
        if payment is None or not payment.paid:
            return Outcome(
                False, f"Nobody paid within {_seconds(params) / 60:g} min: start it again, and pay."
            )
        report.evidence(journey={"provider": one.name, **asdict(payment)})
        report.log(f"Paid: {shown(payment.minor, payment.currency)}")
        wrong = _wrong(payment, params)
        if not one.refunds:
            return Outcome(not wrong, wrong or f"{one.name}: begun and paid. {BY_HAND}")
        said = one.refund(payment) if not payment.refunded else payment.state
        report.log(f"Refund: {said}")
        after = _settled(one, reference, report)
        report.evidence(journey={"provider": one.name, **asdict(after or payment), "refund": said})
        if wrong:
            return Outcome(False, wrong)
        if after is None or not after.refunded:
            return Outcome(
                False, f"{one.name} took the refund ({said}), but does not show it as refunded yet."
            )
        return Outcome(
            True, f"{one.name}: begun, paid and refunded, {shown(payment.minor, payment.currency)}."
        )

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """Asks the provider by the reference."""
        payment = _provider(params).look(before["reference"])
        if payment is None:
            return Finding(Seen.NOT_DONE, f"The provider knows no payment {before['reference']}.")
        facts = asdict(payment)
        if payment.refunded:
            return Finding(Seen.DONE, "It was paid and refunded.", facts)
        word = "paid, and not refunded" if payment.paid else f"begun ({payment.state})"
        return Finding(Seen.PARTIAL, f"It is {word}: refund it in the provider's dashboard.", facts)


def _provider(params: Values) -> Provider:
    return provider_of(params.provider, params.context.systems)


def _reference(params: Values) -> str:
    return f"cutover-{re.sub('[^0-9a-z]', '', params.context.attempt)[:24] or 'preview'}"


def _minor(params: Values) -> int:
    return params.minor or 10_000


def _currency(params: Values) -> str:
    return params.currency or params.provider.get("currency").upper() or "NGN"


def _seconds(params: Values) -> float:
    return float(params.minutes * 60) if params.minutes else PATIENCE


def _refuse_live(one: Provider, params: Values) -> None:
    refuse_wrong_mode(params.context.rehearsal, one.mode, one.system.name)
    mode = one.mode if one.mode != Mode.UNKNOWN else one.account().mode
    if mode != Mode.TEST:
        raise Problem(
            f"“{one.system.name}” is not in test mode ({mode}).",
            means="This would take and give back real money. Nothing was sent.",
            next="Do it in a rehearsal, with the provider's test key; here skip it with that reason.",
        )


def _wait(one: Provider, reference: str, params: Values, report: Report) -> Payment | None:
    """Until somebody paid or the time is over. A provider that is busy, down or silent for a moment ends no
    wait: whoever pays meanwhile would be left with a payment that nobody gives back."""
    until, began = time.monotonic() + _seconds(params), time.monotonic()
    while True:
        pause = min(SELDOM, POLL + (time.monotonic() - began) / 20)
        try:
            payment = one.look(reference)
            if (payment and payment.paid) or time.monotonic() > until:
                return payment
        except (Busy, Unreachable) as silence:
            if time.monotonic() > until:
                raise
            report.log(f"Not seen: {silence.what} Asking again.")
            pause = max(pause, getattr(silence, "seconds", SELDOM))
        report.raise_if_cancelled()
        left = max(0.0, until - time.monotonic())
        report.progress(
            time.monotonic() - began, _seconds(params), f"waiting for somebody to pay, {left:.0f} s left"
        )
        _sleep(min(pause, left + POLL), report)


def _settled(one: Provider, reference: str, report: Report) -> Payment | None:
    """The payment once its refund shows, or as it stands when that takes too long."""
    until = time.monotonic() + SETTLING
    while True:
        payment = one.look(reference)
        if (payment and payment.refunded) or time.monotonic() > until:
            return payment
        _sleep(POLL, report)


def _sleep(seconds: float, report: Report) -> None:
    """In short naps, so that a cancel does not wait."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(min(POLL, max(0.0, until - time.monotonic())))
        report.raise_if_cancelled()


def _wrong(payment: Payment, params: Values) -> str:
    if (payment.minor, payment.currency) == (_minor(params), _currency(params)):
        return ""
    return (
        f"Begun were {_minor(params)} {_currency(params)} (minor units), paid are {payment.minor} "
        f"{payment.currency}: the units or the currency are wrong. It was refunded."
    )
