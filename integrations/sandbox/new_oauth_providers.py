"""What the new API asks of Google, Facebook and Apple: authorize URLs, tokens, who it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import jwt

from integrations.clients.http import HttpClient, Response
from integrations.clients.oauth import (
    apple,  # noqa: F401 - its driver declares the settings of the kind “oauth”, which `System` asks for
    apple_secret,
)
from integrations.sandbox.repairs import AppliedRepairs
from integrations.systems import System

#: The addresses that the customer's code holds. They lead across the internet, so the sandbox only names
#: them; nothing is ever sent there.
FIXED = {
    "google": ("https://accounts.google.com", "https://oauth2.googleapis.com", "https://www.googleapis.com"),
    "facebook": ("https://www.facebook.com", "https://graph.facebook.com", "https://graph.facebook.com"),
    "apple": ("https://appleid.apple.com",) * 3,
}
#: the paths below them: authorize page, tokens, profile
PATHS = {
    "google": ("/o/oauth2/v2/auth", "/token", "/oauth2/v2/userinfo"),
    "facebook": ("/v14.0/dialog/oauth", "/v14.0/oauth/access_token", "/me"),
    "apple": ("/auth/authorize", "/auth/token", ""),
}


class ProviderRefusal(Exception):
    """The provider did not take the code, or cannot be reached from here."""


@dataclass(frozen=True)
class Identity:
    """Who signed in, with the tokens that the provider gave."""

    provider_id: str
    email: str
    first_name: str
    last_name: str
    tokens: Mapping[str, Any]

    @property
    def expires(self) -> datetime | None:
        """When the access token ends, in UTC without a zone."""
        seconds = self.tokens.get("expires_in")
        moment = datetime.now(UTC).replace(tzinfo=None)
        return moment + timedelta(seconds=seconds) if isinstance(seconds, int) else None


class OAuthProvider:
    """One provider as the API speaks to it; ``environ`` has the client by the names of its settings."""

    def __init__(self, name: str, environ: Mapping[str, str], repairs: AppliedRepairs) -> None:
        self.name, self.environ, self.repairs = name, environ, repairs

    def setting(self, name: str) -> str:
        """One of the settings of this provider."""
        return self.environ.get(f"{self.name.upper()}_{name}", "")

    def authorize_url(self, state: str, redirect: str) -> str:
        """The address that a browser opens, its parameters in the recorded order."""
        client = {"client_id": self.setting("CLIENT_ID")}
        query = {
            "google": {
                **client,
                "response_type": "code",
                "scope": "openid email profile",
                "access_type": "offline",
                "prompt": "consent",
            },
            "facebook": {**client, "response_type": "code", "scope": "email,public_profile"},
            "apple": {
                "response_type": "code",
                "response_mode": "form_post",
                "scope": "name email",
                **client,
            },
        }[self.name]
        back = {"redirect_uri": redirect} if redirect else {}
        return f"{self._address(0)}?{urlencode({**query, 'state': state, **back})}"

    def exchange(self, code: str, redirect: str) -> Identity:
        """Who a code stands for. Raises `ProviderRefusal`."""
        sent = {"client_id": self.setting("CLIENT_ID"), "client_secret": self._secret(), "code": code}
        if redirect:
            sent["redirect_uri"] = redirect
        if self.name == "facebook":
            tokens = self._ask(f"{self._address(1)}?{urlencode(sent)}")
        else:
            tokens = self._ask(self._address(1), form={**sent, "grant_type": "authorization_code"})
        who = self._profile(tokens)
        identity, email = who.get("id") or who.get("sub"), who.get("email")
        if not identity or not email:
            raise ProviderRefusal("The profile lacks fields")
        names = {"google": ("Google", "User"), "facebook": ("Facebook", "User"), "apple": ("Apple", "User")}
        first, last = names[self.name]
        given = who.get("given_name") or who.get("first_name") or first
        family = who.get("family_name") or who.get("last_name") or last
        return Identity(str(identity), str(email), given, family, tokens)

    def _secret(self) -> str:
        if self.name != "apple":
            return self.setting("CLIENT_SECRET")
        names = ("team_id", "key_id", "private_key", "client_id")
        settings = {name: self.setting(name.upper()) for name in names}
        if "\\n" in settings["private_key"]:  # deploy.json, apple_private_key
            raise ProviderRefusal("The key's line breaks are written as \\n")
        return apple_secret.make_client_secret(System("apple", "oauth", settings, {})).token

    def _profile(self, tokens: Mapping[str, Any]) -> dict[str, Any]:
        token = str(tokens.get("access_token", ""))
        if self.name == "google":
            return self._ask(self._address(2), headers={"Authorization": f"Bearer {token}"})
        if self.name == "facebook":
            fields = "id,email,first_name,last_name,picture"
            return self._ask(f"{self._address(2)}?{urlencode({'fields': fields, 'access_token': token})}")
        # from the token endpoint itself: its signature need not be looked at (OpenID Connect, 3.1.3.7)
        return dict(jwt.decode(str(tokens.get("id_token", "")), options={"verify_signature": False}))

    def _address(self, place: int) -> str:
        """Authorize page, tokens or profile: below the setting once the repair lets the API read it."""
        fixed = not self.repairs.has("provider-addresses")
        base = FIXED[self.name][place] if fixed else self.setting("URL").rstrip("/")
        return base + PATHS[self.name][place]

    def _ask(self, url: str, **more: Any) -> dict[str, Any]:
        if not self.repairs.has("provider-addresses"):
            raise ProviderRefusal("The sandbox sends nothing across the internet")
        reply: Response = HttpClient([urlsplit(url).hostname or ""]).request(url, **more)
        found = reply.json() if reply.ok else {}
        if not isinstance(found, dict) or not found:
            raise ProviderRefusal(f"{self.name} answered {reply.status}")
        return found
