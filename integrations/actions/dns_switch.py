"""Points a DNS name at other addresses; done when no requests reach the old stack any more."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NotRequired, TypedDict

from django import forms

from integrations import actions
from integrations.actions import dns_records
from integrations.actions.dns_form import RecordForm, check_values
from integrations.actions.dns_lower_ttl import DnsLowerTtlEvidence
from integrations.clients.dns import RecordSet, get_zone
from integrations.errors import Problem
from integrations.systems import System
from integrations.traffic.request_counter import TrafficCounter

SHORT = 300  # seconds: a switch of a record with such a TTL needs no lowering first
PATIENCE = 900.0  # seconds until the requests have moved to the new stack
WINDOW = 30.0  # seconds of one count of requests


@dataclass(frozen=True)
class DnsSwitchParams(dns_records.RecordParams):
    """The record set, its new values or the item to undo, and how requests are counted afterwards."""

    to: list[Any]
    ttl: int | None
    lowered: actions.EarlierItem[DnsLowerTtlEvidence] | None
    back_to: actions.EarlierItem[DnsSwitchEvidence] | None
    old: System | None
    new: System | None
    share: float | None
    window: float | None
    patience: float | None
    counted_at: list[System]


class RequestShare(TypedDict):
    """The requests in the last window and the percentage that reached the old stack; None: not known.
    ``counted_at`` says where they were counted."""

    ok: bool
    said: str
    requests: int | None
    old_percent: float | None
    counted_at: NotRequired[str]


class RecordSwitch(dns_records.RecordChange):
    """Also how the requests moved."""

    people: NotRequired[RequestShare]


class DnsSwitchEvidence(TypedDict, total=False):
    """What a run records."""

    switched: RecordSwitch
    warnings: list[str]


@actions.register
class DnsSwitch(actions.Action[DnsSwitchParams, DnsSwitchEvidence]):
    """Records the old record set for an undo. Refuses to start while a cache may hold an old answer with
    its long TTL."""

    key, title = "dns.switch", "Point a DNS name at the new stack"
    texts_shown = True
    public_params = frozenset({"name", "to"})
    effect = actions.Effect.IDEMPOTENT
    deadline = timedelta(minutes=45)
    risky = True

    class Params(RecordForm):
        """``zone``, ``name``, ``type`` (default A); ``to``: the new values; ``ttl`` (default: unchanged);
        ``lowered``: the item that lowered it; ``back_to``: the item to undo, instead of ``to``. ``old``,
        ``new``: both stacks: done when at most ``share`` percent (default 0) of the requests in a ``window``
        of seconds (30) reach the old one, within ``patience`` seconds (900). ``counted_at``: the load
        balancers that pass these requests, where they are counted (default: ``requests:`` of both)."""

        to = actions.JSONValueField(kind=list, required=False)
        lowered = actions.EvidenceField(action="dns.lower_ttl", required=False)
        back_to = actions.EvidenceField(action="dns.switch", required=False)
        old = actions.SystemField(kind="http", required=False)
        new = actions.SystemField(kind="http", required=False)
        share = forms.FloatField(min_value=0, max_value=100, required=False)
        window = forms.FloatField(min_value=0.1, max_value=600, required=False)
        patience = forms.FloatField(min_value=0, max_value=2400, required=False)
        counted_at = actions.SystemsField(kind="proxy", required=False)

        def clean(self) -> dict[str, Any]:
            """Either values or an item to undo; both stacks or none."""
            given = super().clean()
            if bool(given.get("to")) == bool(given.get("back_to")):
                raise forms.ValidationError("Name to:, or back_to:.")
            if bool(given.get("old")) != bool(given.get("new")):
                raise forms.ValidationError("Name old: and new: together.")
            check_values(given.get("type") or "A", given.get("to") or [])
            return given

    def resource(self, params: DnsSwitchParams) -> str:
        """The record set."""
        return dns_records.record_resource(params)

    def preview(self, params: DnsSwitchParams) -> actions.Preview:
        """The record now and the change."""
        zone = get_zone(params.zone, params.context.systems)
        now = dns_records.read_record(params)
        lines = dns_records.preview_lines(zone, now, _wanted(params, now))
        if params.old:
            share = params.share or 0
            lines.append(f"Count requests until at most {share:g} % reach {params.old.name}.")
        warnings = [_why_too_early(params, now), *_left_behind(params, now)]
        return actions.Preview(lines, where=zone.where, warnings=list(filter(None, warnings)))

    def before(self, params: DnsSwitchParams) -> dict[str, Any]:
        """The record set that an undo goes back to."""
        now = dns_records.read_record(params)
        return {"before": now.as_facts(), "wanted": _wanted(params, now).as_facts()}

    def run(self, params: DnsSwitchParams, report: actions.RunReport[DnsSwitchEvidence]) -> actions.Outcome:
        """Switches, waits for every server, then counts requests. A cancel does not switch back."""
        zone = get_zone(params.zone, params.context.systems)
        now = dns_records.read_record(params)
        wanted = _wanted(params, now)
        reason = _why_too_early(params, now)
        if reason and now != wanted:
            raise Problem(reason, means="Nothing was changed.", next="Start this item again after that.")
        facts: RecordSwitch = {"before": now.as_facts(), "after": wanted.as_facts()}
        # Recorded before the change: an undo needs the old record also when this attempt is lost.
        report.evidence({"switched": facts})
        facts["servers"] = dns_records.change_record(zone, now, wanted, report, params.patience)
        report.evidence({"switched": facts})
        if lagging := dns_records.lagging_servers(facts["servers"]):
            return actions.Outcome(False, lagging)
        warnings = _left_behind(params, now)
        report.evidence({"warnings": warnings})
        if not params.old or not params.new:
            said = " ".join([f"Every authoritative server answers: {wanted}.", *warnings])
            return actions.Outcome(True, said)
        facts["people"] = _count_until_moved(params, params.old, params.new, report)
        report.evidence({"switched": facts})
        return actions.Outcome(facts["people"]["ok"], f"{wanted}; {facts['people']['said']}")

    def probe(self, params: DnsSwitchParams, before: Mapping[str, Any]) -> actions.Finding:
        """Compares the record set now with the one wanted and the one before."""
        return dns_records.probe_record(get_zone(params.zone, params.context.systems), before)


def _wanted(params: DnsSwitchParams, now: RecordSet) -> RecordSet:
    if params.back_to:
        return dns_records.record_before(params.back_to, params.back_to.latest_evidence.get("switched"))
    return RecordSet.of(now.name, now.kind, params.ttl or now.ttl or 60, map(str, params.to))


def _left_behind(params: DnsSwitchParams, now: RecordSet) -> list[str]:
    """What keeps people away from the new values although every server answers them."""
    zone = get_zone(params.zone, params.context.systems)
    found = [
        dns_records.describe_other_family(params, now),
        dns_records.describe_negative_caching(zone, now, _wanted(params, now)),
    ]
    return list(filter(None, found))


def _why_too_early(params: DnsSwitchParams, now: RecordSet) -> str:
    """Why a cache may still hold an old answer, in a sentence; "" when none can."""
    if params.back_to:
        return ""  # an undo is urgent: it waits for no cache
    if not params.lowered:
        if now.ttl <= SHORT:
            return ""
        return (
            f"{now.name} has a TTL of {now.ttl} s: for so long some requests would still reach the old "
            "stack. Lower the TTL first."
        )
    lowered = params.lowered.evidence.get("lowered")
    if not lowered or "switch_not_before" not in lowered:
        return f"“{params.lowered.key}” has not lowered the TTL yet."
    # The record can have been given a longer TTL since: then the recorded time says nothing about caches.
    if now.ttl > lowered["after"]["ttl"]:
        return (
            f"{now.name} has a TTL of {now.ttl} s again, and “{params.lowered.key}” had lowered it to "
            f"{lowered['after']['ttl']} s: run that item again, and find out who raised it."
        )
    left = (datetime.fromisoformat(lowered["switch_not_before"]) - datetime.now(UTC)).total_seconds()
    if left <= 0:
        return ""
    return f"The old TTL has not run out: caches may hold the old answer for {left:.0f} s more."


def _count_until_moved(
    params: DnsSwitchParams, old: System, new: System, report: actions.Report
) -> RequestShare:
    """Counts requests, window after window, until few enough reach the old stack or time has run out."""
    counter = TrafficCounter(params.context.systems, params.counted_at, old, new)
    window, until = params.window or WINDOW, time.monotonic() + (params.patience or PATIENCE)
    while True:
        since = counter.read()
        _wait_window(window, report)
        counted = counter.read()
        found = counted.requests_since(since)
        if found is None:
            reason = counted.reason or since.reason or "A counter was set back meanwhile."
            said = f"but where requests go is not known. {reason} Name the load balancers in counted_at:."
            return _share(counter, said, None, None)
        share, count = found.old_percent, found.total
        report.measure(old_percent=share or 0.0, requests=count)
        if not count:
            report.log("No requests came in this window.")
        elif (share or 0.0) <= (params.share or 0.0):
            said = f"of {count} requests {share:g} % reached the old stack."
            return _share(counter, said, count, share, ok=True)
        if time.monotonic() > until:
            said = f"but {share:g} % of {count} requests reached the old stack: old answers are cached."
            if not count:
                said = "but no requests came, so it is not known which stack they would reach."
            return _share(counter, said, count, share)


def _share(
    counter: TrafficCounter, said: str, count: int | None, percent: float | None, *, ok: bool = False
) -> RequestShare:
    return {
        "ok": ok,
        "said": said,
        "requests": count,
        "old_percent": percent,
        "counted_at": counter.where,
    }


def _wait_window(seconds: float, report: actions.Report) -> None:
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        report.raise_if_cancelled()
        report.progress(passed, seconds, "counting requests to both stacks")
        time.sleep(min(0.2, seconds / 4))
