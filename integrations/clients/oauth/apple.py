"""Apple (developer.apple.com/documentation/signinwithapplerestapi): the client secret is a JWT of our own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations.clients.oauth.apple_secret import make_client_secret
from integrations.clients.oauth.client import OAuthClient
from integrations.drivers import driver


@driver(
    "oauth",
    "apple",
    summary="Sign in with Apple",
    settings={"team_id": "", "key_id": "", "private_key": "the .p8 file, line breaks as `\\n`"},
    public=("team_id", "key_id"),
    dashboard="developer.apple.com, Identifiers, the Services ID: domains and return URLs",
)
class AppleClient(OAuthClient):
    """A Services ID."""

    authorize_path = "/auth/authorize"
    token_url = "https://appleid.apple.com/auth/token"  # noqa: S105  # an address, no password
    scopes = frozenset({"name", "email"})
    # with scopes Apple only answers by a form that the browser posts
    exactly: Mapping[str, str] = {"response_type": "code", "response_mode": "form_post"}

    def secret(self) -> tuple[str, dict[str, Any]]:
        """A secret that is valid for an hour, made from the key; the facts say until when."""
        made = make_client_secret(self.system)
        return made.token, {"client_secret_expires": made.expires, "key_id": self.system["key_id"]}
