"""Compares two databases, or one with its state before, row by row, and names what differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
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
    Outcome,
    Preview,
    Report,
    Seen,
    SystemField,
    Values,
)
from integrations.actions.parity_fields import ColumnsField, EntriesField, NamesField, server
from integrations.actions.parity_telling import Telling
from integrations.clients import postgres
from integrations.errors import Problem
from integrations.parity import baseline
from integrations.parity.compare import Options, compare_before, compare_live
from integrations.parity.declared import Rule, read_rules
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


@register
class ParityCompare(Action):
    """Row counts and contents of all tables; sequences, totals and schema beside them."""

    key, title = "parity.compare", "Compare every row of every table"
    effect = Effect.PURE
    deadline = timedelta(hours=1)

    class Params(ActionForm):
        """What is compared: ``source`` with ``target``, both live; or ``database`` as it is with
        ``before``, the item that took its fingerprint; or with ``backup``, the item that verified and
        kept the restored backup on ``scratch``. With ``before`` and ``backup`` both, the fingerprint
        decides and the backup names the rows. ``declared``: differences that are expected, and
        ``totals``: sums that must agree; with ``before`` those of the fingerprint hold, and may not
        be said again. ``settle``: seconds after which rows that differ are asked
        again, because on a live system a difference may be on its way. ``only_tell``: differences are the
        answer and no fault: it succeeds once everything was compared.

        How much load it may make: ``workers``, ``page_rate``, ``snapshot_age``, ``largest``; a table that
        would exceed a bound is refused with a reason, and then nothing is called equal. ``sample``: a first
        look at a part of the rows, which never proves them equal. ``views``: views that are compared like
        tables. ``personal``: columns whose values only those see who work on the cutover."""

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
        workers = forms.IntegerField(
            min_value=1,
            max_value=16,
            required=False,
            help_text="Connections a side that read at once; none: as many as the processors allow.",
        )
        page_rate = forms.IntegerField(
            min_value=1, required=False, help_text="Pages of 8 kB a second that a side may be asked to read."
        )
        snapshot_age = forms.IntegerField(
            min_value=1,
            required=False,
            help_text="Seconds that a snapshot may get old, because it holds up VACUUM; none: an hour.",
        )
        largest = forms.IntegerField(
            min_value=1, required=False, help_text="Pages of 8 kB of the largest table that may be read."
        )
        sample = forms.FloatField(
            min_value=0.001, max_value=99, required=False, help_text="Percent of the rows to look at."
        )
        views = NamesField(help_text="Names of views, with their schema unless it is public.")
        personal = ColumnsField(help_text="Columns as table.column; each part may hold *.")

        def clean(self) -> dict[str, Any]:
            """Exactly one way to compare."""
            given = {name for name in SIDES if self.cleaned_data.get(name)}
            if not set(self.errors) & set(SIDES) and given not in MODES:
                ways = "; ".join(" + ".join(sorted(mode)) for mode in MODES)
                raise forms.ValidationError(f"Say what to compare, one of: {ways}.")
            if "before" in given:
                self._refuse_second_rules()
            return self.cleaned_data

        def _refuse_second_rules(self) -> None:
            for name in ("declared", "totals", "schemas"):
                if self.cleaned_data.get(name):
                    self.add_error(name, "the fingerprint of “before” holds these; take them out here.")

    def preview(self, params: Values) -> Preview:
        """Both sides, and the tables that would be read."""
        target = _target(params)
        with Snapshot(target, longest=30) as snapshot:
            tables = read_tables(snapshot, params.schemas)
        lines = [
            f"Compare {len(tables)} tables of {target.address} with {_other_side(params)}.",
            "Read both in one read-only snapshot each: counts and row hashes, then the rows that differ.",
        ]
        lines += [f"Declared: {rule.words}." for rule in _rules(params)]
        if params.settle:
            lines.append(f"Ask rows that differ again after {params.settle:g} s.")
        lines += _bounds(params)
        return Preview(lines, where=target.address)

    def run(self, params: Values, report: Report) -> Outcome:
        """Compares; ``ok`` only when everything was compared and nothing undeclared differs."""
        result = self._compare(params, report)
        report.evidence(parity={**result.as_facts(), "personal": list(params.personal)})
        if params.only_tell and not result.equal and result.sound:
            return Outcome(True, f"{result.summary} Told, not judged.")
        return Outcome(result.equal, result.summary)

    def _compare(self, params: Values, report: Report) -> Result:
        telling = Telling(report, params.personal)
        backup = _backup(params) if params.backup else None
        if params.before:
            kept = baseline.read(*_fingerprint(params))
            options = _options(params, rules=kept.rules, totals=kept.asked, schemas=tuple(kept.schemas))
            result = compare_before(kept, _target(params), options, telling.watch, backup=backup)
        else:
            options = _options(params, rules=params.declared, totals=params.totals, schemas=params.schemas)
            source = backup or server(params.source["url"], params.context)
            result = compare_live(source, _target(params), options, telling.watch)
        telling.rest(result.tables)
        return result

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """A comparison whose attempt was lost is made again."""
        return Finding(Seen.NOT_DONE, "It only reads; a comparison that did not end has no result.")


#: parameters that bound the load or the look: what is not said keeps the engine's own value
BOUNDS = ("settle", "workers", "page_rate", "snapshot_age", "largest", "sample")


def _options(params: Values, **asked: Any) -> Options:
    given = {name: value for name in BOUNDS if (value := getattr(params, name)) is not None}
    return Options(**asked, **given, views=params.views, personal=params.personal)


def _bounds(params: Values) -> Iterator[str]:
    """The lines of a preview that say how gently it goes."""
    if params.sample:
        yield f"Look at {params.sample:g} % of the rows only: it can prove a difference, and never equality."
    if params.workers:
        yield f"Read with {params.workers} connections a side at most."
    if params.page_rate:
        yield f"Read {params.page_rate} pages (8 kB) a second and side at most."
    if params.snapshot_age:
        yield f"Keep no snapshot longer than {params.snapshot_age} s; what takes longer is refused."
    if params.largest:
        yield f"Refuse tables of more than {params.largest} pages (8 kB)."
    if params.personal:
        yield f"Hide from who only watches: {', '.join(params.personal)}."


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
