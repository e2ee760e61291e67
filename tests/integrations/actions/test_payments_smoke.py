"""Keys are proven by a harmless read; the wrong kind of key is refused before it could do harm."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from integrations.actions import registry
from integrations.actions.base import Context, Seen
from integrations.clients.payments import provider_of
from integrations.clients.payments.mode import Mode
from integrations.credentials import VARIABLE, new_key
from integrations.errors import Cancelled, Problem
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
    monkeypatch.setenv(VARIABLE, new_key())


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


def test_four_valid_keys_open_their_doors_and_no_key_is_shown(run: Any, world: World) -> None:
    report = Recorder()
    outcome = run(report)
    assert outcome.ok, outcome.summary
    found = {one["provider"]: one["mode"] for one in report.facts["payments"]}
    assert found == dict.fromkeys(PAYMENTS, "test")
    text = report.text + str(report.facts)
    assert not any(value in text for value in world.keys.values())


@pytest.mark.parametrize("provider", PAYMENTS)
def test_a_key_of_another_estate_is_refused_by_the_provider_itself(run: Any, provider: str) -> None:
    other = {"stripe": "sk_test_other1", "flutterwave": "FLWSECK_TEST-other-X"}.get(provider, "other-key-1")
    report = Recorder()
    outcome = run(report, **{provider: {"secret_key": other}})
    assert not outcome.ok
    assert f"{provider.capitalize()} refuses the key" in outcome.summary
    assert sum(one["ok"] for one in report.facts["payments"]) == 3, "the others are asked all the same"


def test_a_live_key_in_a_rehearsal_is_refused_before_it_is_sent(run: Any) -> None:
    outcome = run(stripe={"secret_key": "sk_live_none", "url": "https://api.invalid"})
    assert not outcome.ok
    assert "has a live key, and this is a rehearsal" in outcome.summary


def test_test_keys_in_production_are_refused_by_prefix_or_by_what_the_provider_says(run: Any) -> None:
    outcome = run(rehearsal=False)
    assert not outcome.ok
    assert outcome.summary.count("has a test key, and this is production") == 4


def test_a_provider_that_says_live_of_itself_is_believed(run: Any, world: World) -> None:
    with world.mood("stripe", "wrong"):
        outcome = run(raw={"providers": ["stripe"]})
    assert not outcome.ok
    assert "has a live key" in outcome.summary


def test_a_blank_before_a_live_key_does_not_hide_it(run: Any) -> None:
    outcome = run(paystack={"secret_key": " sk_live_none", "url": "https://api.invalid"})
    assert "has a live key, and this is a rehearsal" in outcome.summary
    assert "Nothing was sent" in outcome.summary


def test_what_is_said_of_a_key_that_was_sent_does_not_deny_it(run: Any, world: World) -> None:
    with world.mood("stripe", "wrong"):
        outcome = run(raw={"providers": ["stripe"]})
    assert "It was only read with it" in outcome.summary
    assert "Nothing was sent" not in outcome.summary


@pytest.mark.parametrize("rehearsal", [True, False])
def test_a_key_of_which_nobody_tells_its_kind_is_red(run: Any, rehearsal: bool, unmarked: str) -> None:
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
    assert ACTION.probe(values, {}).seen == Seen.NOT_DONE


@pytest.mark.parametrize(
    ("answer", "mode"),
    [({"livemode": True}, Mode.LIVE), ({"livemode": False}, Mode.TEST), ({}, Mode.UNKNOWN),
     ({"livemode": "false"}, Mode.UNKNOWN)],
)  # fmt: skip
def test_a_stripe_that_does_not_say_its_mode_is_not_taken_for_a_test(
    world: World, answer: dict[str, Any], mode: Mode
) -> None:
    systems = Systems({"stripe": world.payments("stripe")}, environ={})
    assert provider_of(systems["stripe"], systems).understood(answer).mode is mode
