"""A small correct runbook and a registry of tiny actions. Tests change one thing in it at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from checklists.runbook import ReadResult, read
from integrations.actions import (
    Action,
    ActionForm,
    Effect,
    EvidenceField,
    Finding,
    JSONValueField,
    Outcome,
    Preview,
    ProbeStatus,
    RunReport,
    SystemField,
)

GOOD = """\
name: small
title: A small runbook
timezone: Europe/Berlin
systems:
  store:
    kind: postgres
    url: ${STORE_URL}
roles:
  lead: Lead
seats:
  technical: Technical
  data: Data
phases:
  - key: first
    title: First
    items:
      - key: save
        title: Save it
        kind: action
        owner: lead
        action: copy.take
        params:
          database: store
          jobs: 2
        planned: 1h30m
      - key: change
        title: Change it
        kind: action
        owner: lead
        needs: [save, go]
        action: schema.change
        params: {database: store, copy: save}
        undo: put-back
      - key: go
        title: Go or no-go
        kind: gate
        owner: lead
        needs: [save]
        seats: [technical, data]
        quorum: 2
        evidence:
          - item: save
            fresh_for: 20m
  - key: back
    title: Back
    direction: rollback
    items:
      - key: put-back
        title: Put it back
        kind: manual
        owner: lead
        how: Take the copy of [[save]].
"""


class Tiny(Action[Any, dict[str, Any]]):
    """The base of the tiny actions, which are never run."""

    effect = Effect.PURE

    def preview(self, params: Any) -> Preview:
        return Preview([])

    def run(self, params: Any, report: RunReport[dict[str, Any]]) -> Outcome:
        return Outcome(True, "done")

    def probe(self, params: Any, before: Mapping[str, Any]) -> Finding:
        return Finding(ProbeStatus.NOT_DONE, "nothing")


class Take(Tiny):
    key, title = "copy.take", "Take a copy"

    class Params(ActionForm):
        database = SystemField(kind="postgres", help_text="What to copy.")
        jobs = forms.IntegerField(min_value=1, max_value=8, required=False, help_text="Tables at once.")
        rules = JSONValueField(kind=list, required=False)
        way = forms.ChoiceField(choices=[("fast", "fast"), ("safe", "safe")], required=False)


class Change(Tiny):
    key, title, risky = "schema.change", "Change the schema", True
    effect = Effect.AT_MOST_ONCE

    class Params(ActionForm):
        database = SystemField(kind="postgres")
        copy = EvidenceField(action="copy.take")

        def clean(self) -> dict[str, Any]:
            """Reads an address, as an action may. This must work although no variable is set."""
            if self.cleaned_data.get("database"):
                self.cleaned_data["database"]["url"]
            return self.cleaned_data


REGISTRY: dict[str, Action] = {"copy.take": Take(), "schema.change": Change()}


def read_tiny(text: str | bytes, environ: Mapping[str, str] | None = None) -> ReadResult:
    """Reads a runbook with the tiny actions only."""
    return read(text, registry=REGISTRY, environ=environ)


def change_good(old: str, new: str) -> str:
    """The good runbook with the first ``old`` replaced by ``new``. Fails when ``old`` is not in it."""
    assert GOOD.count(old) >= 1, old
    return GOOD.replace(old, new, 1)


def errors_of(text: str | bytes, environ: Mapping[str, str] | None = None) -> str:
    """All errors, one per line, with their line numbers."""
    return "\n".join(f"{error.line}: {error}" for error in read_tiny(text, environ).errors)


def line_of(text: str, part: str) -> int:
    """The number of the first line that contains ``part``."""
    return next(number for number, line in enumerate(text.split("\n"), 1) if part in line)
