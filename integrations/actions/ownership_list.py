"""Lists the addresses that the providers have of us: none may lead to an old host any more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django import forms

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
from integrations.clients.http import address
from integrations.clients.payments import Provider, provider_of, refuse_wrong_mode
from integrations.clients.payments.endpoints import BY_HAND, registered
from integrations.errors import Problem
from integrations.systems import System


@register
class OwnershipList(Action):
    """What no API tells is never called right: it is listed for a person, and red unless the runbook hands
    it to one."""

    key, title = "ownership.list", "List what the providers still call, and see no old host among it"
    effect = Effect.PURE
    deadline = timedelta(minutes=5)

    class Params(ActionForm):
        """``old_hosts``: names of the old stack's hosts; ``old``: a system, whose host is one of them, too;
        ``new``: a system to whose host some registered address has to lead; ``by_hand``: the providers that
        a person looks through, where no API tells (that item's key goes into ``item``)."""

        old_hosts = JSONValueField(kind=list, required=False)
        old = SystemField(kind="http", required=False)
        new = SystemField(kind="http", required=False)
        by_hand = JSONValueField(kind=list, required=False)
        item = forms.CharField(max_length=100, required=False)

        def clean(self) -> dict[str, Any]:
            """Some host to look for."""
            if not self.cleaned_data.get("old_hosts") and not self.cleaned_data.get("old"):
                raise forms.ValidationError("Name old_hosts:, or old:, or both.")
            return self.cleaned_data

    def preview(self, params: Values) -> Preview:
        """Who is asked, and what only a person sees."""
        lines = []
        for system in _systems(params):
            url = f"{address(system['url'])}/webhook_endpoints" if system.driver() == "stripe" else ""
            hand = f"{system.name}: no API tells; a person looks into {BY_HAND.get(system.driver(), '')}"
            lines.append(f"GET {url}" if url else hand)
        lines.append(f"None may lead to: {', '.join(sorted(_old(params)))}.")
        return Preview(lines)

    def run(self, params: Values, report: Report) -> Outcome:
        """Red with each address that names an old host, and with each place that nobody looks into."""
        places, every = [], list(_systems(params))
        for number, system in enumerate(every):
            report.raise_if_cancelled()
            report.progress(number, len(every), system.name)
            places.append(_place(params, system))
            report.log(f"{places[-1]['mark']} {system.name}: {places[-1]['said']}")
            report.evidence(places=places, old_hosts=sorted(_old(params)))
        wrong = [f"{one['system']}: {one['said']}" for one in places if one["mark"] == "✗"]
        wrong += _nothing_new(params, places)
        unseen = [one for one in places if one["mark"] == "?"]
        report.evidence(not_seen=[one["system"] for one in unseen])
        if wrong:
            return Outcome(False, " ".join(wrong))
        where = f" in “{params.item}”" if params.item else ""
        names = ", ".join(one["system"] for one in unseen)
        seen = ", ".join(one["system"] for one in places if one["mark"] == "✓") or "nobody"
        rest = f" Not seen by the panel, looked through by a person{where}: {names}." if unseen else ""
        return Outcome(True, f"No old host in what {seen} told.{rest}")

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """It leaves nothing."""
        return Finding(Seen.NOT_DONE, "This only reads.")


def _systems(params: Values) -> Iterable[System]:
    """Every payment and sign-in provider of the runbook."""
    return (one for one in params.context.systems.values() if one.kind in ("payments", "oauth"))


def _old(params: Values) -> set[str]:
    hosts = {_host(str(host)) for host in params.old_hosts}
    return hosts | ({_host(params.old["url"])} if params.old else set())


def _host(text: str) -> str:
    """A host, with its port where one is written: on one machine it is the port that tells stacks apart."""
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        port = f":{parts.port}" if parts.port not in (None, 80, 443) else ""
    except ValueError:
        return text.lower()  # an address that is none leads to nobody's host
    return f"{(parts.hostname or text).rstrip('.')}{port}".lower()  # a name may end with the root's dot


def _names_old(url: str, old: set[str]) -> bool:
    host = _host(url)
    return host in old or host.partition(":")[0] in old


def _place(params: Values, system: System) -> dict[str, Any]:
    """What one provider has of us; ``mark``: ✓ seen and right, ✗ wrong, ? only a person can see it."""
    facts: dict[str, Any] = {"system": system.name, "provider": system.driver(), "addresses": []}
    try:
        found = _registered(params, system)
    except Problem as problem:
        return {**facts, "mark": "✗", "said": str(problem)}
    sent = [system["redirect"]] if system.kind == "oauth" and system.get("redirect") else []
    facts["addresses"] = [one | {"address": address(one["address"])} for one in found or []]
    known = [one["address"] for one in found or []] + sent
    stale = [address(one) for one in known if _names_old(one, _old(params))]
    if stale:
        said = f"still leads to an old host: {', '.join(stale)}. Change it there, and take the old one out."
        return {**facts, "mark": "✗", "said": said}
    if found is None:
        return {**facts, **_by_hand(params, system)}
    return {**facts, "mark": "✓", "said": f"{', '.join(map(address, known)) or 'no address'}"}


def _registered(params: Values, system: System) -> list[dict[str, str]] | None:
    """The addresses at a payment provider; None where no API tells."""
    if system.kind != "payments":
        return None
    provider: Provider = provider_of(system, params.context.systems)
    refuse_wrong_mode(params.context.rehearsal, provider.mode, system.name)
    found = registered(provider)
    return None if found is None else [one.as_facts() for one in found]


def _by_hand(params: Values, system: System) -> dict[str, str]:
    provider = system.driver()
    where = (
        f"no API of {provider.capitalize()} tells it; a person has to look into {BY_HAND.get(provider, 'it')}"
    )
    if {provider, system.name} & set(map(str, params.by_hand)):
        return {"mark": "?", "said": where}
    said = f"cannot be seen: {where}. Hand it to an item of the runbook, and name it in by_hand:."
    return {"mark": "✗", "said": said}


def _nothing_new(params: Values, places: list[dict[str, Any]]) -> list[str]:
    """What could be seen has to lead to the new stack somewhere: an empty list is no success."""
    seen = [one for one in places if one["mark"] == "✓"]
    if not params.new or not seen:
        return []
    host = _host(params.new["url"])
    return [
        f"{one['system']}: no registered address leads to {host}: its events reach nobody. Register it there."
        for one in seen
        if not any(_host(each["address"]) == host for each in one["addresses"])
    ]
