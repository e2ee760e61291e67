"""Our Stripe client against localstripe, an implementation of Stripe's API that others wrote.

It knows neither checkout sessions nor the balance; what it shares with what we use is the refund.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from integrations.clients.payments import get_payment_provider
from integrations.clients.payments.provider import Payment
from integrations.systems import Systems
from tests.integrations.clients.proxies import answers
from tests.ports import free_port
from tests.waiting import wait_for

KEPT = Path("/tmp/localstripe.pickle")  # where it keeps what it knows, and nowhere else
KEY = "sk_test_only_for_this_machine"


@pytest.fixture(scope="module")
def stripe_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    child = subprocess.Popen(
        [sys.executable, "-m", "localstripe", "--port", str(port), "--from-scratch"],
        cwd=tmp_path_factory.mktemp("localstripe"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: answers(url))
        yield f"{url}/v1"
    finally:
        child.terminate()
        child.wait(90)
        KEPT.unlink(missing_ok=True)


def ask(url: str, **form: Any) -> dict[str, Any]:
    answer = requests.post(url, data=form, auth=(KEY, ""), timeout=60)
    assert answer.ok, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture
def paid(stripe_url: str) -> Payment:
    """A payment that localstripe took by its own test card."""
    card = {"card[number]": "4242424242424242", "card[exp_month]": "12", "card[exp_year]": "2034"}
    method = ask(f"{stripe_url}/payment_methods", type="card", **card, **{"card[cvc]": "123"})
    intent = ask(
        f"{stripe_url}/payment_intents",
        amount="15050",
        currency="ngn",
        payment_method=method["id"],
        confirm="true",
    )
    assert intent["status"] == "succeeded", intent
    return Payment("cutover-local", intent["id"], True, "paid", 15_050, "NGN", False)


def test_a_refund_is_understood_by_another_implementation(stripe_url: str, paid: Payment) -> None:
    settings = {"kind": "payments", "provider": "stripe", "url": stripe_url, "secret_key": KEY}
    systems = Systems({"it": settings}, {})
    stripe = get_payment_provider(systems["it"], systems)
    assert stripe.refund(paid) == "succeeded"
    listed = stripe.get(f"/refunds?payment_intent={paid.identity}&limit=1")
    assert [(one["status"], one["amount"]) for one in listed["data"]] == [("succeeded", paid.minor)]
