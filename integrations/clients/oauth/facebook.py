"""Facebook (developers.facebook.com/docs/facebook-login)."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import urlencode

from integrations.clients.oauth.authorize import AuthorizeUrl
from integrations.clients.oauth.client import ClientCheck, OAuthClient, json_object, unexpected_answer
from integrations.drivers import driver

VERSION = re.compile(r"/v\d+\.\d+$")


@driver(
    "oauth",
    "facebook",
    summary="Facebook Login",
    dashboard="developers.facebook.com, the app, Facebook Login, Settings: valid OAuth redirect URIs",
)
class FacebookClient(OAuthClient):
    """An app with Facebook Login. The API chooses the version in the path of the dialog."""

    token_url = "https://graph.facebook.com/oauth/access_token"  # noqa: S105  # an address, no password
    scopes = frozenset({"email"})

    def find_mistakes(self, first: AuthorizeUrl, second: AuthorizeUrl) -> list[str]:
        """As for other providers, but any version of the dialog at the right host is right."""
        host, _, path = first.endpoint.rpartition("/dialog/oauth")
        base = VERSION.sub("", host)
        if (
            "authorize_url" not in self.system.settings
            and base == self.system["url"].rstrip("/")
            and not path
        ):
            first = replace(first, endpoint=self.authorize_url)
        return super().find_mistakes(first, second)

    @property
    def authorize_url(self) -> str:
        """The dialog, without a version."""
        return self.system.get("authorize_url") or f"{self.system['url'].rstrip('/')}/dialog/oauth"

    def check_client(self) -> ClientCheck:
        """Asks for an app token with the client's own credentials, and discards it.

        Facebook documents no error code that tells an unknown client from an invented code.
        """
        query = {
            "client_id": self.system["client_id"],
            "client_secret": self.system["client_secret"],
            "grant_type": "client_credentials",
        }
        reply = self.http_client.request(self.token_address, f"?{urlencode(query)}")
        token = json_object(reply).get("access_token") if reply.ok else None
        if isinstance(token, str) and token.strip():
            return ClientCheck(True, "gives an app token for the client's credentials")
        if reply.status in (400, 401):
            return ClientCheck(False, f"refuses the client: {reply.error_text()}")
        raise unexpected_answer(self.system, reply)
