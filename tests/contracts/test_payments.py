"""What we expect of the payment providers, checked with our stand-ins or their real sandboxes.

Without keys the stand-ins answer. With ``CONTRACT_<PROVIDER>_SECRET_KEY`` (a test key) in the environment the
provider's own sandbox is asked, at the address that the shipped runbook has: the same expectations hold, so a
stand-in that is kinder or stricter than its original shows itself.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator

import pytest

from integrations.clients.payments import KeyMode, PaymentProvider, get_payment_provider
from integrations.errors import Problem
from integrations.systems import System, Systems
from tests.customer_runbook import customer_runbook
from tests.integrations.sandbox.providers import PAYMENTS, World, providers

BACK = "https://cutover.invalid/back"
MINOR, CURRENCY = 150_050, "NGN"


def key_of(provider: str) -> str:
    return os.environ.get(f"CONTRACT_{provider.upper()}_SECRET_KEY", "")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with providers() as running:
        yield running


@pytest.fixture(params=PAYMENTS)
def system(request: pytest.FixtureRequest, world: World) -> dict[str, str]:
    """The system behind which the provider stands: its sandbox where there is a key for it."""
    name, key = request.param, key_of(request.param)
    if not key:
        return world.payments(name)
    runbook = customer_runbook()["systems"][name]
    address = System(name, "payments", {"url": runbook["url"]}, {})["url"]
    return {"kind": "payments", "provider": name, "url": address, "secret_key": key}


def made(system: dict[str, str], **changed: str) -> PaymentProvider:
    systems = Systems({"it": {**system, **changed}}, {})
    return get_payment_provider(systems["it"], systems)


@pytest.fixture
def provider(system: dict[str, str]) -> PaymentProvider:
    return made(system)


@pytest.fixture
def reference() -> str:
    return f"cutover-contract-{secrets.token_hex(8)}"


def test_the_account_is_read_with_a_test_key_and_tells_its_mode(provider: PaymentProvider) -> None:
    account = provider.read_account()
    assert account.mode in (KeyMode.TEST, KeyMode.UNKNOWN)
    assert provider.mode in (KeyMode.TEST, KeyMode.UNKNOWN)
    assert provider.system["secret_key"] not in account.summary


def test_an_unknown_key_is_refused(system: dict[str, str]) -> None:
    """The same shape, other characters: refused as a key, and not as something malformed."""
    key = system["secret_key"]
    other = key[:-6] + ("0" * 6 if key[-6:] != "0" * 6 else "1" * 6)
    assert made(system).read_with_key(other).status in (401, 403)
    with pytest.raises(Problem, match="refuses the key"):
        made(system, secret_key=other).read_account()


def test_a_started_payment_waits_with_exactly_its_amount(provider: PaymentProvider, reference: str) -> None:
    address = provider.create_checkout(reference, MINOR, CURRENCY, BACK)
    assert address.startswith(("https://", "http://127.0.0.1:"))
    payment = provider.find_payment(reference)
    if payment is not None:  # some providers list a payment only once somebody pays
        assert not payment.paid
        assert not payment.refunded
        assert (payment.minor, payment.currency) == (MINOR, CURRENCY)


def test_an_unused_reference_has_no_payment(provider: PaymentProvider) -> None:
    assert provider.find_payment(f"cutover-never-{secrets.token_hex(8)}") is None


def test_starting_a_payment_twice_does_not_double_it(provider: PaymentProvider, reference: str) -> None:
    """The same page again, another page of the same payment, or a refusal: never twice the amount."""
    provider.create_checkout(reference, MINOR, CURRENCY, BACK)
    with contextlib.suppress(Problem):
        provider.create_checkout(reference, MINOR, CURRENCY, BACK)
    payment = provider.find_payment(reference)
    assert payment is None or (payment.minor, payment.currency, payment.paid) == (MINOR, CURRENCY, False)
