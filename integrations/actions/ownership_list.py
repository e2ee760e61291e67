"""Lists the addresses that the providers have registered for us; none may lead to an old host any more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypedDict
from urllib.parse import urlsplit

from django import forms

from integrations import actions
from integrations.actions.ownership_routes import find_route_fault
from integrations.clients.http import display_url
from integrations.clients.payments import get_payment_provider, refuse_wrong_mode
from integrations.errors import Problem
from integrations.systems import System

RIGHT, WRONG, ONLY_BY_HAND = "✓", "✗", "?"


@dataclass(frozen=True)
class OwnershipListParams(actions.ActionParams):
    """The hosts of both stacks, who checks which provider, and the route that events have to reach."""

    old_hosts: list[Any]
    old: System | None
    new: System | None
    by_hand: list[Any]
    item: str
    providers: list[Any]
    path: str
    events: dict[str, Any]

    @property
    def hosts_to_leave(self) -> set[str]:
        """The old stack's hosts, in the form that `_host` gives."""
        hosts = {_host(str(host)) for host in self.old_hosts}
        return hosts | ({_host(self.old["url"])} if self.old else set())


class ProviderPlaceFacts(TypedDict):
    """What one provider has registered for us.

    ``addresses`` have address, state and id. ``mark`` is ✓ (seen and right), ✗ (wrong) or ? (only a person
    can see it).
    """

    system: str
    provider: str
    addresses: list[dict[str, str]]
    mark: str
    said: str


class OwnershipListEvidence(TypedDict, total=False):
    """What the providers have registered, and which of them the panel could not see."""

    places: list[ProviderPlaceFacts]
    old_hosts: list[str]
    not_seen: list[str]


@actions.register
class OwnershipList(actions.ReadOnlyAction[OwnershipListParams, OwnershipListEvidence]):
    """A provider without an API for its addresses is red unless the runbook hands it to a person."""

    key, title = "ownership.list", "Check that no provider still calls an old host"
    texts_shown = True
    public_params = frozenset({"old_hosts", "by_hand", "item", "providers", "events"})
    address_params = frozenset({"path"})
    deadline = timedelta(minutes=5)

    class Params(actions.ActionForm):
        """``old_hosts``: names of the old stack's hosts; ``old``: a system whose host is one of them;
        ``new``: a system to whose host some registered address has to lead; ``by_hand``: the providers that
        a person checks, because no API shows their addresses (``item``: the key of that person's item);
        ``providers``: names of the systems to ask (default: all of payments and sign-in); ``path``: the route
        at ``new`` that must be registered and enabled, with {provider}; ``events``: provider → events that
        must be sent there."""

        old_hosts = actions.JSONValueField(kind=list, required=False)
        old = actions.SystemField(kind="http", required=False)
        new = actions.SystemField(kind="http", required=False)
        by_hand = actions.JSONValueField(kind=list, required=False)
        item = forms.CharField(max_length=100, required=False)
        providers = actions.JSONValueField(kind=list, required=False)
        path = forms.CharField(max_length=200, required=False)
        events = actions.JSONValueField(kind=dict, required=False)

        def clean(self) -> dict[str, Any]:
            """Requires some old host."""
            if not self.cleaned_data.get("old_hosts") and not self.cleaned_data.get("old"):
                raise forms.ValidationError("Name old_hosts:, or old:, or both.")
            if (self.cleaned_data.get("path") or self.cleaned_data.get("events")) and not (
                self.cleaned_data.get("new") and self.cleaned_data.get("path")
            ):
                raise forms.ValidationError("path: and events: are about the route at new:; name all of it.")
            return self.cleaned_data

    def preview(self, params: OwnershipListParams) -> actions.Preview:
        """The requests, and what only a person can see."""
        lines = []
        for system in _providers(params):
            if system.driver() == "stripe":
                lines.append(f"GET {display_url(system['url'])}/webhook_endpoints")
            else:
                dashboard = system.registered_driver().dashboard
                lines.append(f"{system.name}: no API shows it; a person looks into {dashboard}")
        lines.append(f"None may lead to: {', '.join(sorted(params.hosts_to_leave))}.")
        return actions.Preview(lines)

    def run(
        self, params: OwnershipListParams, report: actions.RunReport[OwnershipListEvidence]
    ) -> actions.Outcome:
        """A verdict names each address that leads to an old host, and each provider that nobody checks."""
        places: list[ProviderPlaceFacts] = []
        providers = list(_providers(params))
        for number, system in enumerate(providers):
            report.raise_if_cancelled()
            report.progress(number, len(providers), system.name)
            places.append(_check_provider(params, system))
            report.log(f"{places[-1]['mark']} {system.name}: {places[-1]['said']}")
            report.evidence({"places": places, "old_hosts": sorted(params.hosts_to_leave)})
        unseen = [place["system"] for place in places if place["mark"] == ONLY_BY_HAND]
        report.evidence({"not_seen": unseen})
        wrong = [f"{place['system']}: {place['said']}" for place in places if place["mark"] == WRONG]
        wrong += _without_new_address(params, places)
        if wrong:
            return actions.Outcome(False, " ".join(wrong))
        return actions.Outcome(True, _summary(params, places, unseen))


