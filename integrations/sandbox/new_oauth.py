"""The new API's sign-in by other providers, as it was recorded (`customer/answers/oauth-*`).

Each defect is shown until its repair is applied: `repairs.yaml`.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row

from integrations.sandbox.new_oauth_providers import PATHS, Identity, OAuthProvider, ProviderRefusal
from integrations.sandbox.repairs import AppliedRepairs
from integrations.sandbox.serving import Answer, Asked

PREFIX = "/auth/providers/"
SESSION = timedelta(days=7)
SIGNED_IN = "<!doctype html><title>Signed in</title><h1>You are signed in.</h1>"


class OAuth:
    """``GET /auth/providers/NAME/authorize`` and the callback; ``environ`` has the clients by their names."""

    def __init__(self, database: str, environ: Mapping[str, str]) -> None:
        self.database, self.environ = database, environ
        self.repairs = AppliedRepairs.of(environ)
        self.states: set[str] = set()  # those that were handed out, once the API keeps them
        self.lock = threading.Lock()

    def answer(self, asked: Asked) -> Answer | None:
        """None for what is no sign-in."""
        name, _, what = asked.path.removeprefix(PREFIX).partition("/")
        if not asked.path.startswith(PREFIX) or (asked.method, what) not in self._routes():
            return None
        if name == "password":
            return _refused(401, "Password authentication does not support OAuth flows")
        if name not in PATHS or not self.environ.get(f"{name.upper()}_CLIENT_ID"):
            return Answer(500, {"statusCode": 500, "message": "Internal server error"})
        provider = OAuthProvider(name, self.environ, self.repairs)
        if what == "authorize":
            return self._authorize(provider, asked)
        answer = self._callback(provider, _given(asked))
        return Answer(200, SIGNED_IN) if asked.method == "GET" and answer.status == 201 else answer

    def _routes(self) -> list[tuple[str, str]]:
        routes = [("GET", "authorize"), ("POST", "callback")]
        return routes + ([("GET", "callback")] if self.repairs.has("oauth-callback") else [])

    # ── states ───────────────────────────────────────────────────────────────

    def _authorize(self, provider: OAuthProvider, asked: Asked) -> Answer:
        names = ("redirectUri", "state")
        facts = {name: asked.query[name] for name in names if name in asked.query}
        if self.repairs.has("oauth-state"):
            facts["nonce"] = secrets.token_urlsafe(24)
        state = encode_state(facts)
        with self.lock:
            self.states.add(state)
        url = provider.authorize_url(state, facts.get("redirectUri", ""))
        return Answer(200, {"authorizationUrl": url, "state": state})

    def _is_ours(self, state: str) -> bool:
        """Whether the state may be used: any may, until the API keeps those that it hands out."""
        if not self.repairs.has("oauth-state"):
            return True
        with self.lock:
            known = state in self.states
            self.states.discard(state)
        return known

    # ── the callback ─────────────────────────────────────────────────────────

    def _callback(self, provider: OAuthProvider, given: Mapping[str, Any]) -> Answer:
        code, state = given.get("code"), given.get("state")
        if not isinstance(code, str):
            return _refused(400, ["code must be a string"])
        if not self._is_ours(str(state or "")):
            return _refused(401, "Invalid state")
        redirect = decode_state(str(state or "")).get("redirectUri", "")
        try:
            identity = provider.exchange(code, redirect)
        except ProviderRefusal:
            return _refused(401, "Failed to authenticate with provider")
        with psycopg.connect(self.database, connect_timeout=3, row_factory=dict_row) as connection:
            user = _keep(connection, provider.name, identity)
            if user is None:
                return _refused(409, "An account already exists for this email")
            session = _begin_session(connection, user["id"])
        body = {"account": _account(user, provider.name, identity), "session": session}
        return Answer(201, {**body, "redirectUri": redirect} if self.may_return(redirect) else body)

    def may_return(self, redirect: str) -> bool:
        """Whether the browser may be sent there afterwards: its origin is one of CORS_ORIGINS."""
        origins = [origin.strip() for origin in self.environ.get("CORS_ORIGINS", "").split(",")]
        return any(origin and redirect.startswith(f"{origin}/") for origin in origins)


Connection = psycopg.Connection[dict[str, Any]]


def _keep(connection: Connection, provider: str, identity: Identity) -> dict[str, Any] | None:
    """The user of the identity, its row written; None when another account has that address already."""
    values = [
        identity.tokens.get("access_token"),
        identity.tokens.get("refresh_token"),
        identity.expires,
        provider,
        identity.provider_id,
    ]
    known = connection.execute(
        "UPDATE account_providers SET access_token = %s, refresh_token = %s, expires_at = %s,"
        " updated_at = now() AT TIME ZONE 'UTC' WHERE provider = %s AND provider_id = %s RETURNING user_id",
        values,
    ).fetchone()
    if known is not None:
        return connection.execute("SELECT * FROM users WHERE id = %s", [known["user_id"]]).fetchone()
    email = identity.email.strip().lower()
    user = connection.execute(
        "INSERT INTO users (email, username, first_name, last_name, roles)"
        " VALUES (%s, %s, %s, %s, '{member}') ON CONFLICT (email) DO NOTHING RETURNING *",
        [email, f"{email.partition('@')[0]}-{secrets.token_hex(3)}", identity.first_name, identity.last_name],
    ).fetchone()
    if user is not None:
        connection.execute(
            "INSERT INTO account_providers (access_token, refresh_token, expires_at, provider, provider_id,"
            " user_id) VALUES (%s, %s, %s, %s, %s, %s)",
            [*values, user["id"]],
        )
    return user


def _begin_session(connection: Connection, user: int) -> dict[str, Any]:
    now = datetime.now(UTC).replace(tzinfo=None)
    session = {
        "token": secrets.token_hex(48),
        "userId": str(user),
        "createdAt": now,
        "expiresAt": now + SESSION,
    }
    connection.execute(
        "INSERT INTO sessions (token, user_id, created_at, expires_at) VALUES (%s, %s, %s, %s)",
        [session["token"], user, now, now + SESSION],
    )
    return session


def _account(user: Mapping[str, Any], provider: str, identity: Identity) -> dict[str, Any]:
    row: dict[str, Any] = {"provider": provider, "providerId": identity.provider_id}
    row |= {"accessToken": identity.tokens.get("access_token")}
    row |= {"refreshToken": token} if (token := identity.tokens.get("refresh_token")) else {}
    row |= {"expiresAt": identity.expires} if identity.expires else {}
    return {
        "id": str(user["id"]),
        "email": user["email"],
        "firstName": user["first_name"],
        "lastName": user["last_name"],
        "createdAt": user["created_at"],
        "updatedAt": user["updated_at"],
        "roles": ["member"],
        "providers": [row],
    }


def _given(asked: Asked) -> Mapping[str, Any]:
    """Code and state, from the query, a form, or JSON."""
    if asked.method == "GET":
        return asked.query
    if "urlencoded" in asked.headers.get("content-type", ""):
        return asked.form()
    try:
        return asked.json()
    except ValueError:
        return {}


def encode_state(facts: Mapping[str, str]) -> str:
    """The facts as JSON in base64url without padding: ``e30`` for none."""
    text = json.dumps(facts, separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_state(state: str) -> dict[str, str]:
    """The facts in a state; empty for what is none."""
    try:
        found = json.loads(base64.urlsafe_b64decode(state + "=" * (-len(state) % 4)))
    except (ValueError, binascii.Error):
        return {}
    return {name: value for name, value in found.items() if isinstance(value, str)} if found else {}


def _refused(status: int, message: Any) -> Answer:
    names = {400: "Bad Request", 401: "Unauthorized", 409: "Conflict"}
    return Answer(status, {"message": message, "error": names[status], "statusCode": status})
