"""Compares two databases, or one with its state before, row by row, and names what differs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from django import forms

from integrations.actions import parity_bounds, register
from integrations.actions.base import (
    Action,
    ActionForm,
    Effect,
    EvidenceField,
    Finding,
    Outcome,
    Preview,
    Report,
    Seen,
    SystemField,
    Values,
)
from integrations.actions.parity_bounds import Bounds
from integrations.actions.parity_fields import EntriesField, NamesField, server
from integrations.actions.parity_telling import Telling
from integrations.clients import postgres
from integrations.errors import Problem
from integrations.parity import baseline
from integrations.parity.compare import compare_before, compare_live
from integrations.parity.declared import Rule, read_rules
from integrations.parity.recheck import keep_pass, recheck
from integrations.parity.result import Result
from integrations.parity.snapshot import Server, Snapshot
from integrations.parity.tables import read_tables
from integrations.parity.totals import read_totals

#: parameters that together say what is compared with what
MODES = (
    {"source", "target"},
    {"before", "database"},
    {"before", "database", "backup", "scratch"},
    {"backup", "scratch", "database"},
)
SIDES = ("source", "target", "before", "database", "backup", "scratch")


class Sides(ActionForm):
    """What is compared with what, by which rules."""

    source = SystemField(kind="postgres", required=False)
    target = SystemField(kind="postgres", required=False)
    before = EvidenceField(action="parity.fingerprint", required=False)
    database = SystemField(kind="postgres", required=False)
    backup = EvidenceField(action="backup.verify", required=False)
    scratch = SystemField(kind="postgres", required=False)
    declared = EntriesField(read_rules)
    totals = EntriesField(read_totals)
    schemas = NamesField()
    settle = forms.FloatField(min_value=0, max_value=600, required=False)
    only_tell = forms.BooleanField(required=False)
    keep_pass = forms.BooleanField(required=False)
    recheck = EvidenceField(action="parity.compare", required=False)

    def clean(self) -> dict[str, Any]:
        """Exactly one way to compare."""
        given = {name for name in SIDES if self.cleaned_data.get(name)}
        if not set(self.errors) & set(SIDES) and given not in MODES:
            ways = "; ".join(" + ".join(sorted(mode)) for mode in MODES)
            raise forms.ValidationError(f"Say what to compare, one of: {ways}.")
        if "before" in given:
            self._refuse_second_rules()
        if "before" in given and self.cleaned_data.get("sample"):
            self.add_error("sample", "is taken of two live databases only: take “before” out, or the sample.")
        self._refuse_half_a_pass()
        return self.cleaned_data

    def _refuse_second_rules(self) -> None:
        for name in ("declared", "totals", "schemas"):
            if self.cleaned_data.get(name):
                self.add_error(name, "the fingerprint of “before” holds these; take them out here.")

    def _refuse_half_a_pass(self) -> None:
        said = [name for name in ("keep_pass", "recheck") if self.cleaned_data.get(name)]
        for name in said:
            if not self.cleaned_data.get("source"):
                self.add_error(name, "needs source and target, both live.")
            elif self.cleaned_data.get("sample"):
                self.add_error(
                    name, "cannot go with sample: a part of the rows proves nothing about the rest."
                )
        if len(said) == 2:
            self.add_error("recheck", "builds on a kept pass and keeps none: take keep_pass out here.")


@register
class ParityCompare(Action):
    """Row counts and contents of all tables; sequences, totals and schema beside them."""

    key, title = "parity.compare", "Compare every row of every table"
    effect = Effect.PURE
    deadline = timedelta(hours=1)

    class Params(Bounds, Sides):
        """What is compared: ``source`` with ``target``, both live; or ``database`` as it is with
        ``before``, the item that took its fingerprint; or with ``backup``, the item that verified and
        kept the restored backup on ``scratch``. With ``before`` and ``backup`` both, the fingerprint
        decides and the backup names the rows. ``declared``: differences that are expected, and
        ``totals``: sums that must agree; with ``before`` those of the fingerprint hold, and may not
        be said again; what it calls ``personal`` holds here, too. ``settle``: seconds after which rows that
        differ are asked again, because on a live system a difference may be on its way. ``only_tell``:
        differences are the answer and no fault: it succeeds once everything was compared.

        ``keep_pass``: what was read of ``source`` and ``target`` is kept, so that a later comparison with
        ``recheck``, the item that kept it, reads again only what was written since: minutes before the
        switch it takes seconds, and its verdict is about every row. Both say the same rules.

        How much load it may make: ``workers``, ``page_rate``, ``snapshot_age``, ``largest``; a table that
        would exceed a bound is refused with a reason, and then nothing is called equal. ``sample``: a first
        look at a part of the rows, which never proves them equal. ``personal``: columns whose values only
        those see who work on the cutover."""

    def preview(self, params: Values) -> Preview:
        """Both sides, and the tables that would be read."""
        target = _target(params)
        with Snapshot(target, longest=30) as snapshot:
            tables = read_tables(snapshot, params.schemas)
        lines = [
            f"Compare {len(tables)} tables of {target.address} with {_other_side(params)}.",
            f"Read both in one read-only snapshot each: {_how(params)}, then the rows that differ.",
        ]
        lines += [f"Declared: {rule.words}." for rule in _rules(params)]
        lines += parity_bounds.lines(params, _personal(params))
        return Preview(lines, where=target.address)

    def run(self, params: Values, report: Report) -> Outcome:
        """Compares; ``ok`` only when everything was compared and nothing undeclared differs."""
        result = self._compare(params, report)
        report.evidence(parity={**result.as_facts(), "personal": list(_personal(params))})
        if params.only_tell and not result.equal and result.sound:
            return Outcome(True, f"{result.summary} Told, not judged.")
        return Outcome(result.equal, result.summary)

    def _compare(self, params: Values, report: Report) -> Result:
        telling = Telling(report, _personal(params))
        result = _before(params, telling) if params.before else _live(params, telling, report)
        telling.rest(result.tables)
        return result

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """A comparison whose attempt was lost is made again."""
        return Finding(Seen.NOT_DONE, "It only reads; a comparison that did not end has no result.")


def _before(params: Values, telling: Telling) -> Result:
    kept = baseline.read(*_fingerprint(params))
    options = parity_bounds.options(
        params, rules=kept.rules, totals=kept.asked, schemas=tuple(kept.schemas), personal=_personal(params)
    )
    backup = _backup(params) if params.backup else None
    return compare_before(kept, _target(params), options, telling.watch, backup=backup)


def _live(params: Values, telling: Telling, report: Report) -> Result:
    options = parity_bounds.options(
        params,
        rules=params.declared,
        totals=params.totals,
        schemas=params.schemas,
        personal=_personal(params),
    )
    source = _backup(params) if params.backup else server(params.source["url"], params.context)
    sides = source, _target(params)
    if params.recheck:
        path, sha256 = _kept(params)
        return recheck(*sides, path, options, telling.watch, sha256=sha256)
    if not params.keep_pass:
        return compare_live(*sides, options, telling.watch)
    context = params.context
    context.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = context.folder / f"pass-{context.attempt}.json"
    result, sha256 = keep_pass(*sides, path, options, telling.watch)
    report.evidence(kept_pass={"path": str(path), "sha256": sha256, "taken_at": result.started})
    return result


def _kept(params: Values) -> tuple[Path, str]:
    """The kept pass of an earlier comparison."""
    facts = params.context.evidence.get(params.recheck, {}).get("kept_pass")
    if not facts:
        raise Problem(
            f"There is no kept pass to build on: the item “{params.recheck}” has not left one.",
            means="Only a comparison that succeeded with keep_pass: true leaves one.",
            next=f"Carry out “{params.recheck}”, then compare again.",
        )
    return Path(facts["path"]), facts["sha256"]


def _how(params: Values) -> str:
    """What is read, for the preview."""
    if params.recheck:
        return f"only what was written since the pass that “{params.recheck}” kept"
    kept = " (kept for a recheck)" if params.keep_pass else ""
    return f"counts and row hashes{kept}"


def _personal(params: Values) -> tuple[str, ...]:
    """The patterns of what is personal: those given, and those of the fingerprint."""
    kept = params.context.evidence.get(params.before, {}).get("fingerprint") or {}
    return tuple(dict.fromkeys([*params.personal, *kept.get("personal", ())]))


def _target(params: Values) -> Server:
    return server((params.target or params.database)["url"], params.context)


def _other_side(params: Values) -> str:
    if params.source:
        return postgres.address(params.source["url"])
    backup = f"the restored backup of “{params.backup}”" if params.backup else ""
    if not params.before:
        return backup
    rows = f", and name rows by {backup}" if backup else ""
    return f"the fingerprint of “{params.before}”{rows}"


def _rules(params: Values) -> tuple[Rule, ...]:
    """The declared differences: the fingerprint's own, as far as there is one yet, or those given."""
    if not params.before:
        return tuple(params.declared)
    there = params.context.evidence.get(params.before, {}).get("fingerprint")
    return baseline.read(*_fingerprint(params)).rules if there else ()


def _fingerprint(params: Values) -> tuple[Path, str]:
    facts = params.context.evidence.get(params.before, {}).get("fingerprint")
    if not facts:
        raise Problem(
            f"There is no fingerprint of before: the item “{params.before}” has not left one.",
            next=f"Carry out “{params.before}” (before anything is migrated), then compare again.",
        )
    return Path(facts["path"]), facts["sha256"]


def _backup(params: Values) -> Server:
    facts = params.context.evidence.get(params.backup, {}).get("verified") or {}
    if not facts.get("equal") or not facts.get("database"):
        raise Problem(
            f"There is no restored backup to compare with: “{params.backup}” has kept none that is equal.",
            next=f"Carry out “{params.backup}” with keep: true, then compare again.",
        )
    url = postgres.with_database(params.scratch["url"], facts["database"])
    return server(url, params.context)
