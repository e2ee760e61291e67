"""A sign-in client is right at the API and known to its provider, or it is said what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from integrations.actions import Context, ProbeStatus, registry
from integrations.clients.http import HttpClient
from integrations.clients.oauth import AuthorizeUrl, get_oauth_client
from integrations.clients.oauth.authorize import differences
from integrations.errors import Cancelled, Problem
from integrations.sandbox.repairs import load_repairs
from integrations.systems import Systems
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.signins import AUTHORIZE, SIGNINS, Signins, signins, without

ACTION = registry()["oauth.smoke"]
RAW = {"api": "api", "authorize": AUTHORIZE}


@pytest.fixture(scope="module")
def backend(module_database: str) -> Iterator[Signins]:
    with signins(module_database) as running:
        yield running


@pytest.fixture
def run(backend: Signins, new_context: Callable[..., Context]) -> Callable[..., Any]:
    def ran(report: Recorder | None = None, only: str = "", **changed: str) -> Any:
        names = [only] if only else SIGNINS
        systems = {name: backend.system(name, **(changed if name == only else {})) for name in names}
        context = new_context({"api": {"kind": "http", "url": backend.api}, **systems})
        return ACTION.run(ACTION.bind(RAW, context), report or Recorder())

    return ran


def test_three_right_clients_pass_and_no_secret_is_recorded(run: Any, backend: Signins) -> None:
    report = Recorder()
    outcome = run(report)
    assert outcome.ok, outcome.summary
    facts = {one["provider"]: one for one in report.facts["oauth"]}
    assert set(facts) == set(SIGNINS)
    assert "openid" in facts["google"]["scopes"]
    assert facts["apple"]["client_secret_expires"] in outcome.summary
    text = json.dumps(report.facts) + "\n".join(report.lines) + outcome.summary
    for name in ("GOOGLE_CLIENT_SECRET", "FACEBOOK_CLIENT_SECRET", "APPLE_PRIVATE_KEY"):
        assert backend.world.keys[name] not in text
    assert "eyJ" not in text, "Apple's secret is a JWT"


@pytest.mark.parametrize(
    ("provider", "changed", "said"),
    [
        ("google", {"client_secret": "another"}, "Google refuses the client (invalid_client)"),
        ("google", {"client_id": "another"}, "client_id is “"),
        (
            "google",
            {"redirect": "http://127.0.0.1:1/elsewhere"},
            "does not have http://127.0.0.1:1/elsewhere among the client's redirect addresses",
        ),
        ("facebook", {"client_secret": "another"}, "Error validating client secret."),
        ("apple", {"key_id": "OTHER"}, "Apple refuses the client (invalid_client)"),
        ("apple", {"team_id": "OTHER"}, "Apple refuses the client (invalid_client)"),
    ],
)
def test_what_differs_is_named(run: Any, provider: str, changed: dict[str, str], said: str) -> None:
    outcome = run(only=provider, **changed)
    assert not outcome.ok
    assert said in outcome.summary


@pytest.mark.parametrize(
    ("repair", "said"),
    [
        ("provider-addresses", "It leads to https://accounts.google.com/o/oauth2/v2/auth, not to http://"),
        ("oauth-state", "The state is the same twice: it protects nobody."),
        ("oauth-callback", "does not take a browser (GET: 404). The provider sends people back there by GET"),
    ],
)
def test_a_defect_is_red_with_its_cause_until_it_is_repaired(
    run: Any, backend: Signins, repair: str, said: str
) -> None:
    with without(backend, repair):
        outcome = run(only="google")
    assert not outcome.ok
    assert said in outcome.summary
    with without(backend, repair):
        assert not run(only="facebook").ok
    assert run(only="google").ok
    assert {"prove-sign-in", "oauth-sign-in"} <= set(load_repairs()[repair].items)


@pytest.mark.parametrize(
    ("path", "right"),
    [
        ("", True),
        ("/v14.0", True),
        ("/v14.0/more", False),
        (".evil.invalid", False),
        ("/v14.0/dialog/oauth", False),
    ],
)
def test_any_version_of_facebooks_dialog_is_right_at_its_own_host_only(
    backend: Signins, path: str, right: bool
) -> None:
    system = Systems({"facebook": backend.system("facebook")}, {})["facebook"]
    client = get_oauth_client(system, HttpClient([]))
    url = AuthorizeUrl.of(f"{system['url']}{path}/dialog/oauth")
    assert any("It leads to" in mistake for mistake in client.find_mistakes(url, url)) is not right


def test_a_redirect_address_that_nobody_answers_is_red(run: Any) -> None:
    outcome = run(only="google", redirect="http://127.0.0.1:9/google/callback")
    assert not outcome.ok
    assert "A browser cannot come back to http://127.0.0.1:9/google/callback" in outcome.summary


def test_a_key_of_another_kind_is_refused_for_apple(run: Any) -> None:
    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for key in (pem.decode(), "no key at all"):
        outcome = run(only="apple", private_key=key)
        assert not outcome.ok
        assert "is no EC key on P-256" in outcome.summary


@pytest.mark.parametrize("mood", ["down", "rate_limited"])
def test_a_provider_that_does_not_answer_is_red(run: Any, backend: Signins, mood: str) -> None:
    with backend.world.mood("google", mood):
        outcome = run(only="google")
    assert not outcome.ok
    assert "token endpoint of “google” answered" in outcome.summary


def test_an_api_without_the_client_is_reported(new_database: Any, new_context: Any) -> None:
    with signins(new_database(), GOOGLE_CLIENT_ID="") as lacking:
        context = new_context(
            {"api": {"kind": "http", "url": lacking.api}, "google": lacking.system("google")}
        )
        outcome = ACTION.run(ACTION.bind(RAW, context), Recorder())
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
def test_each_part_of_the_authorize_url_is_checked(change: dict[str, str], said: str) -> None:
    right = {"client_id": "c", "redirect_uri": "r", "response_type": "code", "scope": "openid email"}
    wanted = {
        "endpoint": "https://p.invalid/auth",
        "client_id": "c",
        "redirect_uri": "r",
        "response_type": "code",
    }
    at = "https://p.invalid/auth"
    one, two = ({**right, "state": letter * 20} for letter in "ab")
    assert (
        differences(AuthorizeUrl(at, one, at), AuthorizeUrl(at, two, at), wanted, {"openid", "email"}) == []
    )
    wrong = differences(
        AuthorizeUrl(at, {**one, **change}, at), AuthorizeUrl(at, two, at), wanted, {"openid", "email"}
    )
    assert any(said in line for line in wrong), wrong
    same = differences(AuthorizeUrl(at, one, at), AuthorizeUrl(at, one, at), wanted, set())
    assert same == ["The state is the same twice: it protects nobody."]
    elsewhere = AuthorizeUrl("https://q.invalid/auth", one, at)
    assert "leads to https://q.invalid/auth" in differences(elsewhere, elsewhere, wanted, set())[0]


def test_a_repeated_parameter_is_a_mistake() -> None:
    at = "https://p.invalid/auth"
    urls = [
        f"{at}?client_id=c&redirect_uri=https://evil.invalid&redirect_uri=r&state={letter * 20}"
        for letter in "ab"
    ]
    wanted = {"endpoint": at, "client_id": "c", "redirect_uri": "r"}
    assert differences(AuthorizeUrl.of(urls[0]), AuthorizeUrl.of(urls[1]), wanted, set()) == [
        "redirect_uri stands there more than once."
    ]


@pytest.mark.parametrize("url", ["https://p.invalid@q.invalid/auth", "https://p.invalid.q.invalid/auth"])
def test_an_address_that_resembles_the_providers_is_a_mistake(url: str) -> None:
    found = differences(
        AuthorizeUrl.of(url), AuthorizeUrl.of(url), {"endpoint": "https://p.invalid/auth"}, set()
    )
    assert "leads to" in found[0]


def test_unknown_names_cancel_and_preview(
    run: Any, backend: Signins, new_context: Callable[..., Context]
) -> None:
    context = new_context({"api": {"kind": "http", "url": backend.api}, "google": backend.system("google")})
    with pytest.raises(Problem, match="no system of kind oauth called twitter"):
        ACTION.run(ACTION.bind({**RAW, "providers": ["twitter"]}, context), Recorder())
    values = ACTION.bind(RAW, context)
    with pytest.raises(Cancelled):
        ACTION.run(values, Recorder(cancel_when=lambda report: True))
    lines = ACTION.preview(values).lines
    assert "google/authorize?redirectUri=http%3A%2F%2F" in lines[0]
    assert lines[1].endswith("/google/callback: does it take a browser?")
    assert backend.world.keys["GOOGLE_CLIENT_SECRET"] not in str(lines)
    assert ACTION.probe(values, {}).status == ProbeStatus.NOT_DONE
