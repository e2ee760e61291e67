"""A stand-in for Google's sign-in: the consent page, the token endpoint with its errors, who it was.

developers.google.com/identity/protocols/oauth2/web-server, googleapis.com/discovery/v1/apis/oauth2/v2/rest
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from integrations.sandbox.providers.consent import Consent, Person, redirect_of
from integrations.sandbox.serving import Answer, Asked

SCOPES = frozenset({"openid", "email", "profile"})


class Google:
    """``/o/oauth2/v2/auth``, ``/token``, who it was (``/v1/userinfo``, ``/oauth2/v2/userinfo``)."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.secret = environ.get("GOOGLE_CLIENT_SECRET", "")
        self.client = environ.get("GOOGLE_CLIENT_ID", "")
        self.consent = Consent("Google", self.client, redirect_of(environ, "google"), SCOPES)
        self.tokens: dict[str, Person] = {}

    def __call__(self, asked: Asked) -> Answer:
        """One question."""
        if asked.path == "/o/oauth2/v2/auth" and asked.method in ("GET", "POST"):
            return self.consent.page(asked)
        if (asked.method, asked.path) == ("POST", "/token"):
            return self.exchange(asked.form())
        if asked.method == "GET" and asked.path in ("/v1/userinfo", "/oauth2/v2/userinfo"):
            return self.who(asked)
        return Answer(404, {"error": "not_found"})

    def exchange(self, given: Mapping[str, str]) -> Answer:
        """The client first, then the grant, then the address, then the code, as Google looks."""
        if given.get("client_id") != self.client or not self.client:
            return refused(401, "invalid_client", "The OAuth client was not found.")
        if given.get("client_secret") != self.secret:
            return refused(401, "invalid_client", "Unauthorized")
        if given.get("grant_type") != "authorization_code":
            return refused(400, "unsupported_grant_type", f"Invalid grant_type: {given.get('grant_type')}")
        if given.get("redirect_uri") != self.consent.redirect:
            return refused(400, "redirect_uri_mismatch", "Bad Request")
        person = self.consent.take(given.get("code", ""), given["redirect_uri"])
        if person is None:
            return refused(400, "invalid_grant", "Malformed auth code.")
        token = secrets.token_urlsafe(32)
        self.tokens[token] = person
        more = {"refresh_token": secrets.token_urlsafe(32)} if person.offline else {}
        return Answer(200, {"access_token": token, "expires_in": 3599, "token_type": "Bearer", **more})

    def who(self, asked: Asked) -> Answer:
        """The person behind a token."""
        person = self.tokens.get(asked.headers.get("authorization", "").removeprefix("Bearer "))
        if person is None:
            return refused(401, "invalid_request", "Invalid Credentials")
        name = {"name": "Test Person", "given_name": "Test", "family_name": "Person"}
        if asked.path.startswith("/v1/"):
            return Answer(200, {"sub": person.subject, "email": person.email, "email_verified": True, **name})
        return Answer(200, {"id": person.subject, "email": person.email, "verified_email": True, **name})


def refused(status: int, error: str, description: str) -> Answer:
    """RFC 6749, 5.2."""
    return Answer(status, {"error": error, "error_description": description})
