"""Our client at an OAuth provider: what its authorize URL must contain, and whether the provider accepts it.

To check a client, an invented code is sent to the token endpoint. A provider that knows the client and its
secret complains of the code (``invalid_grant``), one that does not complains of the client (RFC 6749, 5.2).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from integrations.clients import load_drivers
from integrations.clients.http import HttpClient, Response
from integrations.clients.oauth.authorize import AuthorizeUrl, differences
from integrations.errors import Problem, Unreachable
from integrations.systems import System


@dataclass(frozen=True)
class ClientCheck:
    """Whether the provider accepts the client, a sentence about it, and further facts for evidence."""

    ok: bool
    summary: str
    facts: Mapping[str, Any] = field(default_factory=dict)


class OAuthClient:
    """The client of one system of kind ``oauth``; the drivers are its subclasses.

    ``token_url`` is the provider's documented token endpoint, ``scopes`` what the API has to ask for, and
    ``exactly`` the parameters whose values are fixed.
    """

    authorize_path, token_url = "", ""
    scopes: frozenset[str] = frozenset()
    exactly: Mapping[str, str] = {"response_type": "code"}

    def __init__(self, system: System, http_client: HttpClient) -> None:
        self.system, self.http_client = system, http_client

    @property
    def authorize_url(self) -> str:
        """The provider's authorize endpoint."""
        return self.system.get("authorize_url") or self.system["url"].rstrip("/") + self.authorize_path

    @property
    def redirect(self) -> str:
        """The redirect address, exactly as it is registered at the provider."""
        return self.system["redirect"]

    @property
    def token_address(self) -> str:
        """The token endpoint: the setting ``token_url``, else the documented one."""
        return self.system.get("token_url") or self.token_url

    def authorize_request(self, template: str) -> str:
        """The path at the API that gives the authorize URL: the template's ``{provider}`` and ``{redirect}``
        filled in."""
        return template.format(provider=self.system.driver(), redirect=quote(self.redirect, safe=""))

    def check_redirect(self) -> list[str]:
        """What is wrong with the redirect address, as a browser meets it that comes back without a code."""
        if self.exactly.get("response_mode") == "form_post":
            return []  # the provider lets the browser post a form there
        parts = urlsplit(self.redirect)
        base = urlunsplit((parts.scheme, parts.netloc, "", "", ""))
        try:
            reply = self.http_client.request(base, self.redirect.removeprefix(base))
        except Unreachable as unreachable:
            return [f"A browser cannot come back to {self.redirect}: {unreachable.what}"]
        if reply.status not in (404, 405):
            return []
        return [
            f"The redirect address {self.redirect} does not take a browser (GET: {reply.status}). The "
            "provider sends people back there by GET: nobody could finish a sign-in. Put a page there that "
            "hands code and state to the API, or let the API take GET. (Where the address still leads to the "
            "old stack, repeat this after the switch.)"
        ]

    def find_mistakes(self, first: AuthorizeUrl, second: AuthorizeUrl) -> list[str]:
        """What is wrong with two authorize URLs that the API gave one after the other, in sentences."""
        wanted = {
            "endpoint": self.authorize_url,
            "client_id": self.system["client_id"],
            "redirect_uri": self.redirect,
            **self.exactly,
        }
        return differences(first, second, wanted, set(self.scopes))

    def secret(self) -> tuple[str, dict[str, Any]]:
        """The client's secret, and facts about it for evidence."""
        return self.system["client_secret"], {}

    def check_client(self) -> ClientCheck:
        """Sends an invented code to the token endpoint. Raises `Problem` for an unexpected answer."""
        secret, facts = self.secret()
        form = {
            "grant_type": "authorization_code",
            "code": f"cutover-{secrets.token_hex(8)}",
            "redirect_uri": self.redirect,
            "client_id": self.system["client_id"],
            "client_secret": secret,
        }
        reply = self.http_client.request(self.token_address, form=form)
        error = str(json_object(reply).get("error", "")) if reply.status in (400, 401) else ""
        if error == "invalid_grant":
            return ClientCheck(True, "knows the client, and refused a code that nobody gave out", facts)
        if error in ("invalid_client", "unauthorized_client"):
            return ClientCheck(False, f"refuses the client ({error}): {reply.error_text()}", facts)
        if error == "redirect_uri_mismatch":
            summary = f"does not have {self.redirect} among the client's redirect addresses"
            return ClientCheck(False, summary, facts)
        raise unexpected_answer(self.system, reply)


def get_oauth_client(system: System, http_client: HttpClient) -> OAuthClient:
    """The client of a system of kind ``oauth``. Raises `Problem` for an unknown provider."""
    load_drivers()
    return system.registered_driver().implementation_of(OAuthClient)(system, http_client)


def json_object(reply: Response) -> dict[str, Any]:
    """The body as a JSON object; empty when it is none."""
    try:
        found = reply.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def unexpected_answer(system: System, reply: Response) -> Problem:
    """The error for an answer of a token endpoint that says nothing of the client."""
    return Problem(
        f"The token endpoint of “{system.name}” answered {reply.status}: {reply.error_text()}",
        means="Whether it knows the client is not known.",
        next="Too many requests or a fault of theirs: wait, then start this again. Else check token_url:.",
    )
