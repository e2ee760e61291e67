"""A sign-in client is right at the API and known to its provider, or it is said what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from integrations.actions import registry
from integrations.actions.base import Context, Seen
from integrations.clients.oauth import Authorize
from integrations.clients.oauth.authorize import differences
from integrations.errors import Cancelled, Problem
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.signins import SIGNINS, Signins, signins

ACTION = registry()["oauth.smoke"]


@pytest.fixture(scope="module")
def estate(module_database: str) -> Iterator[Signins]:
    with signins(module_database) as running:
        yield running


@pytest.fixture
def run(estate: Signins, new_context: Callable[..., Context]) -> Callable[..., Any]:
    def ran(report: Recorder | None = None, only: str = "", **changed: str) -> Any:
        names = [only] if only else SIGNINS
        systems = {name: estate.system(name, **(changed if name == only else {})) for name in names}
        context = new_context({"api": {"kind": "http", "url": estate.api}, **systems})
        return ACTION.run(ACTION.bind({"api": "api"}, context), report or Recorder())

    return ran


def test_all_three_are_right_and_known_and_no_secret_is_left(run: Any, estate: Signins) -> None:
    report = Recorder()
    outcome = run(report)
    assert outcome.ok, outcome.summary
    facts = {one["provider"]: one for one in report.facts["oauth"]}
    assert set(facts) == set(SIGNINS)
    assert "openid" in facts["google"]["scopes"]
    assert facts["apple"]["client_secret_expires"] in outcome.summary
    text = json.dumps(report.facts) + "\n".join(report.lines) + outcome.summary
    for name in ("GOOGLE_CLIENT_SECRET", "FACEBOOK_CLIENT_SECRET", "APPLE_PRIVATE_KEY"):
        assert estate.world.keys[name] not in text
    assert "eyJ" not in text, "Apple's secret is a JWT"


@pytest.mark.parametrize(
    ("provider", "changed", "said"),
    [
        ("google", {"client_secret": "another"}, "Google refuses the client (invalid_client)"),
        ("google", {"client_id": "another"}, "client_id is “"),
        ("google", {"redirect": "http://127.0.0.1:1/elsewhere"}, "redirect_uri is “"),
        ("facebook", {"client_secret": "another"}, "Error validating client secret."),
        ("apple", {"key_id": "OTHER"}, "Apple refuses the client (invalid_client)"),
        ("apple", {"team_id": "OTHER"}, "Apple refuses the client (invalid_client)"),
    ],
)
def test_what_differs_is_named(run: Any, provider: str, changed: dict[str, str], said: str) -> None:
    outcome = run(only=provider, **changed)
    assert not outcome.ok
    assert said in outcome.summary


def test_a_key_of_another_kind_is_no_key_of_apples(run: Any) -> None:
    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for key in (pem.decode(), "no key at all"):
        outcome = run(only="apple", private_key=key)
        assert not outcome.ok
        assert "is no EC key on P-256" in outcome.summary


@pytest.mark.parametrize("mood", ["down", "rate_limited"])
def test_a_provider_that_cannot_say_is_not_called_good(run: Any, estate: Signins, mood: str) -> None:
    with estate.world.mood("google", mood):
        outcome = run(only="google")
    assert not outcome.ok
    assert "token endpoint of “google” answered" in outcome.summary


def test_an_api_without_the_client_is_said_to_lack_it(new_database: Any, new_context: Any) -> None:
    with signins(new_database(), GOOGLE_CLIENT_ID="") as lacking:
        context = new_context(
            {"api": {"kind": "http", "url": lacking.api}, "google": lacking.system("google")}
        )
        outcome = ACTION.run(ACTION.bind({"api": "api"}, context), Recorder())
    assert "GOOGLE_… setting" in outcome.summary


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"state": ""}, "There is no state"),
        ({"state": "short"}, "The state has only 5 characters"),
        ({"scope": "openid"}, "scope lacks email"),
        ({"response_type": "token"}, "response_type is “token”"),
    ],
)
def test_each_part_of_the_authorize_url_is_looked_at(change: dict[str, str], said: str) -> None:
    right = {"client_id": "c", "redirect_uri": "r", "response_type": "code", "scope": "openid email"}
    wanted = {
        "endpoint": "https://p.invalid/auth",
        "client_id": "c",
        "redirect_uri": "r",
        "response_type": "code",
    }
    at = "https://p.invalid/auth"
    one, two = ({**right, "state": letter * 20} for letter in "ab")
    assert differences(Authorize(at, one, at), Authorize(at, two, at), wanted, {"openid", "email"}) == []
    wrong = differences(
        Authorize(at, {**one, **change}, at), Authorize(at, two, at), wanted, {"openid", "email"}
    )
    assert any(said in line for line in wrong), wrong
    same = differences(Authorize(at, one, at), Authorize(at, one, at), wanted, set())
    assert same == ["The state is the same twice: it protects nobody."]
    elsewhere = Authorize("https://q.invalid/auth", one, at)
    assert "leads to https://q.invalid/auth" in differences(elsewhere, elsewhere, wanted, set())[0]


def test_a_parameter_that_stands_there_twice_is_read_by_nobody_alike() -> None:
    at = "https://p.invalid/auth"
    urls = [
        f"{at}?client_id=c&redirect_uri=https://evil.invalid&redirect_uri=r&state={letter * 20}"
        for letter in "ab"
    ]
    wanted = {"endpoint": at, "client_id": "c", "redirect_uri": "r"}
    assert differences(Authorize.of(urls[0]), Authorize.of(urls[1]), wanted, set()) == [
        "redirect_uri stands there more than once."
    ]


@pytest.mark.parametrize("url", ["https://p.invalid@q.invalid/auth", "https://p.invalid.q.invalid/auth"])
def test_an_address_that_only_looks_like_the_providers_is_another(url: str) -> None:
    found = differences(Authorize.of(url), Authorize.of(url), {"endpoint": "https://p.invalid/auth"}, set())
    assert "leads to" in found[0]


def test_names_cancel_and_preview(run: Any, estate: Signins, new_context: Callable[..., Context]) -> None:
    context = new_context({"api": {"kind": "http", "url": estate.api}, "google": estate.system("google")})
    with pytest.raises(Problem, match="no system of kind oauth called twitter"):
        ACTION.run(ACTION.bind({"api": "api", "providers": ["twitter"]}, context), Recorder())
    values = ACTION.bind({"api": "api"}, context)
    with pytest.raises(Cancelled):
        ACTION.run(values, Recorder(cancel_when=lambda report: True))
    lines = ACTION.preview(values).lines
    assert "google/authorize, twice" in lines[0]
    assert estate.world.keys["GOOGLE_CLIENT_SECRET"] not in str(lines)
    assert ACTION.probe(values, {}).seen == Seen.NOT_DONE
