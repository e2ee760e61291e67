"""The questions to payment providers, with good answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from integrations.clients.payments.provider import (
    Payment,
    PaymentProvider,
    TooManyPayments,
    get_payment_provider,
)
from integrations.errors import Problem
from integrations.systems import Systems
from tests.integrations.clients.answer_case import URL, AnswerCase

SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def provider(systems: Systems) -> PaymentProvider:
    return get_payment_provider(systems["s"], systems)


PAYMENT = Payment("ours", "p1", True, "paid", 500, "GHS")
ENDPOINTS = {
    "data": [{"id": "we_1", "url": "https://a.invalid/x", "status": "enabled", "enabled_events": ["a"]}],
    "has_more": False,
}


def payments(
    driver: str,
    key: str,
    *,
    account: Any,
    checkout: Any,
    found: Any,
    total: Any,
    matters: Mapping[str, tuple[str, ...]],
    refund: Any = None,
) -> list[AnswerCase]:
    """The questions to one provider; ``found``: path → answer of the search for a payment."""
    settings = {"secret_key": key}

    def case(name: str, ask: Callable[[Systems], Any], answers: Mapping[str, Any]) -> AnswerCase:
        refusals = (Problem, TooManyPayments)
        return AnswerCase(f"payments/{driver}", name, settings, ask, answers, matters.get(name, ()), refusals)

    cases = [
        case("read_account", lambda s: provider(s).read_account(), {"": account}),
        case("checkout", lambda s: provider(s).create_checkout("ours", 500, "GHS", URL), {"": checkout}),
        case("find_payment", lambda s: provider(s).find_payment("ours"), found),
    ]
    if refund:
        cases.append(case("refund", lambda s: provider(s).refund(PAYMENT), {"": refund}))
    if total:
        cases.append(case("read_total", lambda s: provider(s).read_total(SINCE), {"": total}))
    return cases


STRIPE_SESSION = {
    "id": "cs_1",
    "client_reference_id": "ours",
    "currency": "ghs",
    "payment_intent": "pi_1",
    "payment_status": "paid",
    "amount_total": 500,
}
STRIPE = payments(
    "stripe",
    "sk_test_x1234567",
    account={"livemode": False, "available": [{"currency": "ghs", "amount": 1}]},
    checkout={"id": "cs_1", "url": "https://checkout.invalid/1"},
    found={"/refunds": {"data": [{"status": "succeeded"}]}, "/checkout": {"data": [STRIPE_SESSION]}},
    total={
        "data": [
            {"id": "ch_1", "paid": True, "created": 1800000000, "currency": "ghs", "amount": 500,
             "amount_refunded": 100},
        ],
        "has_more": False,
    },
    refund={"status": "succeeded"},
    matters={
        "read_account": ("livemode",),
        "checkout": ("url",),
        "find_payment": ("data.0.payment_status", "data.0.amount_total", "data.0.currency", "data.0.status"),
        "refund": ("status",),
        "read_total": ("data.0.paid", "data.0.created", "data.0.amount", "data.0.currency", "has_more",
                       "data.0.amount_refunded"),
    },
)  # fmt: skip
STRIPE.append(
    AnswerCase(
        "payments/stripe",
        "webhook endpoints",
        {"secret_key": "sk_test_x1234567"},
        lambda s: provider(s).list_webhook_endpoints(),
        {"": ENDPOINTS},
        ("data.0.url", "data.0.status", "data.0.id", "data.0.enabled_events", "has_more"),
    )
)
_CHECKOUT = ("data.link",)
_FOUND = ("data.status", "data.amount", "data.currency", "data.id")
PAYSTACK = payments(
    "paystack",
    "sk_test_x1234567",
    account={"status": True, "data": [{"currency": "GHS", "balance": 1}]},
    checkout={"status": True, "data": {"authorization_url": "https://checkout.invalid/1"}},
    found={"": {"status": True, "data": {"id": 1, "status": "success", "amount": 500, "currency": "GHS"}}},
    total={"status": True, "data": {"total_volume_by_currency": [{"currency": "GHS", "amount": 500}]}},
    refund={"status": True, "data": {"status": "pending"}},
    matters={
        "checkout": ("data.authorization_url",),
        "find_payment": _FOUND,
        "refund": ("data.status",),
        "read_total": ("data.total_volume_by_currency.0.amount", "data.total_volume_by_currency.0.currency"),
    },
)
FLUTTERWAVE = payments(
    "flutterwave",
    "FLWSECK_TEST-x1234567",
    account={"status": "success", "data": [{"currency": "GHS"}]},
    checkout={"status": "success", "data": {"link": "https://checkout.invalid/1"}},
    found={"": {"data": {"id": 1, "status": "successful", "amount": 5, "currency": "GHS",
                         "amount_refunded": 5}}},
    total={
        "data": [{"created_at": "2026-02-01T00:00:00.000Z", "currency": "GHS", "amount": 5}],
        "meta": {"page_info": {"total_pages": 1}},
    },
    refund={"data": {"status": "completed"}},
    matters={
        "checkout": _CHECKOUT,
        "find_payment": (*_FOUND, "data.amount_refunded"),
        "refund": ("data.status",),
        "read_total": ("data.0.created_at", "data.0.currency", "data.0.amount", "meta.page_info.total_pages"),
    },
)  # fmt: skip
FINCRA = payments(
    "fincra",
    "x12345678",
    account={"data": {"name": "Church", "mode": "test"}},
    checkout={"data": {"link": "https://checkout.invalid/1"}},
    found={"": {"data": {"chargeReference": "c1", "status": "success", "amount": 5, "currency": "GHS"}}},
    total=None,
    matters={
        "read_account": ("data.mode",),
        "checkout": _CHECKOUT,
        "find_payment": ("data.status", "data.amount", "data.currency"),
    },
)
PAYMENTS = [*STRIPE, *PAYSTACK, *FLUTTERWAVE, *FINCRA]
