"""What we expect of the sign-in providers, checked with stand-ins, a third-party provider, or the originals.

With ``CONTRACT_<PROVIDER>_CLIENT_ID`` and the other settings of that client in the environment the provider
itself is asked; nobody has to sign in for it. `oidc-provider-mock` is an OpenID provider that others wrote.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
import requests

from integrations.clients.http import HttpClient
from integrations.clients.oauth import get_oauth_client
from integrations.clients.oauth.client import OAuthClient
from integrations.systems import Systems
from tests.integrations.clients.proxies import answers
from tests.integrations.sandbox.providers import World, providers
from tests.integrations.sandbox.signins import SIGNINS
from tests.ports import free_port
from tests.waiting import wait_for

BASE = "https://staging.cutover.invalid/auth/providers"
REAL = {
    "google": ("https://accounts.google.com", "https://oauth2.googleapis.com/token"),
    "facebook": ("https://www.facebook.com", "https://graph.facebook.com/oauth/access_token"),
    "apple": ("https://appleid.apple.com", "https://appleid.apple.com/auth/token"),
}
SETTINGS = ("client_id", "client_secret", "team_id", "key_id", "private_key", "redirect")


def made(settings: dict[str, str]) -> OAuthClient:
    systems = Systems({"it": settings}, {})
    return get_oauth_client(systems["it"], HttpClient.of(systems))


def real(provider: str) -> dict[str, str]:
    """The settings of a real client, where the environment has one."""
    given = {name: os.environ.get(f"CONTRACT_{provider.upper()}_{name.upper()}", "") for name in SETTINGS}
    if not given["client_id"]:
        return {}
    url, token = REAL[provider]
    known = {name: value for name, value in given.items() if value}
    return {"kind": "oauth", "provider": provider, "url": url, "token_url": token, **known}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with providers(OAUTH_REDIRECT_BASE=BASE) as running:
        yield running


@pytest.fixture(params=SIGNINS)
def client(request: pytest.FixtureRequest, world: World) -> dict[str, str]:
    return real(request.param) or world.oauth(request.param, BASE)


def test_a_known_client_with_an_invented_code_is_accepted(client: dict[str, str]) -> None:
    known = made(client).check_client()
    assert known.ok, known.summary
    assert client.get("client_secret", "-") not in known.summary


def test_another_secret_is_refused(client: dict[str, str]) -> None:
    changed = {"key_id": "OTHERKEYID"} if client["provider"] == "apple" else {"client_secret": "another"}
    known = made({**client, **changed}).check_client()
    assert not known.ok
    assert "refuses the client" in known.summary


@pytest.fixture(scope="module")
def openid() -> Iterator[str]:
    """An OpenID provider that others wrote, which knows registered clients only."""
    port = free_port()
    argv = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-registration", "true"]
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: answers(url))
        yield url
    finally:
        child.terminate()
        child.wait(90)


def test_a_third_party_openid_provider_is_understood(openid: str) -> None:
    found = requests.get(f"{openid}/.well-known/openid-configuration", timeout=60).json()
    wanted = {
        "redirect_uris": [f"{BASE}/google/callback"],
        "token_endpoint_auth_method": "client_secret_post",
    }
    registered = requests.post(found["registration_endpoint"], json=wanted, timeout=60).json()
    settings = {
        "kind": "oauth",
        "provider": "google",
        "url": openid,
        "token_url": found["token_endpoint"],
        "client_id": registered["client_id"],
        "client_secret": registered["client_secret"],
        "redirect": f"{BASE}/google/callback",
    }
    assert made(settings).check_client().ok
    assert not made({**settings, "client_secret": "another"}).check_client().ok
