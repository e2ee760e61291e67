"""The sandbox's new API answers as the customer's was recorded, in each recorded state of its database."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.integrations.sandbox import recorded_answers
from tests.integrations.sandbox.api_states import States, sign_in

#: answers of other parts (webhooks, sign-in by providers, payments, front end, old application), and those of
#: requests that the sandbox does not take
OTHERS = ("old--", "frontend--", "webhook-", "oauth-", "donations-co", "donations-cr", "donations-r", "docs")
NOT_TAKEN = (
    *("donations-status", "email-providers-a", "email-providers-c", "email-send", "events-create"),
    *("events-patch", "events-ics", "integrations-c", "integrations-d", "integrations-g", "integrations-p"),
    *("churches-create", "churches-patch", "content-home-put", "content-sermons-create", "prayer-patch"),
)
#: of those not taken, what the sandbox answers all the same, because a check asks for it
TAKEN = (
    *("email-providers-activate-unknown", "email-send-no-subject", "events-patch-unknown"),
    *("events-patch-not-a-number", "prayer-patch-unknown"),
)
NAMES = [one for one in recorded_answers.names() if one in TAKEN or not one.startswith((*OTHERS, *NOT_TAKEN))]


def repeat(base: str, name: str, request: dict[str, Any]) -> requests.Response:
    """Sends a recorded request again."""
    text = json.dumps(request)
    if "{token}" in text:
        token = sign_in(base)
        request = json.loads(text.replace("{token}", token))
        if "after-logout" in name:
            requests.post(f"{base}/auth/logout", json={"token": token}, timeout=60)
    body = request["body"]
    raw = body if isinstance(body, str) else None
    if name == "too-large":
        raw = json.dumps({"a": "x" * 150_000})
    return requests.request(
        request["method"],
        base + request["path"],
        headers=request.get("headers") or {},
        data=raw,
        json=body if raw is None else None,
        timeout=60,
        allow_redirects=False,
    )


@pytest.mark.parametrize("name", NAMES)
def test_each_recorded_request_gets_the_recorded_answer(states: States, name: str) -> None:
    state, _, request = name.rpartition("--")
    recorded = recorded_answers.load(name)
    if not state:
        states.fill_users(states.aligned)
        if request in ("auth-register", "auth-register-short-password"):
            states.environment.execute("DELETE FROM users", database=states.aligned)
    answer = repeat(states.address(state), name, recorded["request"])
    want, text = recorded["response"], answer.content.decode()
    assert answer.status_code == want["status"], text
    assert recorded_answers.header_errors(want, answer) == []
    if want["body"] == "":
        assert text == ""
        return
    place = urlsplit(states.environ(state)["DATABASE_URL"])
    told = json.dumps(want["body"]).replace("db.example:5432", f"{place.hostname}:{place.port}")
    exact = want["status"] >= 400 or "health" in name
    assert recorded_answers.body_errors(json.loads(told), json.loads(text), exact=exact) == []


def test_every_recorded_answer_of_the_api_is_compared_or_named_as_left_out() -> None:
    assert len(NAMES) > 75
    assert {"database-read-only--login", "auth-session-after-logout", "cors-preflight"} <= set(NAMES)
