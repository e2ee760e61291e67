"""Proves the sign-in clients without a person, at the API and at the providers' token endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from integrations.actions import register
from integrations.actions.base import (
    Action,
    ActionForm,
    Effect,
    Finding,
    JSONValueField,
    Outcome,
    Preview,
    Report,
    Seen,
    SystemField,
    Values,
)
from integrations.clients.http import Caller
from integrations.clients.oauth import Client, asked_of, client_of
from integrations.errors import Problem, Unreachable


@register
class OAuthSmoke(Action):
    """A client that the API names wrongly, or the provider does not know, is found before people are."""

    key, title = "oauth.smoke", "Prove the sign-in clients of the providers"
    effect = Effect.PURE
    deadline = timedelta(minutes=3)

    class Params(ActionForm):
        """``api``: whose authorize URLs are read; ``providers``: names of systems of kind oauth (default
        all)."""

        api = SystemField(kind="http")
        providers = JSONValueField(kind=list, required=False)

    def preview(self, params: Values) -> Preview:
        """What is asked of whom."""
        lines = []
        for client in clients(params):
            provider = client.system.driver()
            lines.append(f"GET {params.api['url']}/auth/providers/{provider}/authorize, twice")
            lines.append(f"{provider}: is the client known at {client.token_address}? (no code is spent)")
        return Preview(lines, where=params.api["url"])

    def run(self, params: Values, report: Report) -> Outcome:
        """All are asked, also when one is wrong; red with each one's reasons."""
        facts, wrong, every = [], [], clients(params)
        for number, client in enumerate(every):
            report.raise_if_cancelled()
            report.progress(number, len(every), client.system.name)
            found = _asked(client, params)
            facts.append(found)
            for line in found["wrong"]:
                report.log(f"✗ {client.system.name}: {line}")
            if not found["wrong"]:
                report.log(f"✓ {client.system.name}: {found['said']}")
            if found.get("client_secret_expires"):
                report.log(f"{client.system.name}: its secret was made now; {_expiry(found)}")
            wrong += [f"{client.system.name}: {line}" for line in found["wrong"]]
        report.evidence(oauth=facts)
        if wrong:
            return Outcome(False, " ".join(wrong))
        return Outcome(True, f"Right at the API and known to the provider: {_names(facts)}.")

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """It leaves nothing."""
        return Finding(Seen.NOT_DONE, "This only reads.")


def clients(params: Values) -> list[Client]:
    """The clients that are named, or all of the runbook. Raises `Problem` for a name that is none."""
    systems = params.context.systems
    known = {system.name: system for system in systems.values() if system.kind == "oauth"}
    names = params.providers or list(known)
    unknown = [str(name) for name in names if name not in known]
    if unknown or not names:
        raise Problem(
            f"There is no system of kind oauth called {', '.join(unknown) or 'anything'}.",
            means="Nothing was asked.",
            next=f"The runbook has: {', '.join(known) or 'none'}.",
        )
    caller = Caller.of(systems)
    return [client_of(known[name], caller) for name in names]


def _asked(client: Client, params: Values) -> dict[str, Any]:
    provider, caller = client.system.driver(), Caller.of(params.context.systems)
    facts: dict[str, Any] = {
        "provider": provider,
        "client_id": client.system["client_id"],
        "redirect": client.redirect,
        "wrong": [],
        "said": "",
    }
    try:
        first, second = (asked_of(caller, params.api, provider) for _ in range(2))
        facts["scopes"] = sorted(first.scopes)
        facts["wrong"] += client.wrong_with(first, second)
        known = client.known()
    except (Problem, Unreachable) as problem:
        return {**facts, "wrong": [*facts["wrong"], str(problem)]}
    said = f"{provider.capitalize()} {known.said}."
    facts["wrong"] += [] if known.ok else [said]
    return {**facts, **known.facts, "said": said}


def _names(facts: list[dict[str, Any]]) -> str:
    return ", ".join(f"{one['provider']}{_until(one)}" for one in facts)


def _until(one: Mapping[str, Any]) -> str:
    return f" ({_expiry(one)})" if one.get("client_secret_expires") else ""


def _expiry(one: Mapping[str, Any]) -> str:
    return f"the one that we made expires {one['client_secret_expires']}"
