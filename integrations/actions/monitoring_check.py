"""Checks that dashboards and alerts no longer name the old hosts, and that they watch the new ones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypedDict

from django import forms

from integrations import actions
from integrations.clients.http import HttpClient, display_url
from integrations.environment import monitoring
from integrations.environment.alerting_rules import read_alerting_rules
from integrations.environment.monitored_hosts import HostWord, host_words
from integrations.environment.monitoring import ConfigText, ReadFolder
from integrations.errors import Problem
from integrations.systems import System

METRICS = "/metrics"  # the path that Prometheus reads by default
EXAMPLES_KEPT = 50  # places in the evidence that still name the old stack


@dataclass(frozen=True)
class MonitoringCheckParams(actions.ActionParams):
    """Where to look, and for which texts and patterns."""

    folder: System
    old: list[Any]
    new: list[Any]
    watched: dict[str, str]
    prometheus: System | None
    exporter: System | None
    exporter_path: str
    metrics: list[Any]


class PlaceFacts(TypedDict):
    """A place in a configuration file; ``line`` is None in JSON files."""

    file: str
    where: str
    line: int | None


class MonitoringCheckEvidence(TypedDict, total=False):
    """Which places name the old stack, and what of the new stack is not named or not watched."""

    old: list[PlaceFacts]
    old_count: int
    not_named: list[str]
    not_watched: list[str]
    not_exported: list[str]
    files: list[str]
    not_read: dict[str, str]  # file → why
    warnings: list[str]


@actions.register
class MonitoringCheck(actions.ReadOnlyAction[MonitoringCheckParams, MonitoringCheckEvidence]):
    """Reads the files of a folder and, where the runbook names one, the targets of a running Prometheus."""

    key, title = "monitoring.check", "Check that dashboards and alerts watch the new stack"
    texts_shown = True
    public_params = frozenset({"old", "new", "watched", "metrics"})
    address_params = frozenset({"exporter_path"})
    deadline = timedelta(minutes=5)

    class Params(actions.ActionForm):
        """``folder``: rules and dashboards; ``old``: texts that must not occur (hosts, jobs); ``new``:
        texts that must occur; ``watched``: name → regular expression that some alerting rule must match;
        ``prometheus``: a running Prometheus whose scrape targets are checked as well; ``exporter`` and
        ``metrics``: the system that must export these metrics at ``exporter_path`` (default /metrics): a
        rule on a metric that nobody exports never fires."""

        folder = actions.SystemField(kind="folder")
        old = actions.JSONValueField(kind=list)
        new = actions.JSONValueField(kind=list)
        watched = actions.JSONValueField(kind=dict, required=False)
        prometheus = actions.SystemField(kind="http", required=False)
        exporter = actions.SystemField(kind="http", required=False)
        exporter_path = forms.CharField(max_length=200, required=False)
        metrics = actions.JSONValueField(kind=list, required=False)

        def clean(self) -> dict[str, Any]:
            """Requires both or neither: the metrics are read somewhere."""
            if bool(self.cleaned_data.get("exporter")) != bool(self.cleaned_data.get("metrics")):
                raise forms.ValidationError("exporter: and metrics: go together.")
            return self.cleaned_data

        def clean_watched(self) -> dict[str, str]:
            """Refuses a pattern that does not compile."""
            patterns = {name: str(pattern) for name, pattern in self.cleaned_data["watched"].items()}
            for name, pattern in patterns.items():
                try:
                    re.compile(pattern)
                except re.error as error:
                    raise forms.ValidationError(
                        f"{name}: “{pattern}” is no regular expression: {error}."
                    ) from None
            return patterns

    def preview(self, params: MonitoringCheckParams) -> actions.Preview:
        """The texts that must not occur, and those that must."""
        lines = [
            f"Must not occur: {', '.join(map(str, params.old))}.",
            f"Must occur: {', '.join(map(str, [*params.new, *params.watched]))}.",
        ]
        if params.exporter:
            where = f"{display_url(params.exporter['url'])}{params.exporter_path or METRICS}"
            lines.append(f"GET {where}: it must export {', '.join(map(str, params.metrics))}.")
        return actions.Preview(lines, where=params.folder["path"])

    def run(
        self, params: MonitoringCheckParams, report: actions.RunReport[MonitoringCheckEvidence]
    ) -> actions.Outcome:
        """A verdict lists the places that name the old stack, and what of the new one is not watched."""
        found = monitoring.read_folder(Path(params.folder["path"]))
        texts = found.texts
        if params.prometheus:
            texts += _read_scrape_targets(HttpClient.of(params.context.systems), params.prometheus)
        report.log(f"{len({text.file for text in texts})} file(s), {len(texts):,} texts.")
        words = host_words(params.old)
        old = [text for text in texts if any(word.is_named_in(text.text) for word in words)]
        for text in old:
            report.log(f"✗ {_place(text)} names the old stack: {text.text[:200]}")
        for name, why in found.unread.items():
            report.log(f"✗ {name} is not known: {why}")
        wanted = host_words(params.new)
        missing = [word.text for word in wanted if not any(word.is_named_in(text.text) for text in texts)]
        unwatched = _unwatched(params.watched, texts)
        unexported, said = _unexported(params)
        warnings = _warnings(found, words, wanted)
        report.evidence(
            {
                "old": [{"file": t.file, "where": t.where, "line": t.line} for t in old[:EXAMPLES_KEPT]],
                "old_count": len(old),
                "not_named": missing,
                "not_watched": unwatched,
                "not_exported": unexported,
                "files": sorted({text.file for text in texts}),
                "not_read": found.unread,
                "warnings": warnings,
            }
        )
        reasons = [*_reasons(old, missing, unwatched), *filter(None, [_unread(found), said])]
        if reasons:
            return actions.Outcome(False, " ".join(reasons))
        green = "Nothing names the old stack, and everything required is watched."
        return actions.Outcome(True, " ".join([green, *warnings]))


def _unread(found: ReadFolder) -> str:
    """The files whose contents are not known, in a sentence; "" for none."""
    if not found.unread:
        return ""
    said = "; ".join(f"{name}: {why}" for name, why in list(found.unread.items())[:3])
    more = f" and {len(found.unread) - 3} more" if len(found.unread) > 3 else ""
    return f"Not known is what these files watch: {said}{more}. Mend them, or take them out of the folder."


def _warnings(found: ReadFolder, old: list[HostWord], new: list[HostWord]) -> list[str]:
    """What was not opened, and where the present addresses of an old host are named."""
    said = []
    if found.skipped:
        said.append(f"Not opened, as documentation: {', '.join(found.skipped[:5])}.")
    shared = {address for word in new for address in word.addresses()}
    for word in old:
        named = sorted(word.addresses() - shared - {word.forms[0]})
        for address in named:
            places = [_place(text) for text in found.texts if HostWord(address).is_named_in(text.text)]
            if places:
                said.append(
                    f"{address}, which {word.text} resolves to now, is named in {', '.join(places[:3])}: see "
                    "whether that is the old stack."
                )
    return said


def _unexported(params: MonitoringCheckParams) -> tuple[list[str], str]:
    """The metrics that the exporter does not export, and a sentence about it."""
    if not params.exporter:
        return [], ""
    path, wanted = params.exporter_path or METRICS, list(map(str, params.metrics))
    where = f"{display_url(params.exporter['url'])}{path}"
    response = HttpClient.of(params.context.systems).request(params.exporter["url"], path)
    text = response.body.decode(errors="replace") if response.ok else ""
    exported = {re.split(r"[{\s]", line, maxsplit=1)[0] for line in text.splitlines()}
    missing = [name for name in wanted if name not in exported]
    if not missing:
        return [], ""
    said = f"does not export {', '.join(missing)}" if response.ok else f"answers {response.status}"
    rules = f"A rule on {', '.join(missing)} never fires: export it, or watch something that exists."
    return missing, f"{where} {said}. {rules}"


def _unwatched(patterns: dict[str, str], texts: list[ConfigText]) -> list[str]:
    """Names of the patterns that no alerting rule matches."""
    rules = [text for rule in read_alerting_rules(texts) for text in rule]
    return [name for name, pattern in patterns.items() if not any(re.search(pattern, rule) for rule in rules)]


def _reasons(old: list[ConfigText], missing: list[str], unwatched: list[str]) -> list[str]:
    reasons = []
    if old:
        places = ", ".join(dict.fromkeys(_place(text) for text in old[:3]))
        more = f" and {len(old) - 3} more" if len(old) > 3 else ""
        reasons.append(f"The old stack is still named in {places}{more}: point these at the new one.")
    if missing:
        reasons.append(f"Nothing names {', '.join(missing)}: a failure there would go unnoticed.")
    if unwatched:
        reasons.append(f"No rule watches {', '.join(unwatched)}: add one.")
    return reasons


def _place(text: ConfigText) -> str:
    line = f", line {text.line}" if text.line else ""
    return f"{text.file}{line}{f' ({text.where})' if text.where else ''}"


def _read_scrape_targets(http_client: HttpClient, prometheus: System) -> list[ConfigText]:
    """The addresses that the running Prometheus scrapes: files alone do not prove what it has loaded."""
    response = http_client.request(prometheus["url"], "/api/v1/targets?state=active")
    try:
        active = response.json()["data"]["activeTargets"]
        return [
            ConfigText(
                "Prometheus", f"target of {target['labels'].get('job')}", None, str(target["scrapeUrl"])
            )
            for target in active
        ]
    except (ValueError, LookupError, TypeError, AttributeError):
        raise Problem(
            f"Prometheus answered {response.status}, but not with its targets.",
            means="What it really scrapes is not known.",
            next="Check its address; /api/v1/targets has to answer.",
        ) from None
