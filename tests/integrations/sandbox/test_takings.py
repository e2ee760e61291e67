"""The stand-ins list what they took as their providers do, and the dual run reads it from them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from integrations.clients.http import HttpClient
from integrations.clients.payments import get_payment_provider
from integrations.systems import Systems
from integrations.traffic.dual_run import provider_totals
from tests.integrations.sandbox.providers import World, providers

GIVERS = 12  # more than a page of Flutterwave


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with providers() as started:
        yield started


@pytest.mark.parametrize("provider", ["stripe", "paystack", "flutterwave"])
def test_only_what_was_paid_since_then_is_counted_in_its_own_unit(world: World, provider: str) -> None:
    systems = Systems({provider: world.payments(provider)}, environ={})
    http_client = HttpClient.of(systems)
    client = get_payment_provider(systems[provider], systems)
    since = datetime.now(UTC) - timedelta(seconds=5)
    pages = [
        client.create_checkout(f"dual-{secrets.token_hex(6)}", 1250, "GHS", world.url)
        for _ in range(GIVERS + 1)
    ]
    for page in pages[:GIVERS]:
        assert http_client.request(page, form={"pay": "yes"}).ok
    assert provider_totals.read_provider_total(systems[provider], http_client, since).sums == {
        "GHS": Decimal("12.50") * GIVERS
    }
    later = datetime.now(UTC) + timedelta(seconds=5)
    assert provider_totals.read_provider_total(systems[provider], http_client, later).sums == {}


def test_fincra_tells_no_total_and_a_provider_that_is_down_is_said_to_be(world: World) -> None:
    systems = Systems({name: world.payments(name) for name in ("fincra", "paystack")}, environ={})
    http_client = HttpClient.of(systems)
    assert (
        "compare its dashboard by hand"
        in provider_totals.read_provider_total(systems["fincra"], http_client, datetime.now(UTC)).reason
    )
    with world.mood("paystack", "down"):
        down = provider_totals.read_provider_total(systems["paystack"], http_client, datetime.now(UTC))
    assert down.sums is None
    assert "paystack answers 5" in down.reason
