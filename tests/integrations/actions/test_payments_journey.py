"""A test payment is started, paid and refunded through each provider's protocol."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations.actions import Context, ProbeStatus, registry
from integrations.clients.http import HttpClient
from integrations.errors import Cancelled, Problem
from integrations.sandbox.people import People
from integrations.sandbox.repairs import load_repairs
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.gifts import Gifts, gifts
from tests.integrations.sandbox.providers import PAYMENTS, World

ACTION = registry()["payments.journey"]


class Payer(Recorder):
    """A report whose reader opens the address and pays."""

    def log(self, line: str, **of: Any) -> None:
        super().log(line, **of)
        People(Path("/nowhere")).handle_log_line(line)


@pytest.fixture(scope="module")
def backend(module_database: str) -> Iterator[Gifts]:
    with gifts(module_database) as running:
        yield running


@pytest.fixture(scope="module")
def world(backend: Gifts) -> World:
    return backend.world


@pytest.fixture
def bind(backend: Gifts, world: World, new_context: Callable[..., Context]) -> Callable[..., Any]:
    def bound(
        provider: str, *, rehearsal: bool = True, changed: Any = None, attempt: str = "", **raw: Any
    ) -> Any:
        settings = world.payments(provider, **(changed or {}))
        context = new_context({"gateway": settings, "gifts": backend.system()})
        context = Context(**{**vars(context), "rehearsal": rehearsal})
        if attempt:
            context = Context(**{**vars(context), "attempt": f"{provider}{attempt}".lower()})
        return ACTION.bind({"provider": "gateway", "minor": 12_50, "currency": "GHS", **raw}, context)

    return bound


THROUGH_API = {"gifts": "gifts", "minor": 5_00, "currency": "USD"}


@pytest.mark.parametrize("provider", PAYMENTS)
def test_the_api_begins_confirms_and_refunds_it(bind: Any, backend: Gifts, provider: str) -> None:
    values, report = bind(provider, attempt="api", **THROUGH_API), Payer()
    assert f"Let the API at {backend.api} begin" in ACTION.preview(values).lines[0]
    outcome = ACTION.run(values, report)
    assert outcome.ok, outcome.summary
    assert "The API was not asked" not in outcome.summary
    gift = report.facts["journey"]["gift"]
    (row,) = backend.rows(f"select status, amount, currency, payment_method from donations where id = {gift}")
    status = "completed" if provider == "fincra" else "refunded"
    assert (row[0], float(row[1]), row[2], row[3]) == (status, 5.0, "USD", provider)


@pytest.mark.parametrize(
    ("provider", "repair", "said"),
    [
        (
            "stripe",
            "provider-addresses",
            "The API did not begin a payment of 5.00 USD with stripe (502: Stripe",
        ),
        ("stripe", "zero-decimal", "Started with 500 JPY (minor units), booked were 50000 JPY"),
        ("stripe", "stripe-unpaid", "Before anybody paid, the API confirmed the gift as “completed”"),
        (
            "flutterwave",
            "flutterwave-ids",
            "flutterwave has the money, and the API could not confirm the gift",
        ),
        ("fincra", "fincra-payments", "customer.name and customer.email are required"),
    ],
)
def test_a_defect_is_red_with_its_cause_until_it_is_repaired(
    bind: Any, backend: Gifts, provider: str, repair: str, said: str
) -> None:
    more = {"also": [{"minor": 500, "currency": "JPY"}]} if repair == "zero-decimal" else {}
    raw = {**THROUGH_API, **more}
    with backend.without(repair):
        outcome = ACTION.run(bind(provider, attempt=f"without{repair}".replace("-", ""), **raw), Payer())
    assert not outcome.ok
    assert said in outcome.summary
    assert ACTION.run(bind(provider, attempt=f"with{repair}".replace("-", ""), **raw), Payer()).ok
    item = "payment-smoke" if provider == "stripe" else f"pay-{provider}"
    assert item in load_repairs()[repair].items


def test_no_gift_that_waits_is_left_behind(bind: Any, backend: Gifts) -> None:
    waiting = "select count(*) from donations where status = 'pending'"
    before = backend.rows(waiting)
    outcome = ACTION.run(bind("paystack", attempt="nobody", minutes=0.02, **THROUGH_API), Recorder())
    assert "Nobody paid" in outcome.summary
    also = [{"minor": 500, "currency": "JPY"}]
    assert ACTION.run(bind("stripe", attempt="also", also=also, **THROUGH_API), Payer()).ok
    assert backend.rows(waiting) == before


def test_an_api_that_refuses_to_cancel_a_gift_is_a_verdict_that_names_the_gift(
    bind: Any, backend: Gifts
) -> None:
    with backend.without():
        applied = [*json.loads(backend.repairs.read_text()), "changes-without-sign-in"]
        backend.repairs.write_text(json.dumps(applied))  # this item names no account
        outcome = ACTION.run(bind("stripe", attempt="nobody", minutes=0.02, **THROUGH_API), Recorder())
    assert not outcome.ok
    assert "Nobody paid" in outcome.summary
    assert "was not cancelled (401: Unauthorized)" in outcome.summary


def test_an_amount_below_the_providers_least_is_passed_on_in_its_words(bind: Any) -> None:
    raw = {**THROUGH_API, "currency": "NGN", "minor": 100_00}
    outcome = ACTION.run(bind("stripe", attempt="small", **raw), Payer())
    assert not outcome.ok
    assert "must convert to at least 50 cents" in outcome.summary


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"body": "no json"}, "body: of “gifts” is no JSON object"),
        ({"change": "/donations"}, "paths, change: with {id}"),
    ],
)
def test_an_api_that_is_not_described_right_is_refused(
    new_context: Any, backend: Gifts, changed: dict[str, str], said: str
) -> None:
    context = new_context(
        {"gateway": backend.world.payments("stripe"), "gifts": {**backend.system(), **changed}}
    )
    with pytest.raises(Exception, match=re.escape(said)):
        ACTION.bind({"provider": "gateway", "gifts": "gifts"}, context)


@pytest.mark.parametrize("also", [[{"minor": 1}], [{"minor": "1", "currency": "JPY"}], [5]])
def test_further_amounts_need_minor_and_currency(bind: Any, also: list[Any]) -> None:
    with pytest.raises(Exception, match="minor:"):
        bind("stripe", also=also)


@pytest.mark.parametrize("provider", PAYMENTS)
def test_it_is_started_paid_checked_and_refunded(bind: Any, provider: str) -> None:
    values, report = bind(provider), Payer()
    before = ACTION.before(values)
    assert ACTION.probe(values, before).status == ProbeStatus.NOT_DONE
    outcome = ACTION.run(values, report)
    assert outcome.ok, outcome.summary
    assert "The API was not asked" in outcome.summary
    journey = report.facts["journey"]
    assert (journey["minor"], journey["currency"], journey["paid"]) == (1250, "GHS", True)
    given_back = provider != "fincra"  # which does that in its dashboard only, and the outcome says so
    assert ACTION.probe(values, before).status == (ProbeStatus.DONE if given_back else ProbeStatus.PARTIAL)
    assert ("dashboard" in outcome.summary) is not given_back


@pytest.mark.parametrize(
    ("provider", "currency", "said"),
    [
        ("stripe", "JPY", "1250 JPY"),
        ("stripe", "UGX", "2500 UGX"),
        ("stripe", "KWD", "1.250 KWD"),
        ("paystack", "XOF", "1250 XOF"),
        ("fincra", "UGX", "1250 UGX"),
        ("flutterwave", "XOF", "1250 XOF"),
    ],
)
def test_a_currency_with_other_minor_units_is_counted_as_the_provider_does(
    bind: Any, provider: str, currency: str, said: str
) -> None:
    minor = int(said.split()[0].replace(".", ""))
    values, report = bind(provider, currency=currency, attempt=currency, minor=minor), Payer()
    assert said in ACTION.preview(values).lines[0]
    outcome = ACTION.run(values, report)
    assert outcome.ok, outcome.summary
    assert f"Paid: {said}" in report.text
    assert report.facts["journey"]["minor"] == minor


def test_the_currency_of_the_providers_system_is_the_default(bind: Any) -> None:
    values = bind("stripe", changed={"currency": "usd"}, currency="")
    assert "12.50 USD" in ACTION.preview(values).lines[0]


def test_after_a_cancel_a_probe_finds_the_payment(bind: Any) -> None:
    values = bind("stripe")
    with pytest.raises(Cancelled):
        ACTION.run(values, Recorder(cancel_when=lambda report: bool(report.steps)))
    finding = ACTION.probe(values, ACTION.before(values))
    assert finding.status == ProbeStatus.PARTIAL
    assert "started" in finding.observed


def test_a_provider_that_is_down_for_a_moment_does_not_end_the_wait(bind: Any, world: World) -> None:
    class Troubled(Payer):
        def log(self, line: str, **of: Any) -> None:
            super().log(line, **of)
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


def test_a_payment_that_nobody_makes_is_a_verdict(bind: Any) -> None:
    outcome = ACTION.run(bind("paystack", minutes=0.02), Recorder())
    assert not outcome.ok
    assert "Nobody paid" in outcome.summary


def test_a_wrong_amount_is_red_and_refunded(bind: Any, world: World) -> None:
    class Meddling(Payer):
        def log(self, line: str, **of: Any) -> None:
            super().log(line, **of)
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
def test_the_sandbox_is_as_strict_as_the_providers(
    world: World, provider: str, path: str, send: dict[str, Any], status: int
) -> None:
    settings = world.payments(provider)
    key = settings["secret_key"]
    headers = {"api-key": key} if provider == "fincra" else {"Authorization": f"Bearer {key}"}
    assert (
        HttpClient(["127.0.0.1"]).request(settings["url"], path, send=send, headers=headers).status == status
    )


def test_stripe_accepts_forms_and_refuses_json(world: World) -> None:
    settings = world.payments("stripe")
    headers = {"Authorization": f"Bearer {settings['secret_key']}"}
    reply = HttpClient(["127.0.0.1"]).request(
        settings["url"], "/checkout/sessions", send={"mode": "payment"}, headers=headers
    )
    assert reply.status == 400
    assert "form encoded" in reply.error_text()


def test_the_preview_says_what_a_person_has_to_do(bind: Any) -> None:
    preview = ACTION.preview(bind("flutterwave"))
    assert "12.50 GHS" in preview.lines[0]
    assert "pays with the provider's test card" in preview.lines[1]
