"""Keys are checked by a read; a key of the wrong mode is refused before it is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from integrations.actions import Context, ProbeStatus, registry
from integrations.clients.payments import get_payment_provider
from integrations.clients.payments.mode import KeyMode
from integrations.credentials import VARIABLE, fingerprint, generate_key
from integrations.errors import Cancelled, Problem
from integrations.json_answer import JsonAnswer
from integrations.systems import Systems
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.providers import PAYMENTS, World, providers

ACTION = registry()["payments.smoke"]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with providers() as found:
        yield found


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, generate_key())


@pytest.fixture
def run(world: World, new_context: Callable[..., Context]) -> Callable[..., Any]:
    def ran(
        report: Recorder | None = None, *, rehearsal: bool = True, raw: Any = None, **changed: Any
    ) -> Any:
        systems = {name: world.payments(name, **changed.get(name, {})) for name in PAYMENTS}
        context = Context(**{**vars(new_context(systems)), "rehearsal": rehearsal})
        return ACTION.run(ACTION.bind(raw or {}, context), report or Recorder())

    return ran


@pytest.fixture
def unmarked() -> Iterator[str]:
    """A Paystack whose keys have no prefix."""
    with providers(PAYSTACK_SECRET_KEY="unmarked-key") as other:
        yield other.url + "/paystack"


def test_four_valid_keys_pass_and_none_is_shown(run: Any, world: World) -> None:
    report = Recorder()
    outcome = run(report)
    assert outcome.ok, outcome.summary
    found = {one["provider"]: one["mode"] for one in report.facts["payments"]}
    assert found == dict.fromkeys(PAYMENTS, "test")
    text = report.text + str(report.facts)
    assert not any(value in text for value in world.keys.values())


@pytest.mark.parametrize("provider", PAYMENTS)
def test_a_key_of_another_environment_is_refused_by_the_provider_itself(run: Any, provider: str) -> None:
    other = {"stripe": "sk_test_other1", "flutterwave": "FLWSECK_TEST-other-X"}.get(provider, "other-key-1")
    report = Recorder()
    outcome = run(report, **{provider: {"secret_key": other}})
    assert not outcome.ok
    assert f"{provider.capitalize()} refuses the key" in outcome.summary
    assert sum(one["ok"] for one in report.facts["payments"]) == 3, "the others are still checked"


def test_a_live_key_in_a_rehearsal_is_refused_before_it_is_sent(run: Any) -> None:
    outcome = run(stripe={"secret_key": "sk_live_none", "url": "https://api.invalid"})
    assert not outcome.ok
    assert "has a live key, and this is a rehearsal" in outcome.summary


def test_test_keys_in_production_are_refused_by_prefix_or_by_what_the_provider_says(run: Any) -> None:
    outcome = run(rehearsal=False)
    assert not outcome.ok
    assert outcome.summary.count("has a test key, and this is production") == 4


def test_a_provider_that_reports_live_mode_is_believed(run: Any, world: World) -> None:
    with world.mood("stripe", "wrong"):
        outcome = run(raw={"providers": ["stripe"]})
    assert not outcome.ok
    assert "has a live key" in outcome.summary


def test_a_live_key_after_a_blank_is_still_refused(run: Any) -> None:
    outcome = run(paystack={"secret_key": " sk_live_none", "url": "https://api.invalid"})
    assert "has a live key, and this is a rehearsal" in outcome.summary
    assert "Nothing was sent" in outcome.summary


def test_the_message_about_a_key_that_was_sent_says_so(run: Any, world: World) -> None:
    with world.mood("stripe", "wrong"):
        outcome = run(raw={"providers": ["stripe"]})
    assert "It was only read with it" in outcome.summary
    assert "Nothing was sent" not in outcome.summary


@pytest.mark.parametrize("rehearsal", [True, False])
def test_a_key_of_unknown_mode_is_red(run: Any, rehearsal: bool, unmarked: str) -> None:
    systems = {"paystack": {"secret_key": "unmarked-key", "url": unmarked}}
    outcome = run(rehearsal=rehearsal, raw={"providers": ["paystack"]}, **systems)
    assert not outcome.ok
    assert "neither its prefix nor the provider tells" in outcome.summary


def test_down_and_rate_limited_are_told_apart(run: Any, world: World) -> None:
    with world.mood("paystack", "down"):
        assert "answered 503" in run(raw={"providers": ["paystack"]}).summary
    with world.mood("paystack", "rate_limited"):
        assert "Wait 30 seconds" in run(raw={"providers": ["paystack"]}).summary


def test_a_system_that_is_not_there_is_named(run: Any) -> None:
    with pytest.raises(Problem, match="called paypal"):
        run(raw={"providers": ["paypal"]})


def test_it_only_reads_and_can_be_cancelled(
    run: Any, world: World, new_context: Callable[..., Context]
) -> None:
    with pytest.raises(Cancelled):
        run(Recorder(cancel_when=lambda report: True))
    values = ACTION.bind({}, new_context({"stripe": world.payments("stripe")}))
    assert ACTION.preview(values).lines == [f"GET {world.url}/stripe/v1/balance"]
    assert ACTION.probe(values, {}).status == ProbeStatus.NOT_DONE


@pytest.mark.parametrize(
    ("answer", "mode"),
    [
        ({"livemode": True}, KeyMode.LIVE),
        ({"livemode": False}, KeyMode.TEST),
        ({}, KeyMode.UNKNOWN),
        ({"livemode": "false"}, KeyMode.UNKNOWN),
    ],
)
def test_an_answer_of_stripe_without_a_mode_is_unknown(
    world: World, answer: dict[str, Any], mode: KeyMode
) -> None:
    systems = Systems({"stripe": world.payments("stripe")}, environ={})
    assert get_payment_provider(systems["stripe"], systems).parse_account(JsonAnswer(answer)).mode is mode


def test_a_fingerprint_is_that_of_the_variable_which_the_system_names(run: Any, world: World) -> None:
    report = Recorder()
    assert run(report, stripe={"variable": "CARD_KEY"}).ok
    marks = {one["provider"]: one["fingerprint"] for one in report.facts["payments"]}
    assert marks["stripe"] == fingerprint(world.keys["STRIPE_SECRET_KEY"], "CARD_KEY")
    assert marks["fincra"] == fingerprint(world.keys["FINCRA_SECRET_KEY"], "FINCRA_SECRET_KEY")
