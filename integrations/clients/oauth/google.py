"""Google (developers.google.com/identity/protocols/oauth2/web-server)."""

from __future__ import annotations

from integrations.clients.oauth.client import OAuthClient
from integrations.drivers import driver


@driver(
    "oauth",
    "google",
    summary="OpenID Connect",
    dashboard="console.cloud.google.com, APIs & Services, Credentials: authorized origins and redirect URIs",
)
class GoogleClient(OAuthClient):
    """A web client of a Google Cloud project."""

    authorize_path = "/o/oauth2/v2/auth"
    token_url = "https://oauth2.googleapis.com/token"  # noqa: S105  # an address, no password
    scopes = frozenset({"openid", "email"})
