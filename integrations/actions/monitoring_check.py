"""Scans dashboards and alerts: nobody looks at the old hosts any more, and the new ones are watched."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

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
from integrations.clients import monitoring
from integrations.clients.http import Caller
from integrations.clients.monitoring import Text
from integrations.errors import Problem

SHOWN = 50  # findings in the evidence
RULE = re.compile(r"\brules\[")  # a rule's place in a file: what a dashboard shows rings nobody's phone


@register
class MonitoringCheck(Action):
    """Reads files; asks a running Prometheus too, where one is named."""

    key, title = "monitoring.check", "See that dashboards and alerts look at the new stack"
    effect = Effect.PURE
    deadline = timedelta(minutes=5)

    class Params(ActionForm):
        """``folder``: rules and dashboards; ``old``: texts that must not be found (hosts, jobs); ``new``:
        texts that must be; ``watched``: name → pattern (regular expression) that some rule must match;
        ``prometheus``: one that runs, whose targets are asked, too."""

        folder = SystemField(kind="folder")
        old = JSONValueField(kind=list)
        new = JSONValueField(kind=list)
        watched = JSONValueField(kind=dict, required=False)
        prometheus = SystemField(kind="http", required=False)

        def clean_watched(self) -> dict[str, Any]:
            """Patterns that compile."""
            patterns: dict[str, Any] = self.cleaned_data["watched"]
            for name, pattern in patterns.items():
                try:
                    re.compile(str(pattern))
                except re.error as error:
                    raise forms.ValidationError(f"{name}: “{pattern}” is no pattern: {error}.") from None
            return patterns

    def preview(self, params: Values) -> Preview:
        """What is looked for."""
        lines = [
            f"Not to be found: {', '.join(params.old)}.",
            f"To be found: {', '.join([*params.new, *params.watched])}.",
        ]
        return Preview(lines, where=params.folder["path"])

    def run(self, params: Values, report: Report) -> Outcome:
        """Red with a list: where the old is still named, and what of the new is not watched."""
        texts = list(monitoring.texts(Path(params.folder["path"])))
        texts += _targets(params) if params.prometheus else []
        report.log(f"{len({text.file for text in texts})} file(s), {len(texts):,} texts.")
        old = [text for text in texts if _names(text, params.old)]
        for text in old:
            report.log(f"✗ {_place(text)} names the old: {text.text[:200]}")
        missing = [word for word in params.new if not any(_names(text, [word]) for text in texts)]
        blind = [
            name for name, pattern in params.watched.items()
            if not any(re.search(pattern, text.text) for text in texts if RULE.search(text.where))
        ]  # fmt: skip
        report.evidence(
            old=[{"file": t.file, "where": t.where, "line": t.line} for t in old[:SHOWN]],
            old_count=len(old),
            not_named=missing,
            not_watched=blind,
            files=sorted({text.file for text in texts}),
        )
        return _verdict(old, missing, blind)

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """It leaves nothing."""
        return Finding(Seen.NOT_DONE, "This only reads.")


def _names(text: Text, words: list[str]) -> bool:
    """Whether one of the words is in it; hosts have no case."""
    return any(str(word).lower() in text.text.lower() for word in words)


def _verdict(old: list[Text], missing: list[str], blind: list[str]) -> Outcome:
    said = []
    if old:
        places = ", ".join(dict.fromkeys(_place(text) for text in old[:3]))
        more = f" and {len(old) - 3} more" if len(old) > 3 else ""
        said.append(f"The old stack is still named in {places}{more}: point these at the new one.")
    if missing:
        said.append(f"Nothing names {', '.join(missing)}: nobody would see it fail.")
    if blind:
        said.append(f"No rule watches {', '.join(blind)}: add one.")
    return Outcome(
        not said, " ".join(said) or "Nothing names the old stack, and all that has to be is watched."
    )


def _place(text: Text) -> str:
    line = f", line {text.line}" if text.line else ""
    return f"{text.file}{line}{f' ({text.where})' if text.where else ''}"


def _targets(params: Values) -> list[Text]:
    """Addresses that the running Prometheus scrapes: files alone do not prove what was loaded."""
    reply = Caller.of(params.context.systems).ask(params.prometheus["url"], "/api/v1/targets?state=active")
    try:
        active = reply.json()["data"]["activeTargets"]
        return [
            Text("Prometheus", f"target of {t['labels'].get('job')}", None, t["scrapeUrl"]) for t in active
        ]
    except (ValueError, KeyError, TypeError):
        raise Problem(
            f"Prometheus answered {reply.status}, and not with its targets.",
            means="What it really scrapes is not known.",
            next="Check its address; /api/v1/targets has to answer.",
        ) from None
