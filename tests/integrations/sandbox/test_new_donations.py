"""The sandbox's API begins, verifies and refunds gifts as the customer's was recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from integrations.sandbox import repairs
from tests.integrations.sandbox.gifts import Gifts, gifts

FACTS = Path(repairs.__file__).parent / "customer"
PROVIDERS = ("stripe", "paystack", "fincra", "flutterwave")
#: the names of provider's answers differ from those of the stand-in that they were recorded with
THEIRS = (*PROVIDERS, "verification", "refund")


@pytest.fixture(scope="module")
def backend(module_database: str) -> Iterator[Gifts]:
    with gifts(module_database) as running:
        yield running


def facts(name: str) -> Any:
    return json.loads((FACTS / "answers" / f"{name}.json").read_text())


def send(backend: Gifts, recorded: Any, identity: str = "") -> requests.Response:
    path = recorded["request"]["path"]
    if identity:
        path = f"/donations/{identity}/status"
    return requests.request(
        recorded["request"]["method"], backend.api + path, json=recorded["request"]["body"], timeout=10
    )


def names(gift: Any) -> Any:
    inner = {name for name in gift["metadata"] if name not in THEIRS}
    return sorted(gift), sorted(inner), sorted(name for name in gift["metadata"] if name in THEIRS)


REFUSALS = ("bad-provider", "negative", "no-email", "unknown-field")


@pytest.mark.parametrize("name", [f"donations-create-{name}" for name in REFUSALS])
def test_a_refused_gift_gets_the_recorded_answer(backend: Gifts, name: str) -> None:
    recorded = facts(name)
    answer = send(backend, recorded)
    assert answer.status_code == recorded["response"]["status"]
    if name.endswith(("no-email", "negative", "bad-provider")):
        assert answer.json() == recorded["response"]["body"]
    else:
        assert set(recorded["response"]["body"]["message"]) <= set(answer.json()["message"])


@pytest.mark.parametrize("name", ["donations-status-bad", "donations-status-unknown-id"])
def test_a_refused_status_gets_the_recorded_answer(backend: Gifts, name: str) -> None:
    recorded = facts(name)
    begun = send(backend, facts("donations-create-paystack")).json()
    answer = send(backend, recorded, begun["id"] if name.endswith("bad") else "999999")
    assert (answer.status_code, answer.json()) == (
        recorded["response"]["status"],
        recorded["response"]["body"],
    )


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_gift_is_begun_as_recorded(backend: Gifts, provider: str) -> None:
    recorded = facts(f"donations-create-{provider}")
    answer = send(backend, recorded)
    assert answer.status_code == 201, answer.text
    wanted, found = recorded["response"]["body"], answer.json()
    assert names(found) == names(wanted)
    same = ("memberId", "amount", "currency", "provider", "status")
    assert [found[name] for name in same] == [wanted[name] for name in same]
    with backend.without("provider-addresses"):
        refused = send(backend, recorded)
    assert (refused.status_code, refused.json()["error"]) == (502, "Bad Gateway")


def pay(backend: Gifts, gift: Any) -> None:
    requests.post(gift["metadata"]["authorizationUrl"], data={"pay": "yes"}, timeout=60).raise_for_status()


@pytest.mark.parametrize("provider", ["stripe", "paystack", "flutterwave"])
def test_a_paid_gift_is_completed_and_refunded_as_recorded(backend: Gifts, provider: str) -> None:
    gift = send(backend, facts(f"donations-create-{provider}")).json()
    pay(backend, gift)
    for step in ("complete", "refund"):
        recorded = facts(f"donations-{step}-{provider}")
        answer = send(backend, recorded, gift["id"])
        assert answer.status_code == 200, answer.text
        wanted, found = recorded["response"]["body"], answer.json()
        assert names(found) == names(wanted)
        assert found["status"] == wanted["status"]


def test_an_unpaid_session_is_confirmed_until_that_is_repaired(backend: Gifts) -> None:
    recorded = facts("donations-complete-stripe")
    begin = facts("donations-create-stripe")
    with backend.without("stripe-unpaid"):
        assert send(backend, recorded, send(backend, begin).json()["id"]).json()["status"] == "completed"
    assert send(backend, recorded, send(backend, begin).json()["id"]).json()["status"] == "pending"


def test_yen_are_asked_a_hundredfold_until_that_is_repaired(backend: Gifts) -> None:
    recorded = facts("donations-create-jpy-stripe")
    with backend.without("zero-decimal"):
        session = send(backend, recorded).json()["metadata"]["stripe"]["session"]
    assert (session["amount_total"], session["currency"]) == (50_000, "jpy")
    assert send(backend, recorded).json()["metadata"]["stripe"]["session"]["amount_total"] == 500


def test_any_status_may_be_set_by_hand(backend: Gifts) -> None:
    gift = send(backend, facts("donations-create-paystack")).json()
    assert send(backend, facts("donations-status-failed-by-hand"), gift["id"]).json()["status"] == "failed"
