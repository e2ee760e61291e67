"""Makes a test payment through the provider itself, from its start to its refund."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from typing import Any, TypedDict, cast

from django import forms

from integrations import actions
from integrations.actions.gift_fields import GiftApiField, signed_in_for_changes
from integrations.actions.payments_checkouts import (
    ApiCheckout,
    Checkout,
    compare_others,
    describe_wrong_amount,
)
from integrations.actions.payments_waiting import wait_until_paid, wait_until_refunded
from integrations.clients.http import HttpClient
from integrations.clients.payments import (
    KeyMode,
    Payment,
    PaymentProvider,
    get_payment_provider,
    refuse_wrong_mode,
)
from integrations.clients.payments.gift_api import GiftApi
from integrations.clients.payments.units import format_amount
from integrations.errors import Problem
from integrations.systems import System

DEFAULT_WAIT = 15 * 60.0  # seconds for a person to pay
DEFAULT_AMOUNT = 200_000  # minor units: 2000.00 NGN, above every provider's least amount
REFUND_BY_HAND = "It refunds in its dashboard only: refund this test payment there."


@dataclass(frozen=True)
class PaymentsJourneyParams(actions.ActionParams):
    """The provider, the amount, how long a person has to pay, and the API that begins the payment."""

    provider: System
    minor: int | None
    currency: str
    minutes: float | None
    gifts: System | None
    also: list[dict[str, Any]]
    api: System | None
    login: System | None

    @property
    def amount(self) -> int:
        """The amount in minor units of ISO 4217."""
        return self.minor or DEFAULT_AMOUNT

    @property
    def currency_code(self) -> str:
        """Three capital letters: the given currency, or that of the provider's system."""
        return self.currency or self.provider.get("currency").upper() or "NGN"

    @property
    def seconds(self) -> float:
        """How long a person has to pay."""
        return self.minutes * 60 if self.minutes else DEFAULT_WAIT

    @property
    def reference(self) -> str:
        """The reference of this attempt's payment, by which a probe finds it again."""
        return f"cutover-{re.sub('[^0-9a-z]', '', self.context.attempt)[:24] or 'preview'}"


class JourneyFacts(TypedDict, total=False):
    """The payment as far as it got: the fields of `Payment`, the word for the refund, and the id of the gift
    in the API."""

    provider: str
    reference: str
    identity: str
    paid: bool
    state: str
    minor: int
    currency: str
    refunded: bool
    refund: str
    gift: str


class PaymentsJourneyEvidence(TypedDict, total=False):
    """The test payment."""

    journey: JourneyFacts


@actions.register
class PaymentsJourney(actions.Action[PaymentsJourneyParams, PaymentsJourneyEvidence]):
    """Works in test mode only: with a live key nothing is sent."""

    key, title = "payments.journey", "Make a test payment and refund it"
    public_params = frozenset({"currency", "gifts", "also"})
    is_check = True
    effect = actions.Effect.AT_MOST_ONCE
    deadline = timedelta(minutes=30)

    class Params(actions.ActionForm):
        """``provider``; ``minor``: the amount in minor units of ISO 4217 (default 200000); ``currency``
        (default that of the provider's system, else NGN); ``minutes``: how long a person has to pay (default
        15); ``gifts``: the API that begins, confirms and refunds the payment, of kind gift_api (without it
        the provider alone is asked); ``also``: further amounts, each with minor and currency, that are begun
        and compared, and never paid; ``api`` and ``login``: where and as whom to sign in for changes of the
        gift, as ``sign_in`` of that system says."""

        provider = actions.SystemField(kind="payments")
        minor = forms.IntegerField(min_value=100, max_value=1_000_000, required=False)
        currency = forms.RegexField(r"[A-Z]{3}", required=False)
        minutes = forms.FloatField(min_value=0.01, max_value=25, required=False)
        gifts = GiftApiField(required=False)
        also = actions.JSONValueField(kind=list, required=False)
        api = actions.SystemField(kind="http", required=False)
        login = actions.SystemField(kind="login", required=False)

        def clean_also(self) -> list[dict[str, Any]]:
            """Amounts as those of ``minor`` and ``currency``."""
            for one in self.cleaned_data["also"]:
                if not isinstance(one, dict) or set(one) != {"minor", "currency"}:
                    raise forms.ValidationError("each needs minor: and currency:, nothing else.")
                if type(one["minor"]) is not int or not re.fullmatch("[A-Z]{3}", str(one["currency"])):
                    raise forms.ValidationError("minor: is a whole number, currency: three capital letters.")
            return list(self.cleaned_data["also"])

    def resource(self, params: PaymentsJourneyParams) -> str:
        """One test payment per provider at a time."""
        return f"payments:{params.provider.name}"

    def preview(self, params: PaymentsJourneyParams) -> actions.Preview:
        """The steps, and what a person has to do in between."""
        provider = _provider(params)
        amount = format_amount(params.amount, params.currency_code)
        begin = f"Let the API at {params.gifts['url']} begin" if params.gifts else "Begin at the provider"
        lines = [
            f"{begin} a test payment of {amount} with the reference {params.reference}.",
            "A person opens the address in the log and pays with the provider's test card.",
            "Check that it is paid, with exactly this amount and currency.",
            "Refund it, and check that it is refunded.",
        ]
        lines += [
            f"Begin {format_amount(one['minor'], one['currency'])} too, compare it there, and cancel it."
            for one in params.also
        ]
        return actions.Preview(lines, where=f"{provider.name} ({provider.mode}) at {provider.system['url']}")

    def before(self, params: PaymentsJourneyParams) -> dict[str, Any]:
        """The reference by which a probe finds the payment."""
        return {"reference": params.reference}

    def run(
        self, params: PaymentsJourneyParams, report: actions.RunReport[PaymentsJourneyEvidence]
    ) -> actions.Outcome:
        """Refused without test mode; a wrong amount, or a payment that nobody makes, is red."""
        provider = _provider(params)
        _refuse_live_mode(provider, params)
        report.evidence({"journey": {"reference": params.reference, "provider": provider.name}})
        with signed_in_for_changes(params.api, params.login) as headers:
            report.secret(*headers.values())
            return _begin_and_pay(partial(_checkout, provider, params, headers), params, report)

    def probe(self, params: PaymentsJourneyParams, before: Mapping[str, Any]) -> actions.Finding:
        """Asks the provider for the payment of the reference."""
        payment = _provider(params).find_payment(before["reference"])
        if payment is None:
            return actions.Finding(
                actions.ProbeStatus.NOT_DONE, f"The provider knows no payment {before['reference']}."
            )
        facts = asdict(payment)
        if payment.refunded:
            return actions.Finding(actions.ProbeStatus.DONE, "It was paid and refunded.", facts)
        state = "paid, and not refunded" if payment.paid else f"started ({payment.state})"
        return actions.Finding(
            actions.ProbeStatus.PARTIAL, f"It is {state}: refund it in the provider's dashboard.", facts
        )


