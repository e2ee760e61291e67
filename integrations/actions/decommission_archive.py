"""Archives the old stack, when it has served nothing for the agreed time, and is seen to serve nothing."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
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
    Seen,
    SystemField,
    Values,
)
from integrations.actions.service_stop import facts_of, refuse_unknown
from integrations.clients import packed, served
from integrations.clients.http import Caller
from integrations.clients.platform import driver_of
from integrations.clients.served import Count
from integrations.clients.traffic import is_from
from integrations.errors import Problem, Unreachable

WATCH = 60  # seconds it is watched, where the runbook does not say
PATIENCE = 60.0  # seconds until what was archived is gone


@register
class DecommissionArchive(Action):
    """Whoever still used it would find nothing tomorrow: the counter has to stand still before and during."""

    key, title = "decommission.archive", "Archive the old stack once nobody uses it any more"
    effect = Effect.AT_MOST_ONCE
    deadline = timedelta(hours=3)
    risky = True

    class Params(ActionForm):
        """``old``: the old stack with its counter; ``quiet_minutes``: the agreed time without a request;
        ``watch_seconds``: how long it is watched before (60); ``stopped``: the item that stopped it, whose
        time counts where its counter is silent since; ``platform`` and ``services``: archived by the
        platform's ``archive:``; ``source`` and ``place``: a folder that is packed into another."""

        old = SystemField(kind="http")
        quiet_minutes = forms.FloatField(min_value=0.01)
        watch_seconds = forms.FloatField(min_value=0.1, required=False)
        stopped = EvidenceField(action="service.stop", required=False)
        platform = SystemField(kind="platform", required=False)
        services = JSONValueField(kind=list, required=False)
        source = SystemField(kind="folder", required=False)
        place = SystemField(kind="folder", required=False)

        def clean(self) -> dict[str, Any]:
            """Something to archive, and all that it needs."""
            given = self.cleaned_data
            for one, other in (("platform", "services"), ("source", "place")):
                if bool(given.get(one)) != bool(given.get(other)):
                    raise forms.ValidationError(f"{one}: and {other}: go together.")
            if not given.get("platform") and not given.get("source"):
                raise forms.ValidationError("Name platform: and services:, or source: and place:, or all.")
            return given

    def resource(self, params: Values) -> str:
        """The platform's services: archiving, starting and stopping exclude each other."""
        return f"services:{params.platform.name}" if params.platform else f"folder:{params.source['path']}"

    def preview(self, params: Values) -> Preview:
        """What is asked and what is carried out."""
        stack, watch = params.old, params.watch_seconds or WATCH
        lines = [
            f"GET {stack['url']}{stack['requests']}: no request for {params.quiet_minutes:g} minutes, and "
            f"none while it is watched for {watch:g} s; refused else."
        ]
        if params.source:
            lines.append(f"Pack {params.source['path']} into {_target(params)}; read it back and compare.")
        if params.platform:
            lines += [shlex.join(c) for c in driver_of(params.platform).archive(params.services)]
            lines.append(f"Look until {', '.join(params.services)} are gone and {stack['url']} is silent.")
        return Preview(lines, where=stack["url"], warnings=["After this it cannot be brought back quickly."])

    def before(self, params: Values) -> dict[str, Any]:
        """How the services stand, and where the packed folder will be."""
        standing = driver_of(params.platform).standing() if params.platform else {}
        target = str(_target(params)) if params.source else ""
        return {"services": facts_of(standing, params.services), "file": target}

    def run(self, params: Values, report: Report) -> Outcome:
        """Watches, then archives. A request in the agreed time is a verdict, and nothing is archived then."""
        if params.platform:
            refuse_unknown(driver_of(params.platform).standing(params.context.attempt), params.services)
        wrong = _served(params, report)
        if wrong:
            return Outcome(False, f"{wrong} Nothing was archived.")
        said = []
        if params.source:
            said.append(_pack(params, report))
        if params.platform:
            driver = driver_of(params.platform)
            driver.do(driver.archive(params.services), report, params.context.attempt)
            wrong = _left(params, report)
            said.append(f"{', '.join(params.services)} archived and gone")
        if wrong:
            return Outcome(False, f"Archived, but {wrong}. Stop that by hand.")
        return Outcome(True, f"No request for {params.quiet_minutes:g} minutes; {'; '.join(said)}.")

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """Whether the packed file is there and whole, and whether the services are gone."""
        parts, saw = [], []
        if before["file"]:
            parts.append(packed.is_whole(Path(before["file"])))
            saw.append(f"{before['file']} is {'there and whole' if parts[-1] else 'not there, or not whole'}")
        if before["services"]:
            standing = driver_of(params.platform).standing()
            mine = [standing.get(name) for name in before["services"]]
            parts += [one is None or one.is_down for one in mine]
            saw.append(
                "; ".join(str(one) for one in mine if one) or "the platform knows none of them any more"
            )
        seen = Seen.DONE if all(parts) else Seen.PARTIAL if any(parts) else Seen.NOT_DONE
        return Finding(seen, f"{'; '.join(saw)}.", {"parts": parts})


def _target(params: Values) -> Path:
    """Where the packed folder will be: a name of its own for each attempt."""
    attempt = params.context.attempt or "ATTEMPT"
    return Path(params.place["path"]) / f"{Path(params.source['path']).name}-{attempt}.tar.gz"


