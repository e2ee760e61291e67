"""The sandbox's sign-in by other providers answers as recorded; repairs change what they name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import psycopg
import pytest
import requests

from integrations.sandbox import provider_keys, repairs
from integrations.sandbox.new_oauth import OAuth, decode_state, encode_state
from integrations.sandbox.new_oauth_providers import OAuthProvider, ProviderRefusal
from integrations.sandbox.people import FormPage
from integrations.sandbox.repairs import AppliedRepairs
from integrations.sandbox.serving import Asked
from tests.integrations.sandbox.signins import Signins, signins

ANSWERS = Path(repairs.__file__).parent / "customer" / "answers"
CLIENTS = {"GOOGLE_CLIENT_ID": "gid", "FACEBOOK_CLIENT_ID": "fid", "APPLE_CLIENT_ID": "aid"}
REACHABLE = ("api-ends-at-start", "provider-addresses")  # without these nothing could be tried


def facts(name: str) -> Any:
    return json.loads((ANSWERS / f"{name}.json").read_text())


@pytest.fixture(scope="module")
def backend(module_database: str) -> Iterator[Signins]:
    with signins(module_database, repairs=REACHABLE, CORS_ORIGINS="http://127.0.0.1") as running:
        yield running


def begin(backend: Signins, provider: str) -> dict[str, str]:
    target = f"{backend.api}/auth/providers/{provider}/authorize"
    redirect = {"redirectUri": f"{backend.base}/{provider}/callback"}
    return dict(requests.get(target, params=redirect, timeout=60).json())


def agree(backend: Signins, provider: str, person: str = "") -> dict[str, str]:
    """Code and state, as the browser brings them back."""
    form = {"agree": "yes", "person": person}
    url = begin(backend, provider)["authorizationUrl"]
    answer = requests.post(url, data=form, timeout=60, allow_redirects=False)
    if answer.is_redirect:
        return dict(parse_qsl(answer.headers["location"].partition("?")[2]))
    return {name: FormPage(answer.text).fields[name] for name in ("code", "state")}


def finish(backend: Signins, provider: str, **sent: Any) -> requests.Response:
    return requests.post(f"{backend.base}/{provider}/callback", timeout=60, **sent)


def shape(value: Any) -> Any:
    """The names of an answer, at every depth."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    return [shape(inner) for inner in value] if isinstance(value, list) else None


@pytest.mark.parametrize("path", sorted(ANSWERS.glob("oauth-authorize-*.json")), ids=lambda path: path.stem)
def test_authorize_answers_as_recorded(path: Path) -> None:
    recorded = json.loads(path.read_text())
    target, _, query = recorded["request"]["path"].partition("?")
    oauth = OAuth("", {} if path.stem.endswith("not-configured") else CLIENTS)
    answer = oauth.answer(Asked("GET", target, b"", dict(parse_qsl(query))))
    assert answer
    assert (answer.status, answer.body) == (recorded["response"]["status"], recorded["response"]["body"])


@pytest.mark.parametrize("provider", ["google", "facebook", "apple"])
def test_a_callback_answers_in_the_recorded_shape(backend: Signins, provider: str) -> None:
    recorded = facts(f"oauth-callback-{provider}")["response"]
    answer = finish(backend, provider, json=agree(backend, provider))
    wanted = {name: value for name, value in recorded["body"].items() if name != "redirectUri"}
    assert (answer.status_code, shape(answer.json())) == (recorded["status"], shape(wanted))
    assert re.fullmatch("[0-9a-f]{96}", answer.json()["session"]["token"])


def test_apples_form_is_answered_with_json_as_recorded(backend: Signins) -> None:
    recorded = facts("oauth-callback-apple-as-a-form")["response"]
    answer = finish(backend, "apple", data=agree(backend, "apple"))
    assert (answer.status_code, shape(answer.json())) == (recorded["status"], shape(recorded["body"]))


def test_the_redirect_address_is_told_back_only_for_a_known_origin(module_database: str) -> None:
    environ = {"CORS_ORIGINS": "https://app.example, https://other.example"}
    assert OAuth(module_database, environ).may_return("https://app.example/back")
    assert not OAuth(module_database, environ).may_return("https://app.example.evil.invalid/back")
    assert not OAuth(module_database, {}).may_return("")


