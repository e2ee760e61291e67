"""A test payment goes all its way through each provider's protocol, and its money comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations.actions import registry
from integrations.actions.base import Context, Seen
from integrations.clients.http import Caller
from integrations.errors import Cancelled, Problem
from integrations.sandbox.people import People
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.providers import PAYMENTS, World, providers

ACTION = registry()["payments.journey"]


class Payer(Recorder):
    """A report whose reader opens the address and pays."""

    def log(self, line: str) -> None:
        super().log(line)
        People(Path("/nowhere")).saw(line)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with providers() as found:
        yield found


@pytest.fixture
def bind(world: World, new_context: Callable[..., Context]) -> Callable[..., Any]:
    def bound(
        provider: str, *, rehearsal: bool = True, changed: Any = None, attempt: str = "", **raw: Any
    ) -> Any:
        context = new_context({"gateway": world.payments(provider, **(changed or {}))})
        context = Context(**{**vars(context), "rehearsal": rehearsal})
        if attempt:
            context = Context(**{**vars(context), "attempt": f"{provider}{attempt}".lower()})
        return ACTION.bind({"provider": "gateway", "minor": 12_50, "currency": "GHS", **raw}, context)

    return bound


@pytest.mark.parametrize("provider", PAYMENTS)
def test_it_is_begun_paid_verified_and_given_back(bind: Any, provider: str) -> None:
    values, report = bind(provider), Payer()
    before = ACTION.before(values)
    assert ACTION.probe(values, before).seen == Seen.NOT_DONE
    outcome = ACTION.run(values, report)
    assert outcome.ok, outcome.summary
    journey = report.facts["journey"]
    assert (journey["minor"], journey["currency"], journey["paid"]) == (1250, "GHS", True)
    given_back = provider != "fincra"  # which does that in its dashboard only, and the outcome says so
    assert ACTION.probe(values, before).seen == (Seen.DONE if given_back else Seen.PARTIAL)
    assert ("dashboard" in outcome.summary) is not given_back


@pytest.mark.parametrize(
    ("provider", "currency", "said"),
    [
        ("stripe", "JPY", "1250 JPY"),
        ("stripe", "UGX", "1250 UGX"),
        ("stripe", "KWD", "1.250 KWD"),
        ("paystack", "XOF", "1250 XOF"),
        ("fincra", "UGX", "1250 UGX"),
        ("flutterwave", "XOF", "1250 XOF"),
    ],
)
def test_a_currency_that_divides_otherwise_is_counted_as_the_provider_counts_it(
    bind: Any, provider: str, currency: str, said: str
) -> None:
    values, report = bind(provider, currency=currency, attempt=currency), Payer()
    assert said in ACTION.preview(values).lines[0]
    outcome = ACTION.run(values, report)
    assert outcome.ok, outcome.summary
    assert f"Paid: {said}" in report.text
    assert report.facts["journey"]["minor"] == 1250


def test_the_currency_of_the_providers_system_is_taken_where_the_item_names_none(bind: Any) -> None:
    values = bind("stripe", changed={"currency": "usd"}, currency="")
    assert "12.50 USD" in ACTION.preview(values).lines[0]


def test_a_cancel_half_way_leaves_what_a_probe_and_a_second_run_find_again(bind: Any) -> None:
    values = bind("stripe")
    with pytest.raises(Cancelled):
        ACTION.run(values, Recorder(cancel_when=lambda report: bool(report.steps)))
    finding = ACTION.probe(values, ACTION.before(values))
    assert finding.seen == Seen.PARTIAL
    assert "begun" in finding.saw


def test_a_provider_that_is_down_for_a_moment_ends_no_wait(bind: Any, world: World) -> None:
    class Troubled(Payer):
        def log(self, line: str) -> None:
            super().log(line)
            if line.startswith("Open"):
                world.tell("flutterwave", "down")
            if line.startswith("Not seen"):
                world.tell("flutterwave", "well")

    report = Troubled()
    try:
        outcome = ACTION.run(bind("flutterwave", attempt="troubled"), report)
    finally:
        world.tell("flutterwave", "well")
    assert outcome.ok, outcome.summary
    assert "Not seen: Flutterwave answered 503" in report.text


def test_nobody_pays_and_that_is_said(bind: Any) -> None:
    outcome = ACTION.run(bind("paystack", minutes=0.02), Recorder())
    assert not outcome.ok
    assert "Nobody paid" in outcome.summary


def test_a_provider_that_counts_otherwise_is_red_and_the_money_comes_back(bind: Any, world: World) -> None:
    class Meddling(Payer):
        def log(self, line: str) -> None:
            super().log(line)
            if line.startswith("Open"):
                world.tell("paystack", "wrong")

    try:
        outcome = ACTION.run(bind("paystack"), Meddling())
    finally:
        world.tell("paystack", "well")
    assert not outcome.ok
    assert "1251 XGHS" in outcome.summary


def test_with_a_live_key_nothing_is_sent_in_a_rehearsal_nor_in_production(bind: Any) -> None:
    live = {"secret_key": "sk_live_none", "url": "https://api.invalid"}
    for rehearsal, said in ((True, "this is a rehearsal"), (False, "not in test mode")):
        with pytest.raises(Problem, match=said):
            ACTION.run(bind("stripe", rehearsal=rehearsal, changed=live), Recorder())


def test_test_credentials_are_refused_in_production(bind: Any) -> None:
    with pytest.raises(Problem, match="this is production"):
        ACTION.run(bind("stripe", rehearsal=False), Recorder())


@pytest.mark.parametrize(
    ("provider", "path", "send", "status"),
    [
        ("paystack", "/transaction/initialize", {"email": "a@b.c", "amount": 12.5, "currency": "GHS"}, 400),
        ("paystack", "/transaction/initialize", {"email": "a@b.c", "amount": 1250, "currency": "XXX"}, 403),
        ("paystack", "/transaction/initialize", {"email": "a@b.c", "amount": 1250, "currency": "XOF"}, 400),
        ("paystack", "/refund", {"transaction": "nobody"}, 404),
        (
            "flutterwave",
            "/payments",
            {"tx_ref": "y", "amount": "12.50", "currency": "UGX", "customer": {"email": "a@b.c"}},
            400,
        ),
        ("flutterwave", "/payments", {"tx_ref": "x", "amount": "1.234", "customer": {"email": "a@b.c"}}, 400),
        ("fincra", "/checkout/payments", {"amount": "1.00", "currency": "GHS", "customer": {}}, 422),
    ],
)
def test_the_stand_ins_are_as_strict_as_the_originals(
    world: World, provider: str, path: str, send: dict[str, Any], status: int
) -> None:
    settings = world.payments(provider)
    key = settings["secret_key"]
    headers = {"api-key": key} if provider == "fincra" else {"Authorization": f"Bearer {key}"}
    assert Caller(["127.0.0.1"]).ask(settings["url"], path, send=send, headers=headers).status == status


def test_stripe_takes_forms_and_refuses_json(world: World) -> None:
    settings = world.payments("stripe")
    headers = {"Authorization": f"Bearer {settings['secret_key']}"}
    reply = Caller(["127.0.0.1"]).ask(
        settings["url"], "/checkout/sessions", send={"mode": "payment"}, headers=headers
    )
    assert reply.status == 400
    assert "form encoded" in reply.says()


def test_the_preview_says_what_a_person_has_to_do(bind: Any) -> None:
    preview = ACTION.preview(bind("flutterwave"))
    assert "12.50 GHS" in preview.lines[0]
    assert "pays with the provider's test card" in preview.lines[1]
