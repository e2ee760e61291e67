"""A stand-in for Apple's sign-in: form_post, and a client secret that is a JWT by the client's own key."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from integrations.clients.oauth.apple_secret import AUDIENCE
from integrations.sandbox.providers.consent import Consent, Person, redirect_of
from integrations.sandbox.providers.google import refused
from integrations.sandbox.serving import Answer, Asked

SCOPES = frozenset({"name", "email"})
LONGEST = 15_777_000  # seconds that a client secret may hold: six months


class Apple:
    """``/auth/authorize``, ``/auth/token``. The public key is taken from the private one that it gave out."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.client, self.team = environ.get("APPLE_CLIENT_ID", ""), environ.get("APPLE_TEAM_ID", "")
        self.key_id, pem = environ.get("APPLE_KEY_ID", ""), environ.get("APPLE_PRIVATE_KEY", "")
        key = load_pem_private_key(pem.replace("\\n", "\n").encode(), None) if pem else None
        self.public = key.public_key() if isinstance(key, ec.EllipticCurvePrivateKey) else None
        self.own = ec.generate_private_key(ec.SECP256R1())  # signs what it says of people
        self.consent = Consent("Apple", self.client, redirect_of(environ, "apple"), SCOPES)

    def __call__(self, asked: Asked) -> Answer:
        """One question."""
        if asked.path == "/auth/authorize" and asked.method in ("GET", "POST"):
            mode = {**asked.query, **(asked.form() if asked.method == "POST" else {})}.get("response_mode")
            if mode != "form_post":
                return Answer(
                    400, "<h1>response_mode must be form_post when name or email scope is requested.</h1>"
                )
            return self.consent.page(asked)
        if (asked.method, asked.path) == ("POST", "/auth/token"):
            return self.exchange(asked.form())
        return Answer(404, "<h1>404</h1>")

    def exchange(self, given: Mapping[str, str]) -> Answer:
        """The client's JWT first, then the code."""
        if given.get("client_id") != self.client or not self._is_signed(given.get("client_secret", "")):
            return Answer(400, {"error": "invalid_client"})
        if given.get("grant_type") != "authorization_code":
            return Answer(400, {"error": "unsupported_grant_type"})
        person = self.consent.take(given.get("code", ""), given.get("redirect_uri", ""))
        if person is None:
            return refused(400, "invalid_grant", "The code has expired or has been revoked.")
        return Answer(
            200,
            {
                "access_token": secrets.token_urlsafe(32),
                "token_type": "Bearer",
                "expires_in": 3600,
                "refresh_token": secrets.token_urlsafe(32),
                "id_token": self._said_of(person),
            },
        )

    def _is_signed(self, secret: str) -> bool:
        """By ES256 with the key of that id, for us, by this team, and for no longer than six months."""
        if self.public is None:
            return False
        try:
            if jwt.get_unverified_header(secret).get("kid") != self.key_id:
                return False
            claims = jwt.decode(
                secret,
                self.public,
                algorithms=["ES256"],
                audience=AUDIENCE,
                issuer=self.team,
                options={"require": ["exp", "iat", "sub"]},
            )
        except jwt.PyJWTError:
            return False
        return bool(claims["sub"] == self.client and claims["exp"] - claims["iat"] <= LONGEST)

    def _said_of(self, person: Person) -> str:
        now = int(time.time())
        claims = {
            "iss": AUDIENCE,
            "aud": self.client,
            "sub": person.subject,
            "email": person.email,
            "iat": now,
            "exp": now + 600,
        }
        return jwt.encode(claims, self.own, algorithm="ES256")