def _checkout(
    provider: PaymentProvider,
    params: PaymentsJourneyParams,
    headers: Mapping[str, str],
    reference: str,
    minor: int,
    currency: str,
) -> Checkout:
    if params.gifts is None:
        return Checkout(provider, reference, minor, currency)
    api = GiftApi(HttpClient.of(params.context.systems), params.gifts, headers)
    return ApiCheckout(api, provider, reference, minor, currency)


def _begin_and_pay(
    make: Callable[[str, int, str], Checkout],
    params: PaymentsJourneyParams,
    report: actions.RunReport[PaymentsJourneyEvidence],
) -> actions.Outcome:
    if wrong := compare_others(make, params.reference, params.also, report):
        return actions.Outcome(False, wrong)
    checkout = make(params.reference, params.amount, params.currency_code)
    try:
        address = checkout.begin()
        wrong = checkout.check_unpaid()
    except Problem as problem:
        return actions.Outcome(False, str(problem))
    if wrong:
        return actions.Outcome(False, wrong + checkout.cancel())
    if address:
        report.log(f"Open in your browser: {address}")
    return _pay(checkout, params, report)


def _pay(
    checkout: Checkout, params: PaymentsJourneyParams, report: actions.RunReport[PaymentsJourneyEvidence]
) -> actions.Outcome:
    """Waits for the person, and lets the payment be confirmed and refunded."""
    provider = checkout.provider
    payment = wait_until_paid(provider, params.reference, params.seconds, report)
    if payment is None or not payment.paid:
        nobody = f"Nobody paid within {params.seconds / 60:g} min: start it again, and pay."
        return actions.Outcome(False, nobody + checkout.cancel())
    report.evidence({"journey": _facts(checkout, payment)})
    report.log(f"Paid: {format_amount(payment.minor, payment.currency)}")
    wrong = checkout.confirm()
    if provider.refunds:
        return _refund(checkout, payment, params, report, wrong)
    wrong = wrong or describe_wrong_amount(payment, params.amount, params.currency_code, REFUND_BY_HAND)
    done = f"{provider.name}: started and paid. {REFUND_BY_HAND}{checkout.note}"
    return actions.Outcome(not wrong, wrong or done)


def _refund(
    checkout: Checkout,
    payment: Payment,
    params: PaymentsJourneyParams,
    report: actions.RunReport[PaymentsJourneyEvidence],
    wrong: str,
) -> actions.Outcome:
    """Refunds the payment, also one of a wrong amount, and waits until the refund shows."""
    provider = checkout.provider
    try:
        refund = checkout.refund(payment) if not payment.refunded else payment.state
    except Problem as problem:
        return actions.Outcome(False, f"{wrong} {problem}".strip())
    report.log(f"Refund: {refund}")
    after = wait_until_refunded(provider, params.reference, report)
    report.evidence({"journey": {**_facts(checkout, after or payment), "refund": refund}})
    wrong = wrong or describe_wrong_amount(payment, params.amount, params.currency_code, "It was refunded.")
    if wrong:
        return actions.Outcome(False, wrong)
    if after is None or not after.refunded:
        return actions.Outcome(
            False, f"{provider.name} accepted the refund ({refund}), but does not show it as refunded yet."
        )
    amount = format_amount(payment.minor, payment.currency)
    return actions.Outcome(True, f"{provider.name}: started, paid and refunded, {amount}.{checkout.note}")


def _facts(checkout: Checkout, payment: Payment) -> JourneyFacts:
    gift = {"gift": checkout.gift.id} if isinstance(checkout, ApiCheckout) and checkout.gift else {}
    return cast(JourneyFacts, {"provider": checkout.provider.name, **asdict(payment), **gift})


def _provider(params: PaymentsJourneyParams) -> PaymentProvider:
    return get_payment_provider(params.provider, params.context.systems)


def _refuse_live_mode(provider: PaymentProvider, params: PaymentsJourneyParams) -> None:
    name = provider.system.name
    refuse_wrong_mode(params.context.rehearsal, provider.mode, name)
    mode = provider.mode if provider.mode != KeyMode.UNKNOWN else provider.read_account().mode
    if mode != KeyMode.TEST:
        raise Problem(
            f"“{name}” is not in test mode ({mode}).",
            means="This would take and give back real money. Nothing was sent.",
            next="Do it in a rehearsal, with the provider's test key; here skip it with that reason.",
        )
