"""Points a name elsewhere, and is done when nobody reaches the old stack any more."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms

from integrations.actions import register
from integrations.actions.base import (
    Action,
    ActionForm,
    Effect,
    EvidenceField,
    Finding,
    JSONValueField,
    Outcome,
    Preview,
    Report,
    SystemField,
    Values,
)
from integrations.actions.dns_lower_ttl import KINDS, changed, finding, kind_of, resource_of, set_before
from integrations.clients import traffic
from integrations.clients.dns import RecordSet, told, zone_of
from integrations.clients.http import Caller
from integrations.clients.traffic import Traffic
from integrations.errors import Problem

SHORT = 300  # seconds: a TTL up to which a switch needs no lowering before
PATIENCE = 900.0  # seconds for people to follow
WINDOW = 30.0  # seconds of one look at who is reached


@register
class DnsSwitch(Action):
    """The old set is kept as evidence; refused while somewhere an old answer with its old TTL may live."""

    key, title = "dns.switch", "Point a name at the new stack"
    effect = Effect.IDEMPOTENT
    deadline = timedelta(minutes=45)
    risky = True

    class Params(ActionForm):
        """``zone``, ``name``, ``type`` (default A); ``to``: the new values; ``ttl`` (default: as it is);
        ``lowered``: the item that lowered it; ``back_to``: instead of ``to``, the set before that item.
        ``old``, ``new``: both stacks with their counters: done when at most ``share`` percent (default 0)
        of a ``window`` of seconds (30) reach the old one, within ``patience`` (900)."""

        zone = SystemField(kind="dns")
        name = forms.CharField(max_length=253)
        type = forms.ChoiceField(choices=KINDS, required=False)
        to = JSONValueField(kind=list, required=False)
        ttl = forms.IntegerField(min_value=1, max_value=86_400, required=False)
        lowered = EvidenceField(action="dns.lower_ttl", required=False)
        back_to = EvidenceField(action="dns.switch", required=False)
        old = SystemField(kind="http", required=False)
        new = SystemField(kind="http", required=False)
        share = forms.FloatField(min_value=0, max_value=100, required=False)
        window = forms.FloatField(min_value=0.1, max_value=600, required=False)
        patience = forms.FloatField(min_value=0, max_value=2400, required=False)

        def clean(self) -> dict[str, Any]:
            """Either values, or what to go back to; both stacks, or none."""
            given = self.cleaned_data
            if bool(given.get("to")) == bool(given.get("back_to")):
                raise forms.ValidationError("Name to:, or back_to:.")
            if bool(given.get("old")) != bool(given.get("new")):
                raise forms.ValidationError("Name old: and new: together.")
            return given

    def resource(self, params: Values) -> str:
        """The record set."""
        return resource_of(params)

    def preview(self, params: Values) -> Preview:
        """What stands there and what is sent."""
        zone = zone_of(params.zone, params.context.systems)
        now = zone.read(params.name, kind_of(params))
        wanted = _wanted(params, now)
        lines = [f"Now: {now}.", *(zone.commands(now, wanted) if now != wanted else ["It is so already."])]
        lines.append(f"Ask {', '.join(zone.servers())} until all answer it.")
        if params.old:
            lines.append(f"Read both counters until at most {params.share or 0:g} % reach {params.old.name}.")
        wait = _too_early(params, now)
        return Preview(lines, where=zone.where, warnings=[wait] if wait else [])

    def before(self, params: Values) -> dict[str, Any]:
        """The set that an undo goes back to."""
        now = zone_of(params.zone, params.context.systems).read(params.name, kind_of(params))
        return {"before": now.as_facts(), "wanted": _wanted(params, now).as_facts()}

    def run(self, params: Values, report: Report) -> Outcome:
        """Switches, waits for every server, then for the people. Cancelled then, it stays switched."""
        zone = zone_of(params.zone, params.context.systems)
        now = zone.read(params.name, kind_of(params))
        wanted = _wanted(params, now)
        wait = _too_early(params, now)
        if wait and now != wanted:
            raise Problem(wait, means="Nothing was changed.", next="Start it again after that.")
        facts: dict[str, Any] = {"before": now.as_facts(), "after": wanted.as_facts()}
        report.evidence(switched=facts)
        said = changed(zone, now, wanted, report, params.patience)
        report.evidence(switched={**facts, "servers": said})
        behind = [f"{server}: {what}" for server, what in said.items() if not told.is_told(what)]
        if behind:
            return Outcome(False, f"Not every server tells it: {'; '.join(behind)}. Look at its transfers.")
        if not params.old:
            return Outcome(True, f"Every authoritative server answers: {wanted}.")
        seen = _followed(params, report)
        report.evidence(switched={**facts, "servers": said, "people": vars(seen)})
        return Outcome(seen.ok, f"{wanted}; {seen.said}")

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """The set now against those wanted and before."""
        return finding(zone_of(params.zone, params.context.systems), before)


@dataclass(frozen=True)
class Followed:
    """Of the last window: the requests, and the percent that reached the old stack."""

    ok: bool
    said: str
    requests: int | None
    old_percent: float | None


def _wanted(params: Values, now: RecordSet) -> RecordSet:
    if params.back_to:
        return set_before(params, "switched")
    return RecordSet.of(now.name, now.kind, params.ttl or now.ttl or 60, map(str, params.to))


def _too_early(params: Values, now: RecordSet) -> str:
    """Why an old answer may still live somewhere, in a sentence; empty when none can."""
    if params.back_to:
        return ""  # going back waits for nothing
    if not params.lowered:
        if now.ttl <= SHORT:
            return ""
        return f"{now.name} has a TTL of {now.ttl} s: so long people would be split. Lower it before."
    facts = params.context.evidence.get(params.lowered, {}).get("lowered") or {}
    moment = facts.get("switch_not_before")
    if not moment:
        return f"“{params.lowered}” has not lowered the TTL yet."
    lowered_to = (facts.get("after") or {}).get("ttl", SHORT)
    if now.ttl > lowered_to:
        return (
            f"{now.name} has a TTL of {now.ttl} s again, and “{params.lowered}” had lowered it to "
            f"{lowered_to} s: carry that out once more, and find out who raised it."
        )
    left = (datetime.fromisoformat(moment) - datetime.now(UTC)).total_seconds()
    if left <= 0:
        return ""
    return f"The old TTL has not run out: caches may hold the old answer for {left:.0f} s more."


def _followed(params: Values, report: Report) -> Followed:
    traffic.refuse_unmarked(params.old, params.new)
    people = Traffic(Caller.of(params.context.systems), params.new, params.old, params.new)
    window, until = params.window or WINDOW, time.monotonic() + (params.patience or PATIENCE)
    while True:
        since, began = people.counters(), time.monotonic()
        while time.monotonic() - began < window:
            report.raise_if_cancelled()
            report.progress(time.monotonic() - began, window, "counting who is reached")
            time.sleep(min(0.2, window / 4))
        counted = people.counters()
        share, count = counted.old_percent_since(since), counted.requests_since(since)
        if count is None:
            return Followed(False, "but who is reached is not known: a counter cannot be read.", None, None)
        report.measure(old_percent=share or 0.0, requests=count)
        if not count:
            report.log("Nobody came in this window.")
        elif (share or 0.0) <= (params.share or 0.0):
            return Followed(True, f"of {count} requests {share:g} % reached the old stack.", count, share)
        if time.monotonic() > until:
            why = f"{share:g} % of {count}" if count else "nobody came: it is not known who would be"
            return Followed(False, f"but {why} reached the old stack: old answers are cached.", count, share)