def test_a_second_sign_in_updates_the_row_and_a_state_of_anybody_is_taken(backend: Signins) -> None:
    for _ in "ab":
        code = agree(backend, "google", "twice")["code"]
        invented = encode_state({"redirectUri": f"{backend.base}/google/callback"})
        assert finish(backend, "google", json={"code": code, "state": invented}).status_code == 201
    with psycopg.connect(backend.database) as connection:
        count = "select count(*) from account_providers where provider_id = 'google-twice'"
        assert connection.execute(count).fetchone() == (1,)


def test_refusals_are_those_recorded(backend: Signins) -> None:
    recorded = facts("oauth-callback-google-refused")
    answer = finish(backend, "google", json=recorded["request"]["body"])
    assert (answer.status_code, answer.json()) == (401, recorded["response"]["body"])
    with psycopg.connect(backend.database) as connection:
        connection.execute(
            "insert into users (email, username) values ('facebook.member@people.invalid', 'member')"
        )
    answer = finish(backend, "facebook", json=agree(backend, "facebook", "member"))
    wanted = facts("oauth-callback-email-already-there")["response"]
    assert (answer.status_code, answer.json()) == (wanted["status"], wanted["body"])
    with psycopg.connect(backend.database) as connection:  # as `carry-sign-ins` does it
        connection.execute(
            "insert into account_providers (user_id, provider, provider_id)"
            " select id, 'facebook', 'facebook-member' from users where username = 'member'"
        )
    assert finish(backend, "facebook", json=agree(backend, "facebook", "member")).status_code == 201
    missing = requests.get(f"{backend.base}/google/callback?code=x", timeout=60)
    assert missing.status_code == facts("oauth-callback-get")["response"]["status"]


def test_a_state_is_random_kept_and_holds_once_with_its_repair(backend: Signins) -> None:
    assert begin(backend, "google")["state"] == begin(backend, "google")["state"]
    backend.repairs.write_text(json.dumps([*REACHABLE, "oauth-state"]))
    try:
        first, second = (begin(backend, "google")["state"] for _ in "ab")
        assert first != second
        assert decode_state(first)["redirectUri"].endswith("/google/callback")
        given = agree(backend, "google")
        forged = {**given, "state": encode_state({"redirectUri": "r"})}
        statuses = [finish(backend, "google", json=sent).status_code for sent in (forged, given, given)]
        assert statuses == [401, 201, 401]
    finally:
        backend.repairs.write_text(json.dumps(REACHABLE))


def test_a_browser_may_come_back_by_get_with_its_repair(backend: Signins) -> None:
    backend.repairs.write_text(json.dumps([*REACHABLE, "oauth-callback"]))
    try:
        target = f"{backend.base}/google/callback"
        assert requests.get(target, timeout=60).status_code == 400
        answer = requests.get(target, params=agree(backend, "google"), timeout=60)
        assert answer.status_code == 200
        assert "You are signed in" in answer.text
    finally:
        backend.repairs.write_text(json.dumps(REACHABLE))


def test_addresses_come_from_settings_with_their_repair_only(tmp_path: Path) -> None:
    path = tmp_path / "repairs.json"
    path.write_text("[]")
    provider = OAuthProvider("google", {**CLIENTS, "GOOGLE_URL": "http://here"}, AppliedRepairs(path))
    assert provider.authorize_url("s", "").startswith("https://accounts.google.com/o/oauth2/v2/auth?")
    with pytest.raises(ProviderRefusal, match="sends nothing across the internet"):
        provider.exchange("code", "")
    path.write_text('["provider-addresses"]')
    assert provider.authorize_url("s", "").startswith("http://here/o/oauth2/v2/auth?")


def test_a_key_of_apple_with_written_out_line_breaks_is_not_read() -> None:
    key = {"APPLE_PRIVATE_KEY": provider_keys.apple_key(), "APPLE_CLIENT_ID": "aid", "APPLE_KEY_ID": "k"}
    with pytest.raises(ProviderRefusal, match="line breaks"):
        OAuthProvider("apple", key, AppliedRepairs(Path())).exchange("code", "")
