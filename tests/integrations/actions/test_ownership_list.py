"""Addresses at an old host are red, and an address that the panel cannot see is never called right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django import forms

from integrations.actions import Context, Outcome, ProbeStatus, registry
from integrations.actions.ownership_list import _leads_to
from integrations.clients.http import HttpClient, Response
from integrations.errors import Cancelled
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.providers import World, providers

Make = Callable[..., Context]
ACTION = registry()["ownership.list"]
NEW, OLD = "https://api.example.org/donations/webhooks/stripe", "https://flask.example.org/webhooks/stripe"
HAND = ["paystack", "fincra", "flutterwave"]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with providers() as found:
        yield found


def stripe(world: World, path: str = "", method: str = "", **form: str) -> Response:
    headers = {"Authorization": f"Bearer {world.keys['STRIPE_SECRET_KEY']}"}
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    body = urlencode(form).encode() if form else None
    base = f"{world.url}/stripe/v1/webhook_endpoints"
    return HttpClient(["127.0.0.1"]).request(base, path, method=method, body=body, headers=headers)


@pytest.fixture
def registers(world: World) -> Iterator[Callable[[str], str]]:
    """Registers an address at Stripe, until the test is over; its id."""
    made: list[str] = []

    def register(url: str) -> str:
        reply = stripe(world, **{"url": url, "enabled_events[0]": "checkout.session.completed"})
        assert reply.ok, reply.error_text()
        made.append(reply.json()["id"])
        return made[-1]

    yield register
    for identity in made:
        assert stripe(world, f"/{identity}", "DELETE").ok


def systems(world: World, *names: str, **changed: str) -> dict[str, dict[str, str]]:
    return {
        **{name: world.payments(name, **changed) for name in names},
        "public": {"kind": "http", "url": "https://api.example.org"},
        "old-app": {"kind": "http", "url": "https://flask.example.org"},
    }


def listed(make: Make, known: dict[str, dict[str, str]], **more: Any) -> tuple[Outcome, dict[str, Any], str]:
    report = Recorder()
    outcome = ACTION.run(ACTION.bind({"old": "old-app", "new": "public", **more}, make(known)), report)
    return outcome, report.facts, report.text


def test_addresses_at_the_new_host_are_green_and_unseen_providers_are_named(
    world: World, registers: Callable[[str], str], new_context: Make
) -> None:
    registers(NEW)
    known = systems(world, "stripe", *HAND)
    outcome, facts, _ = listed(new_context, known, by_hand=HAND, item="hand-over-endpoints")
    assert outcome.ok, outcome.summary
    assert "Not seen by the panel" in outcome.summary
    assert "hand-over-endpoints" in outcome.summary
    assert facts["not_seen"] == HAND
    assert facts["places"][0]["addresses"][0]["address"] == NEW


def test_an_address_at_an_old_host_is_red_even_when_disabled(
    world: World, registers: Callable[[str], str], new_context: Make
) -> None:
    registers(NEW)
    identity = registers(OLD)
    outcome, facts, _ = listed(new_context, systems(world, "stripe"))
    assert not outcome.ok
    assert OLD in outcome.summary
    assert stripe(world, f"/{identity}", "POST", disabled="true").json()["status"] == "disabled"
    assert not listed(new_context, systems(world, "stripe"))[0].ok
    assert {one["state"] for one in facts["places"][0]["addresses"]} == {"enabled"}


def test_every_page_is_read(world: World, registers: Callable[[str], str], new_context: Make) -> None:
    registers(OLD)
    for number in range(101):
        registers(f"{NEW}?n={number}")
    outcome, facts, _ = listed(new_context, systems(world, "stripe"))
    assert not outcome.ok
    assert len(facts["places"][0]["addresses"]) == 102


def test_a_provider_that_nobody_checks_is_red(
    world: World, registers: Callable[[str], str], new_context: Make
) -> None:
    registers(NEW)
    outcome, _, text = listed(new_context, systems(world, "stripe", *HAND), by_hand=["paystack"])
    assert not outcome.ok
    assert "dashboard.paystack.com" in text
    assert "paystack" not in outcome.summary
    assert "no API of Fincra shows it" in outcome.summary


def test_no_address_at_all_is_no_success(world: World, new_context: Make) -> None:
    outcome, _, _ = listed(new_context, systems(world, "stripe"))
    assert not outcome.ok
    assert "no registered address leads to api.example.org" in outcome.summary


def test_a_redirect_that_leads_to_an_old_host_is_red(world: World, new_context: Make) -> None:
    google = {"kind": "oauth", "provider": "google", "url": world.url, "client_id": "x"}
    for redirect, ok in ((OLD, False), ("https://api.example.org/auth/google/callback", True)):
        known = {**systems(world), "google": {**google, "redirect": redirect}}
        outcome, facts, _ = listed(new_context, known, by_hand=["google"])
        assert outcome.ok is ok
    assert facts["not_seen"] == ["google"]


def test_a_port_tells_two_stacks_of_one_machine_apart(
    world: World, registers: Callable[[str], str], new_context: Make
) -> None:
    registers("http://127.0.0.1:9001/webhooks")
    for old, ok in (("127.0.0.1:9001", False), ("127.0.0.1:9002", True), ("127.0.0.1", False)):
        report = Recorder()
        values = ACTION.bind({"old_hosts": [old]}, new_context(systems(world, "stripe")))
        assert ACTION.run(values, report).ok is ok


def test_a_key_that_is_refused_or_live_in_a_rehearsal_is_red(world: World, new_context: Make) -> None:
    for key, why in (("sk_test_wrong", "401"), ("sk_live_wrong", "live key")):
        outcome, facts, text = listed(new_context, systems(world, "stripe", secret_key=key))
        assert not outcome.ok
        assert why in outcome.summary
        assert key not in f"{facts}{text}"


@pytest.mark.parametrize("mood", ["down", "rate_limited"])
def test_a_provider_in_trouble_is_red_with_its_error(world: World, new_context: Make, mood: str) -> None:
    with world.mood("stripe", mood):
        outcome, _, _ = listed(new_context, systems(world, "stripe"))
    assert not outcome.ok
    assert "stripe: Stripe" in outcome.summary


def test_the_preview_names_the_requests_and_sends_none(new_context: Make) -> None:
    settings = {"kind": "payments", "url": "https://api.example.org/v1", "secret_key": "sk_test_x"}
    known = {
        "stripe": {**settings, "provider": "stripe"},
        "paystack": {**settings, "provider": "paystack"},
    }
    lines = ACTION.preview(ACTION.bind({"old_hosts": ["Flask.example.org"]}, new_context(known))).lines
    assert lines[0] == "GET https://api.example.org/v1/webhook_endpoints"
    assert "a person looks into" in lines[1]
    assert lines[2] == "None may lead to: flask.example.org."


def test_it_needs_an_old_host_and_can_be_cancelled(world: World, new_context: Make) -> None:
    with pytest.raises(forms.ValidationError):
        ACTION.bind({}, new_context({}))
    values = ACTION.bind({"old_hosts": ["x"]}, new_context(systems(world, "stripe")))
    with pytest.raises(Cancelled):
        ACTION.run(values, Recorder(cancel_when=lambda report: True))
    assert ACTION.probe(values, {}).status == ProbeStatus.NOT_DONE


def test_the_sandbox_is_as_strict_as_stripe(world: World) -> None:
    assert stripe(world, "?limit=101").status == 400
    assert stripe(world, "?starting_after=we_none").status == 400
    assert stripe(world, url=NEW).status == 400
    assert stripe(world, **{"url": "ftp://x", "enabled_events[0]": "*"}).status == 400
    assert stripe(world, "/we_none", "DELETE").status == 404
    assert stripe(world, method="PUT", x="y").status == 404


@pytest.mark.parametrize(
    ("url", "old"),
    [
        ("https://flask.example.org./webhooks", True),
        ("https://FLASK.example.org:8443/", True),
        ("https://flask.example.org:443/", True),
        ("https://user@flask.example.org/", True),
        ("https://flask.example.org.invalid/", False),
        ("https://new.example.org/?was=flask.example.org", False),
        ("https://[broken/", False),
        ("https://new.example.org:port/", False),
    ],
)
def test_an_old_host_is_recognised_in_every_spelling(url: str, old: bool) -> None:
    assert _leads_to(url, {"flask.example.org"}) is old


# ── the route ────────────────────────────────────────────────────────────────

ROUTE = {"path": "/hooks/{provider}", "events": {"stripe": ["checkout.session.completed"]}}


def with_route(make: Make, world: World, **more: Any) -> Outcome:
    known = systems(world, "stripe") | {"new": {"kind": "http", "url": NEW}}
    return listed(make, known, new="new", **(ROUTE | more))[0]


def test_the_exact_route_has_to_be_registered(
    world: World, registers: Callable[[str], str], new_context: Make
) -> None:
    registers(f"{NEW}/hooks/paystack")
    outcome = with_route(new_context, world)
    assert f"no registered address is {NEW}/hooks/stripe" in outcome.summary
    registers(f"{NEW}/hooks/stripe")
    assert with_route(new_context, world).ok


def test_a_disabled_address_and_one_without_the_event_are_red(
    world: World, registers: Callable[[str], str], new_context: Make
) -> None:
    identity = registers(f"{NEW}/hooks/stripe")
    wanted = {"stripe": ["checkout.session.completed", "charge.refunded"]}
    assert "does not get charge.refunded" in with_route(new_context, world, events=wanted).summary
    assert stripe(world, f"/{identity}", "POST", disabled="true").ok
    assert "its state is “disabled”" in with_route(new_context, world).summary


def test_only_the_named_providers_are_asked(world: World, new_context: Make) -> None:
    known = systems(world, "stripe", *HAND)
    outcome, facts, _ = listed(new_context, known, providers=["paystack"], by_hand=["paystack"])
    assert outcome.ok, outcome.summary
    assert [place["system"] for place in facts["places"]] == ["paystack"]


def test_a_route_without_the_new_stack_is_refused(world: World, new_context: Make) -> None:
    with pytest.raises(forms.ValidationError, match="about the route at new"):
        ACTION.bind({"old_hosts": ["x"], "path": "/hooks"}, new_context(systems(world, "stripe")))
