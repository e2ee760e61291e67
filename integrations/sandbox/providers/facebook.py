"""A stand-in for Facebook's sign-in: the dialog, the Graph API's tokens, who it was."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

from integrations.sandbox.providers.consent import Consent, Person, redirect_of
from integrations.sandbox.serving import Answer, Asked

SCOPES = frozenset({"email", "public_profile"})
VERSION = re.compile(r"^/v\d+\.\d+(?=/)")


class Facebook:
    """``/dialog/oauth``, ``/oauth/access_token``, ``/me``, each also below a version."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.secret = environ.get("FACEBOOK_CLIENT_SECRET", "")
        self.client = environ.get("FACEBOOK_CLIENT_ID", "")
        self.consent = Consent("Facebook", self.client, redirect_of(environ, "facebook"), SCOPES)
        self.tokens: dict[str, Person] = {}

    def __call__(self, asked: Asked) -> Answer:
        """One question."""
        path = VERSION.sub("", asked.path)
        if path == "/dialog/oauth" and asked.method in ("GET", "POST"):
            return self.consent.page(asked)
        if (asked.method, path) == ("GET", "/oauth/access_token"):
            return self.token(asked.query)
        if (asked.method, path) == ("GET", "/me"):
            return self.who(asked.query)
        return refused("Unknown path components", "OAuthException", 2500)

    def token(self, given: Mapping[str, str]) -> Answer:
        """For the app itself, or for a code."""
        if given.get("client_id") != self.client or not self.client:
            return refused(
                "Error validating application. Cannot get application info.", "OAuthException", 101
            )
        if given.get("client_secret") != self.secret:
            return refused("Error validating client secret.", "OAuthException", 1)
        if given.get("grant_type") == "client_credentials":
            return Answer(
                200, {"access_token": f"{self.client}|{secrets.token_urlsafe(16)}", "token_type": "bearer"}
            )
        person = self.consent.take(given.get("code", ""), given.get("redirect_uri", ""))
        if person is None:
            return refused("Invalid verification code format.", "OAuthException", 100)
        token = secrets.token_urlsafe(32)
        self.tokens[token] = person
        return Answer(200, {"access_token": token, "token_type": "bearer", "expires_in": 5_183_944})

    def who(self, given: Mapping[str, str]) -> Answer:
        """The person behind a token."""
        person = self.tokens.get(given.get("access_token", ""))
        if person is None:
            return refused("Invalid OAuth access token.", "OAuthException", 190)
        fields = {
            "id": person.subject,
            "email": person.email,
            "name": "Test Person",
            "first_name": "Test",
            "last_name": "Person",
        }
        wanted = given.get("fields", "id,name").split(",")
        return Answer(200, {name: value for name, value in fields.items() if name in wanted})


def refused(message: str, kind: str, code: int) -> Answer:
    """As the Graph API puts it."""
    return Answer(400, {"error": {"message": message, "type": kind, "code": code}})