def _providers(params: OwnershipListParams) -> Iterator[System]:
    """Every payment and sign-in provider of the runbook, or those that the item names."""
    for system in params.context.systems.values():
        wanted = not params.providers or system.name in params.providers
        if wanted and system.kind in ("payments", "oauth"):
            yield system


def _summary(params: OwnershipListParams, places: list[ProviderPlaceFacts], unseen: list[str]) -> str:
    seen = ", ".join(place["system"] for place in places if place["mark"] == RIGHT) or "none of them"
    where = f" in “{params.item}”" if params.item else ""
    rest = f" Not seen by the panel, checked by a person{where}: {', '.join(unseen)}." if unseen else ""
    return f"No old host among the addresses that could be read ({seen}).{rest}"


def _host(text: str) -> str:
    """The host of an address, with its port where one is written: on one machine the port tells two
    stacks apart."""
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        port = f":{parts.port}" if parts.port not in (None, 80, 443) else ""
    except ValueError:
        return text.lower()  # a malformed address leads to no host
    return f"{(parts.hostname or text).rstrip('.')}{port}".lower()  # a name may end with the root's dot


def _leads_to(url: str, hosts: set[str]) -> bool:
    host = _host(url)
    return host in hosts or host.partition(":")[0] in hosts


def _check_provider(params: OwnershipListParams, system: System) -> ProviderPlaceFacts:
    facts: ProviderPlaceFacts = {
        "system": system.name,
        "provider": system.driver(),
        "addresses": [],
        "mark": WRONG,
        "said": "",
    }
    try:
        found = _registered_addresses(params, system)
    except Problem as problem:
        return {**facts, "said": str(problem)}
    redirect = [system["redirect"]] if system.kind == "oauth" and system.get("redirect") else []
    facts["addresses"] = [one | {"address": display_url(one["address"])} for one in found or []]
    known = [one["address"] for one in found or []] + redirect
    stale = [display_url(url) for url in known if _leads_to(url, params.hosts_to_leave)]
    if stale:
        reason = f"still leads to an old host: {', '.join(stale)}. Change it there, and remove the old one."
        return {**facts, "said": reason}
    if found is None:
        mark, sentence = _by_hand(params, system)
        return {**facts, "mark": mark, "said": sentence}
    return {**facts, "mark": RIGHT, "said": ", ".join(map(display_url, known)) or "no address"}


def _registered_addresses(params: OwnershipListParams, system: System) -> list[dict[str, str]] | None:
    """The addresses at a payment provider; None where no API shows them."""
    if system.kind != "payments":
        return None
    provider = get_payment_provider(system, params.context.systems)
    refuse_wrong_mode(params.context.rehearsal, provider.mode, system.name)
    found = provider.list_webhook_endpoints()
    return None if found is None else [one.as_facts() for one in found]


def _by_hand(params: OwnershipListParams, system: System) -> tuple[str, str]:
    """The mark and the sentence for a provider whose addresses only a person can see."""
    provider = system.driver()
    dashboard = system.registered_driver().dashboard or "its dashboard"
    where = f"no API of {provider.capitalize()} shows it; a person has to look into {dashboard}"
    if {provider, system.name} & set(map(str, params.by_hand)):
        return ONLY_BY_HAND, where
    return WRONG, f"cannot be seen: {where}. Add a manual item to the runbook, and name it in by_hand:."


def _without_new_address(params: OwnershipListParams, places: list[ProviderPlaceFacts]) -> list[str]:
    """Providers whose addresses were read, but none leads to the new stack: an empty list is no success."""
    if not params.new:
        return []
    if params.path:
        return [said for place in places if place["mark"] == RIGHT and (said := _route_fault(params, place))]
    host = _host(params.new["url"])
    return [
        f"{place['system']}: no registered address leads to {host}: its events are lost. Register it there."
        for place in places
        if place["mark"] == RIGHT and not any(_host(one["address"]) == host for one in place["addresses"])
    ]


def _route_fault(params: OwnershipListParams, place: ProviderPlaceFacts) -> str:
    assert params.new is not None
    wanted = params.new["url"].rstrip("/") + params.path.replace("{provider}", place["provider"])
    fault = find_route_fault(place["addresses"], wanted, params.events.get(place["provider"], []))
    return fault and f"{place['system']}: {fault}"