def _served(params: Values, report: Report) -> str:
    """What speaks against archiving (empty: nothing), with the counter at both ends as evidence."""
    caller, quiet = Caller.of(params.context.systems), timedelta(minutes=params.quiet_minutes)
    watch = params.watch_seconds or WATCH
    if params.stopped and not _answers(caller, params):
        return _stopped(caller, params, report, watch)
    start = served.count(caller, params.old)
    facts = {
        "quiet_minutes": params.quiet_minutes,
        "watched_seconds": watch,
        "before": start.as_facts(),
        "after": None,
    }
    report.evidence(served=facts)
    report.log(f"{params.old.name}: {start.total} requests so far, the last {start.last_at or 'none'}.")
    begun = start.known_quiet_from or start.read_at
    if begun + quiet > start.read_at + timedelta(seconds=watch):
        return _too_early(start, begun + quiet, params)
    end = _watched(caller, params, report, start, watch)
    report.evidence(served={**facts, "after": end.as_facts()})
    if end.total > start.total:
        more = end.total - start.total
        return f"“{params.old.name}” served {more} request(s) while it was watched: find out whose."
    if end.total < start.total or end.since != start.since:
        return f"“{params.old.name}” was started anew while it was watched: its counter tells nothing."
    return "" if begun + quiet <= end.read_at else _too_early(end, begun + quiet, params)


def _stopped(caller: Caller, params: Values, report: Report, watch: float) -> str:
    """The same for a stack that was stopped before: it served nothing since, and stays silent."""
    at = str(params.context.evidence.get(params.stopped, {}).get("looked_at") or "")
    if not at:
        return f"“{params.old.name}” is silent, and “{params.stopped}” has not stopped it: since when?"
    since, began = datetime.fromisoformat(at), time.monotonic()
    facts = {"quiet_minutes": params.quiet_minutes, "watched_seconds": watch, "stopped_at": at}
    report.evidence(served={**facts, "seen_running": False})
    report.log(
        f"{params.old.name} is stopped since {at}; who still tried it stands in no counter of its own."
    )
    until = since + timedelta(minutes=params.quiet_minutes)
    if until > datetime.now(UTC) + timedelta(seconds=watch):
        return (
            f"“{params.old.name}” was stopped at {since:%Y-%m-%d %H:%M:%S %Z}; {params.quiet_minutes:g} "
            f"minutes of silence were agreed: come back after {until:%Y-%m-%d %H:%M:%S %Z}."
        )
    while (passed := time.monotonic() - began) < watch:
        report.progress(passed, watch, "it stays silent")
        report.raise_if_cancelled()
        if _answers(caller, params):
            report.evidence(served={**facts, "seen_running": True})
            return f"“{params.old.name}” was started again while it was watched: find out by whom."
        time.sleep(min(1.0, watch / 10))
    return ""


def _too_early(now: Count, until: Any, params: Values) -> str:
    if now.known_quiet_from is None:
        return (
            f"The counter of “{params.old.name}” does not say since when it counts, so nothing is known of "
            f"the last {params.quiet_minutes:g} minutes: watch it that long (watch_seconds)."
        )
    came = f"served a request at {now.last_at:%Y-%m-%d %H:%M:%S %Z}" if now.last_at else "was started lately"
    return (
        f"“{params.old.name}” {came}; {params.quiet_minutes:g} minutes of silence were agreed: find out "
        f"whose it was, and come back after {until:%Y-%m-%d %H:%M:%S %Z}."
    )


def _watched(caller: Caller, params: Values, report: Report, start: Count, seconds: float) -> Count:
    """Reads again and again; the last reading, or the first that shows a request."""
    began, now = time.monotonic(), start
    while True:
        passed = time.monotonic() - began
        report.progress(min(passed, seconds), seconds, f"{now.total - start.total} requests meanwhile")
        report.measure(old_requests=now.total)
        if passed >= seconds or now.total != start.total:
            return now
        report.raise_if_cancelled()
        time.sleep(min(1.0, seconds / 10))
        now = served.count(caller, params.old)


def _pack(params: Values, report: Report) -> str:
    target = _target(params)
    if not target.parent.is_dir():
        raise Problem(
            f"The folder {target.parent} is not there.",
            means="Nothing was archived.",
            next="Mount it, or correct path: of the system.",
        )
    done = packed.pack(Path(params.source["path"]), target, report.raise_if_cancelled)
    report.log(
        f"{done.path.name}: {done.files} files, {done.bytes:,} bytes, SHA-256 {done.sha256}, read back."
    )
    report.evidence(
        archived={"file": str(done.path), "bytes": done.bytes, "files": done.files, "sha256": done.sha256}
    )
    return f"{done.files} files packed and read back, SHA-256 {done.sha256[:12]}"


def _left(params: Values, report: Report) -> str:
    """Looks until services and address are gone; what is left when the time is over (empty: nothing)."""
    driver, caller = driver_of(params.platform), Caller.of(params.context.systems)
    until = time.monotonic() + PATIENCE
    while True:
        standing = driver.standing(params.context.attempt)
        left = [str(one) for one in map(standing.get, params.services) if one and not one.is_down]
        if _answers(caller, params):
            left.append(f"{params.old['url']} still answers")
        report.evidence(services=facts_of(standing, params.services), still_there=left)
        if not left or time.monotonic() > until:
            return "; ".join(left)
        report.raise_if_cancelled()
        time.sleep(0.3)


def _answers(caller: Caller, params: Values) -> bool:
    """Whether the old stack itself answers there: a load balancer's “nobody there” is silence, too."""
    try:
        reply = caller.ask(params.old["url"], params.old["requests"], timeout=5)
    except Unreachable:
        return False
    return is_from(reply, params.old) if params.old.get("marker") else reply.ok
