"""Keys are judged by their form, by mode, and by what the provider itself answers to a read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from integrations.clients.http import HttpClient
from integrations.preflight import CheckResult, Verdict
from integrations.preflight.read_only import ReadOnlyClient, WouldWrite
from tests.integrations.preflight.scopes import planned, run_check, scope_of
from tests.integrations.preflight.web_server import web_server
from tests.integrations.sandbox.providers import PAYMENTS, World, providers

SECRETS = {"stripe": "whsec_0123456789", "fincra": "fincra-hook-1", "flutterwave": "flw-hook-1"}
WEBHOOKS = planned(hooks=("webhooks.check", {"api": "api"}))


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with providers() as found:
        yield found


def payments(world: World, rehearsal: bool = True, **changed: Any) -> dict[str, CheckResult]:
    systems = {
        name: world.payments(name, webhook_secret=SECRETS.get(name, "")) | changed.get(name, {})
        for name in PAYMENTS
    }
    return run_check("keys.payments", scope_of(systems, items=WEBHOOKS, rehearsal=rehearsal))


def test_valid_test_keys_are_green_in_a_rehearsal_and_red_in_production(world: World) -> None:
    assert {each.verdict for each in payments(world).values()} == {Verdict.GREEN}
    found = payments(world, rehearsal=False)
    for name in PAYMENTS:
        assert found[f"{name}: key"].verdict == Verdict.RED
        assert "test key" in found[f"{name}: key"].seen


@pytest.mark.parametrize(
    ("provider", "key", "named"),
    [
        ("stripe", "sk_live_abc", "live key"),
        ("stripe", "rk_live_abc", "restricted"),
        ("stripe", "pk_test_abc", "publishable"),
        ("stripe", "sk_test_other1", "refuses the key"),
        ("stripe", "changeme", "placeholder"),
        ("paystack", " sk_test_abc", "blank"),
        ("paystack", "sk_test_other", "refuses the key"),
    ],
)
def test_a_wrong_key_is_red(world: World, provider: str, key: str, named: str) -> None:
    found = payments(world, **{provider: {"secret_key": key}})[f"{provider}: key"]
    assert found.verdict == Verdict.RED
    assert named in found.seen
    assert key not in str(found.as_facts("keys"))


def test_a_live_key_is_not_sent_in_a_rehearsal(world: World) -> None:
    with web_server() as server:
        payments(world, stripe={"secret_key": "sk_live_abc", "url": server.url})
        assert server.seen == []


def test_a_provider_that_does_not_answer_makes_the_key_unknown(world: World) -> None:
    found = payments(world, stripe={"url": "http://127.0.0.1:1"})["stripe: key"]
    assert found.verdict == Verdict.UNKNOWN


def test_the_same_key_twice_is_red(world: World) -> None:
    key = world.keys["STRIPE_SECRET_KEY"]
    systems = {"one": world.payments("stripe"), "two": world.payments("stripe", secret_key=key)}
    found = run_check("keys.payments", scope_of(systems))["one: key"]
    assert found.verdict == Verdict.RED
    assert "“two” has the same key" in found.seen


@pytest.mark.parametrize(
    ("secret", "named"),
    [("", "empty"), ("sk_test_1", "API key"), (SECRETS["fincra"], "begin with whsec_")],
)
def test_a_webhook_secret_is_judged(world: World, secret: str, named: str) -> None:
    found = payments(world, stripe={"webhook_secret": secret})["stripe: webhook secret"]
    assert found.verdict == Verdict.RED
    assert named in found.seen


def test_two_providers_have_no_webhook_secret_in_common(world: World) -> None:
    found = payments(world, fincra={"webhook_secret": SECRETS["flutterwave"]})["fincra: webhook secret"]
    assert "“flutterwave”" in found.seen


def oauth(world: World, provider: str, **changed: str) -> CheckResult:
    system = world.oauth(provider, "https://www.move.test", **changed)
    return run_check("keys.oauth", scope_of({provider: system}))[f"{provider}: client"]


@pytest.mark.parametrize("provider", ["google", "facebook", "apple"])
def test_complete_sign_in_clients_are_green(world: World, provider: str) -> None:
    found = oauth(world, provider)
    assert found.verdict == Verdict.GREEN
    assert ("Not asked" in found.seen) == (provider != "facebook")


@pytest.mark.parametrize(
    ("provider", "changed", "named"),
    [
        ("facebook", {"client_secret": "another"}, "refuses the client"),
        ("google", {"client_secret": "todo"}, "placeholder"),
        ("google", {"client_id": ""}, "client_id: is empty"),
        ("google", {"redirect": "http://www.move.test/google"}, "https only"),
        ("apple", {"private_key": "no key"}, "no private key in PEM"),
    ],
)
def test_a_wrong_sign_in_client_is_red(world: World, provider: str, changed: Any, named: str) -> None:
    found = oauth(world, provider, **changed)
    assert found.verdict == Verdict.RED
    assert named in found.seen


def test_the_client_of_the_checks_sends_nothing_that_might_change_something() -> None:
    with web_server() as server:
        client = ReadOnlyClient(["127.0.0.1"])
        for given in ({"method": "POST"}, {"send": {}}, {"form": {}}, {"body": b""}, {"method": "DELETE"}):
            with pytest.raises(WouldWrite):
                client.request(server.url, "/", **given)
        assert server.seen == []
        assert client.request(server.url, "/", method="HEAD").status == 404
        assert isinstance(client, HttpClient)
