"""Checks the sign-in clients without a person, at the API and at the providers' token endpoints."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NotRequired, TypedDict, cast

from integrations import actions
from integrations.actions.path_fields import PathTemplateField
from integrations.clients.http import HttpClient
from integrations.clients.oauth import OAuthClient, get_oauth_client, request_authorize_url
from integrations.errors import Problem, Unreachable
from integrations.systems import System


@dataclass(frozen=True)
class OAuthSmokeParams(actions.ActionParams):
    """The API, and names of the sign-in providers (empty: all)."""

    api: System
    authorize: str
    providers: list[Any]


class OAuthClientFacts(TypedDict):
    """One client at its provider: what is wrong with it (empty: nothing) and what the provider said.

    ``client_secret_expires`` and ``key_id`` are there where the secret is a token that the panel made.
    """

    provider: str
    client_id: str
    redirect: str
    wrong: list[str]
    said: str
    scopes: NotRequired[list[str]]
    client_secret_expires: NotRequired[str]
    key_id: NotRequired[str]


class OAuthSmokeEvidence(TypedDict, total=False):
    """The clients that were checked."""

    oauth: list[OAuthClientFacts]


@actions.register
class OAuthSmoke(actions.ReadOnlyAction[OAuthSmokeParams, OAuthSmokeEvidence]):
    """Finds a client that the API names wrongly, or that its provider does not know, before people do."""

    key, title = "oauth.smoke", "Check the sign-in clients at the API and at the providers"
    public_params = frozenset({"providers"})
    address_params = frozenset({"authorize"})
    deadline = timedelta(minutes=3)

    class Params(actions.ActionForm):
        """``api``: the API whose authorize URLs are read; ``authorize``: the path where it gives them, such
        as /oauth/{provider}?back={redirect}; ``providers``: names of systems of kind oauth (default all)."""

        api = actions.SystemField(kind="http")
        authorize = PathTemplateField("provider", optional=("redirect",))
        providers = actions.JSONValueField(kind=list, required=False)

    def preview(self, params: OAuthSmokeParams) -> actions.Preview:
        """The requests to the API and to each provider."""
        lines = []
        for client in _clients(params):
            provider = client.system.driver()
            lines.append(f"GET {params.api['url']}{client.authorize_request(params.authorize)}, twice")
            lines.append(f"GET {client.redirect}: does it take a browser?")
            lines.append(f"{provider}: is the client known at {client.token_address}? (no code is used up)")
        return actions.Preview(lines, where=params.api["url"])

    def run(self, params: OAuthSmokeParams, report: actions.RunReport[OAuthSmokeEvidence]) -> actions.Outcome:
        """Checks all clients even when one is wrong; a verdict gives the reasons of each."""
        facts, clients = [], _clients(params)
        for number, client in enumerate(clients):
            report.raise_if_cancelled()
            report.progress(number, len(clients), client.system.name)
            checked = _check_client(client, params)
            facts.append(checked)
            _log(client.system.name, checked, report)
        report.evidence({"oauth": facts})
        wrong = [
            f"{client.system.name}: {line}"
            for client, checked in zip(clients, facts, strict=True)
            for line in checked["wrong"]
        ]
        if wrong:
            return actions.Outcome(False, " ".join(wrong))
        names = ", ".join(_with_expiry(checked) for checked in facts)
        return actions.Outcome(True, f"Right at the API and known to the provider: {names}.")


def _clients(params: OAuthSmokeParams) -> list[OAuthClient]:
    systems = params.context.systems
    http_client = HttpClient.of(systems)
    return [get_oauth_client(system, http_client) for system in systems.select("oauth", params.providers)]


def _check_client(client: OAuthClient, params: OAuthSmokeParams) -> OAuthClientFacts:
    provider, http_client = client.system.driver(), HttpClient.of(params.context.systems)
    facts: OAuthClientFacts = {
        "provider": provider,
        "client_id": client.system["client_id"],
        "redirect": client.redirect,
        "wrong": [],
        "said": "",
    }
    try:
        # Two requests, because the state parameter has to differ between them.
        path = client.authorize_request(params.authorize)
        first, second = (request_authorize_url(http_client, params.api, path, provider) for _ in range(2))
        facts["scopes"] = sorted(first.scopes)
        facts["wrong"] += client.find_mistakes(first, second)
        facts["wrong"] += client.check_redirect()
        known = client.check_client()
    except (Problem, Unreachable) as problem:
        facts["wrong"].append(str(problem))
        return facts
    answer = f"{provider.capitalize()} {known.summary}."
    facts["wrong"] += [] if known.ok else [answer]
    return cast(OAuthClientFacts, {**facts, **known.facts, "said": answer})


def _log(name: str, facts: OAuthClientFacts, report: actions.Report) -> None:
    for line in facts["wrong"]:
        report.log(f"✗ {name}: {line}")
    if not facts["wrong"]:
        report.log(f"✓ {name}: {facts['said']}")
    if expires := facts.get("client_secret_expires"):
        report.log(f"{name}: the panel made its client secret; it expires {expires}")


def _with_expiry(facts: OAuthClientFacts) -> str:
    """The provider, and when the client secret that the panel made for this check expires."""
    expires = facts.get("client_secret_expires")
    return facts["provider"] + (f" (the secret made for this check expires {expires})" if expires else "")
