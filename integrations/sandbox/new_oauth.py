"""The new API's sign-in by other providers: authorize URLs, callbacks, a row for each account."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import jwt
import psycopg

from integrations.clients.http import Caller, Reply
from integrations.clients.oauth import apple_secret
from integrations.sandbox.providers.consent import Person
from integrations.sandbox.serving import Answer, Asked
from integrations.systems import System

PREFIX = "/auth/providers/"
#: provider → path of its authorize page, scopes
PAGES = {
    "google": ("/o/oauth2/v2/auth", "openid email profile"),
    "facebook": ("/v19.0/dialog/oauth", "email,public_profile"),
    "apple": ("/auth/authorize", "name email"),
}


class OAuth:
    """``GET /auth/providers/NAME/authorize`` and the callback; ``environ`` has the clients by their names."""

    def __init__(self, database: str, environ: Mapping[str, str]) -> None:
        self.database, self.environ = database, environ
        self.states: set[str] = set()
        self.lock = threading.Lock()

    def answer(self, asked: Asked) -> Answer | None:
        """None for what is no sign-in."""
        if not asked.path.startswith(PREFIX):
            return None
        provider, _, what = asked.path.removeprefix(PREFIX).partition("/")
        if provider not in PAGES or what not in ("authorize", "callback"):
            return None
        if not self._setting(provider, "CLIENT_ID"):
            return Answer(500, {"statusCode": 500, "message": "Internal server error"})
        if what == "authorize":
            return Answer(200, {"url": self._authorize(provider)})
        return self._callback(provider, asked)

    def _authorize(self, provider: str) -> str:
        path, scope = PAGES[provider]
        state = secrets.token_urlsafe(24)
        with self.lock:
            self.states.add(state)
        query = {
            "client_id": self._setting(provider, "CLIENT_ID"),
            "redirect_uri": self._redirect(provider),
            "response_type": "code",
            "scope": scope,
            "state": state,
        }
        if provider == "apple":
            query["response_mode"] = "form_post"
        return f"{self._base(provider)}{path}?{urlencode(query)}"

    def _callback(self, provider: str, asked: Asked) -> Answer:
        given = asked.form() if asked.method == "POST" else asked.query
        with self.lock:
            known = given.get("state", "") in self.states
            self.states.discard(given.get("state", ""))
        if not known:
            return _refused("Invalid state")
        exchange: dict[str, Callable[[str], Person | None]] = {
            "google": self._google,
            "facebook": self._facebook,
            "apple": self._apple,
        }
        person = exchange[provider](given.get("code", ""))
        if person is None:
            return _refused("The provider did not take the code")
        self._keep(provider, person)
        return Answer(200, "<!doctype html><title>Signed in</title><h1>You are signed in.</h1>")

    def _google(self, code: str) -> Person | None:
        sent = self._client("google") | {"grant_type": "authorization_code", "code": code}
        token = _json(self._ask("google", "/token", form=sent)).get("access_token")
        who = _json(self._ask("google", "/v1/userinfo", headers={"Authorization": f"Bearer {token}"}))
        return Person(who["sub"], who["email"]) if "sub" in who else None

    def _facebook(self, code: str) -> Person | None:
        query = urlencode(self._client("facebook") | {"code": code})
        token = _json(self._ask("facebook", f"/oauth/access_token?{query}")).get("access_token")
        who = _json(self._ask("facebook", f"/me?{urlencode({'fields': 'id,email', 'access_token': token})}"))
        return Person(who["id"], who["email"]) if "id" in who else None

    def _apple(self, code: str) -> Person | None:
        settings = {
            name: self._setting("apple", name.upper()) for name in ("team_id", "key_id", "private_key")
        }
        settings["client_id"] = self._setting("apple", "CLIENT_ID")
        secret = apple_secret.make(System("apple", "oauth", settings, {})).token
        sent = self._client("apple") | {
            "grant_type": "authorization_code",
            "code": code,
            "client_secret": secret,
        }
        token = _json(self._ask("apple", "/auth/token", form=sent)).get("id_token")
        if not token:
            return None
        # from the token endpoint itself: its signature need not be looked at (OpenID Connect, 3.1.3.7)
        claims = jwt.decode(token, options={"verify_signature": False})
        return Person(claims["sub"], claims["email"])

    def _keep(self, provider: str, person: Person) -> None:
        with psycopg.connect(self.database, connect_timeout=3) as connection:
            row = connection.execute(
                "INSERT INTO users (email, name) VALUES (%s, %s) ON CONFLICT (email) DO UPDATE"
                " SET last_login_at = now() AT TIME ZONE 'UTC' RETURNING id",
                [person.email, person.email.partition("@")[0]],
            ).fetchone()
            assert row is not None
            connection.execute(
                "INSERT INTO account_providers (user_id, provider, subject) VALUES (%s, %s, %s)"
                " ON CONFLICT (provider, subject) DO UPDATE SET updated_at = now() AT TIME ZONE 'UTC'",
                [row[0], provider, person.subject],
            )

    def _client(self, provider: str) -> dict[str, str]:
        """Who asks, as the token endpoints want it."""
        return {
            "client_id": self._setting(provider, "CLIENT_ID"),
            "client_secret": self._setting(provider, "CLIENT_SECRET"),
            "redirect_uri": self._redirect(provider),
        }

    def _ask(self, provider: str, path: str, **more: Any) -> Reply:
        base = self._base(provider)
        return Caller([urlsplit(base).hostname or ""]).ask(base, path, **more)

    def _base(self, provider: str) -> str:
        return self._setting(provider, "URL").rstrip("/")

    def _redirect(self, provider: str) -> str:
        return f"{self.environ.get('OAUTH_REDIRECT_BASE', '')}/{provider}/callback"

    def _setting(self, provider: str, name: str) -> str:
        return self.environ.get(f"{provider.upper()}_{name}", "")


def _json(reply: Reply) -> dict[str, Any]:
    found = reply.json() if reply.ok else {}
    return found if isinstance(found, dict) else {}


def _refused(why: str) -> Answer:
    return Answer(401, {"statusCode": 401, "message": why, "error": "Unauthorized"})
