"""What we expect of the payment providers, asked of our stand-ins or of their real sandboxes.

Without keys the stand-ins answer. With ``CONTRACT_<PROVIDER>_SECRET_KEY`` (a test key) in the environment the
provider's own sandbox is asked, at the address that the shipped runbook has: the same expectations hold, so a
stand-in that is kinder or stricter than its original shows itself.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from integrations.clients.payments import Mode, Provider, provider_of
from integrations.errors import Problem
from integrations.systems import System, Systems
from tests.integrations.sandbox.providers import PAYMENTS, World, providers

RUNBOOK = Path(__file__).resolve().parents[2] / "checklists/runbooks/covenant-connect.yaml"
BACK = "https://cutover.invalid/back"
MINOR, CURRENCY = 15_050, "NGN"


def key_of(provider: str) -> str:
    return os.environ.get(f"CONTRACT_{provider.upper()}_SECRET_KEY", "")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with providers() as running:
        yield running


@pytest.fixture(params=PAYMENTS)
def estate(request: pytest.FixtureRequest, world: World) -> dict[str, str]:
    """The system behind which the provider stands: its sandbox where there is a key for it."""
    name, key = request.param, key_of(request.param)
    if not key:
        return world.payments(name)
    runbook = yaml.safe_load(RUNBOOK.read_text())["systems"][name]
    address = System(name, "payments", {"url": runbook["url"]}, {})["url"]
    return {"kind": "payments", "provider": name, "url": address, "secret_key": key}


def made(estate: dict[str, str], **changed: str) -> Provider:
    systems = Systems({"it": {**estate, **changed}}, {})
    return provider_of(systems["it"], systems)


@pytest.fixture
def provider(estate: dict[str, str]) -> Provider:
    return made(estate)


@pytest.fixture
def reference() -> str:
    return f"cutover-contract-{secrets.token_hex(8)}"


def test_the_harmless_read_opens_with_a_test_key_and_says_its_mode(provider: Provider) -> None:
    account = provider.account()
    assert account.mode in (Mode.TEST, Mode.UNKNOWN)
    assert provider.mode in (Mode.TEST, Mode.UNKNOWN)
    assert provider.system["secret_key"] not in account.said


def test_a_key_that_is_not_known_is_refused(estate: dict[str, str]) -> None:
    """The same shape, other characters: refused as a key, and not as something malformed."""
    key = estate["secret_key"]
    other = key[:-6] + ("0" * 6 if key[-6:] != "0" * 6 else "1" * 6)
    assert made(estate).read_with(other).status in (401, 403)
    with pytest.raises(Problem, match="refuses the key"):
        made(estate, secret_key=other).account()


def test_a_payment_that_was_begun_waits_with_exactly_its_amount(provider: Provider, reference: str) -> None:
    address = provider.begin(reference, MINOR, CURRENCY, BACK)
    assert address.startswith(("https://", "http://127.0.0.1:"))
    payment = provider.look(reference)
    if payment is not None:  # some providers list a payment only once somebody pays
        assert not payment.paid
        assert not payment.refunded
        assert (payment.minor, payment.currency) == (MINOR, CURRENCY)


def test_a_reference_that_nobody_used_is_no_payment(provider: Provider) -> None:
    assert provider.look(f"cutover-never-{secrets.token_hex(8)}") is None


def test_beginning_twice_does_not_double_the_payment(provider: Provider, reference: str) -> None:
    """The same page again, another page of the same payment, or a refusal: never twice the amount."""
    provider.begin(reference, MINOR, CURRENCY, BACK)
    with contextlib.suppress(Problem):
        provider.begin(reference, MINOR, CURRENCY, BACK)
    payment = provider.look(reference)
    assert payment is None or (payment.minor, payment.currency, payment.paid) == (MINOR, CURRENCY, False)
