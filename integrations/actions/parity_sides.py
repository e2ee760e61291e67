"""The parameters that say what a comparison compares with what, and by which rules."""

from __future__ import annotations

from typing import Any

from django import forms

from integrations import actions
from integrations.actions.parity_fields import EntriesField, NamesField
from integrations.actions.parity_sources import OTHER_KINDS, POSTGRES, is_other_kind, iterate_refusals
from integrations.parity.beyond_rows.totals import parse_totals
from integrations.parity.model.declared import parse_rules
from integrations.parity.model.selection import parse_conditions

#: combinations of parameters that say what is compared with what
MODES = (
    {"source", "target"},
    {"before", "database"},
    {"before", "database", "backup", "scratch"},
    {"backup", "scratch", "database"},
)
SIDES = ("source", "target", "before", "database", "backup", "scratch")


class ComparedSidesForm(actions.ActionForm):
    """What is compared with what, and by which rules."""

    source = actions.SystemField(kind=POSTGRES, or_kinds=tuple(OTHER_KINDS), required=False)
    target = actions.SystemField(kind="postgres", required=False)
    before = actions.EvidenceField(action="parity.fingerprint", required=False)
    database = actions.SystemField(kind="postgres", required=False)
    backup = actions.EvidenceField(action="backup.verify", required=False)
    scratch = actions.SystemField(kind="postgres", required=False)
    declared = EntriesField(parse_rules)
    totals = EntriesField(parse_totals)
    schemas = NamesField()
    announced = actions.EvidenceField(action="prisma.diff", required=False)
    tables = NamesField(help_text="Only these tables: names, which may contain *.")
    exclude = NamesField(help_text="Not these tables: names, which may contain *.")
    where = EntriesField(
        parse_conditions,
        help_text="Only rows that meet a condition: `{table, condition}`, or `{table, source, target}`.",
    )
    selection_counts = forms.BooleanField(
        required=False,
        help_text="The selected tables and rows are enough: without this, an item that compares a selection"
        " fails, whatever it finds.",
    )
    only_tell = forms.BooleanField(required=False)
    keep_pass = forms.BooleanField(required=False)
    recheck = actions.EvidenceField(action="parity.compare", required=False)

    def clean(self) -> dict[str, Any]:
        """Requires exactly one of the modes, and refuses parameters that contradict it."""
        given = {name for name in SIDES if self.cleaned_data.get(name)}
        if not set(self.errors) & set(SIDES) and given not in MODES:
            modes = "; ".join(" + ".join(sorted(mode)) for mode in MODES)
            raise forms.ValidationError(f"Say what to compare, one of: {modes}.")
        if "before" in given:
            self._refuse_rules_beside_a_fingerprint()
        if "before" in given and self.cleaned_data.get("sample"):
            self.add_error("sample", "works with two live databases only: remove “before”, or the sample.")
        self._refuse_incomplete_passes()
        if is_other_kind(self.cleaned_data.get("source")):
            for name, reason in iterate_refusals(self.cleaned_data):
                self.add_error(name, reason)
        if self.cleaned_data.get("selection_counts") and not any(
            self.cleaned_data.get(name) for name in ("tables", "exclude", "where")
        ):
            self.add_error("selection_counts", "needs tables, exclude or where: nothing is selected.")
        return self.cleaned_data

    def _refuse_rules_beside_a_fingerprint(self) -> None:
        for name in ("declared", "totals", "schemas"):
            if self.cleaned_data.get(name):
                self.add_error(name, "the fingerprint of “before” holds these; remove them here.")

    def _refuse_incomplete_passes(self) -> None:
        given = [name for name in ("keep_pass", "recheck") if self.cleaned_data.get(name)]
        for name in given:
            if not self.cleaned_data.get("source"):
                self.add_error(name, "needs source and target, both live.")
            elif self.cleaned_data.get("sample"):
                self.add_error(
                    name, "cannot be used with sample: part of the rows proves nothing about the rest."
                )
        if len(given) == 2:
            self.add_error("recheck", "uses a kept pass and keeps none: remove keep_pass here.")
