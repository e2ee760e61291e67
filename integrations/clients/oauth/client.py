"""Our client at a provider: what its authorize URL has to say, and whether the provider knows it.

A code that nobody gave out is sent to the token endpoint: a provider that knows client and secret
complains of the code (``invalid_grant``), one that does not complains of the client (RFC 6749, 5.2).
Facebook gives an app token for the client's own credentials instead.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from integrations.clients.http import Caller, Reply
from integrations.clients.oauth import apple_secret
from integrations.clients.oauth.authorize import Authorize, differences
from integrations.errors import Problem
from integrations.systems import System


@dataclass(frozen=True)
class Known:
    """Whether the provider takes the client, a sentence, and what else there is to know of it."""

    ok: bool
    said: str
    facts: Mapping[str, Any] = field(default_factory=dict)


class Client:
    """One client behind a system of kind ``oauth``; the addresses are the providers' documented ones."""

    authorize_path, token_url = "", ""
    scopes: frozenset[str] = frozenset()
    exactly: Mapping[str, str] = {"response_type": "code"}

    def __init__(self, system: System, caller: Caller) -> None:
        self.system, self.caller = system, caller

    @property
    def authorize_url(self) -> str:
        """Where people are sent to."""
        return self.system.get("authorize_url") or self.system["url"].rstrip("/") + self.authorize_path

    @property
    def redirect(self) -> str:
        """Where they come back to, letter by letter as the provider has it."""
        return self.system["redirect"]

    @property
    def token_address(self) -> str:
        """Where codes are exchanged."""
        return self.system.get("token_url") or self.token_url

    def wrong_with(self, first: Authorize, second: Authorize) -> list[str]:
        """What is not right in the API's two authorize URLs, in sentences."""
        wanted = {
            "endpoint": self.authorize_url,
            "client_id": self.system["client_id"],
            "redirect_uri": self.redirect,
            **self.exactly,
        }
        return differences(first, second, wanted, set(self.scopes))

    def secret(self) -> tuple[str, dict[str, Any]]:
        """The client's secret, and what there is to say of it."""
        return self.system["client_secret"], {}

    def known(self) -> Known:
        """Asks the token endpoint with a code that nobody gave out."""
        secret, facts = self.secret()
        form = {
            "grant_type": "authorization_code",
            "code": f"cutover-{secrets.token_hex(8)}",
            "redirect_uri": self.redirect,
            "client_id": self.system["client_id"],
            "client_secret": secret,
        }
        reply = self.caller.ask(self.token_address, form=form)
        error = _error(reply)
        if error == "invalid_grant":
            return Known(True, "knows the client, and refused a code that nobody gave out", facts)
        if error in ("invalid_client", "unauthorized_client"):
            return Known(False, f"refuses the client ({error}): {reply.says()}", facts)
        if error == "redirect_uri_mismatch":
            return Known(False, f"does not have {self.redirect} among the client's redirect addresses", facts)
        raise _unexpected(self.system, reply)


class Google(Client):
    """developers.google.com/identity/protocols/oauth2/web-server."""

    authorize_path = "/o/oauth2/v2/auth"
    token_url = "https://oauth2.googleapis.com/token"  # noqa: S105
    scopes = frozenset({"openid", "email"})


class Facebook(Client):
    """developers.facebook.com/docs/facebook-login: the version in the path is the API's choice."""

    token_url = "https://graph.facebook.com/oauth/access_token"  # noqa: S105
    scopes = frozenset({"email"})

    def wrong_with(self, first: Authorize, second: Authorize) -> list[str]:
        """Any version of the dialog at the right host."""
        base = self.system["url"].rstrip("/")
        inside = first.endpoint.removeprefix(base)
        if "authorize_url" not in self.system.settings and inside.endswith("/dialog/oauth"):
            first = replace(first, endpoint=self.authorize_url)
        return super().wrong_with(first, second)

    @property
    def authorize_url(self) -> str:
        """The dialog, without a version."""
        return self.system.get("authorize_url") or f"{self.system['url'].rstrip('/')}/dialog/oauth"

    def known(self) -> Known:
        """An app token for the client's own credentials; it is thrown away."""
        query = {
            "client_id": self.system["client_id"],
            "client_secret": self.system["client_secret"],
            "grant_type": "client_credentials",
        }
        reply = self.caller.ask(self.token_address, f"?{urlencode(query)}")
        if reply.ok and isinstance(_json(reply).get("access_token"), str):
            return Known(True, "gives an app token for the client's credentials")
        if reply.status in (400, 401):
            return Known(False, f"refuses the client: {reply.says()}")
        raise _unexpected(self.system, reply)


class Apple(Client):
    """developer.apple.com/documentation/signinwithapplerestapi: the secret is a JWT of our own."""

    authorize_path = "/auth/authorize"
    token_url = "https://appleid.apple.com/auth/token"  # noqa: S105
    scopes = frozenset({"name", "email"})
    # with scopes Apple only answers by a form that the browser posts
    exactly: Mapping[str, str] = {"response_type": "code", "response_mode": "form_post"}

    def secret(self) -> tuple[str, dict[str, Any]]:
        """Made from the key, for an hour; until when such a one could hold is told."""
        made = apple_secret.make(self.system)
        return made.token, {"client_secret_expires": made.expires, "key_id": self.system["key_id"]}


def client_of(system: System, caller: Caller) -> Client:
    """The client behind a system. Raises `Problem` for a provider that the panel does not speak to."""
    return {"google": Google, "facebook": Facebook, "apple": Apple}[system.driver()](system, caller)


def _json(reply: Reply) -> dict[str, Any]:
    try:
        found = reply.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _error(reply: Reply) -> str:
    return str(_json(reply).get("error", "")) if reply.status in (400, 401) else ""


def _unexpected(system: System, reply: Reply) -> Problem:
    return Problem(
        f"The token endpoint of “{system.name}” answered {reply.status}: {reply.says()}",
        means="Whether it knows the client is not known.",
        next="Too many requests or a fault of theirs: wait, then start this again. Else check token_url:.",
    )
