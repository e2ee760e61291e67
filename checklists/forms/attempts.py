"""Forms about attempts: starting one, deciding what a lost one did."""

from __future__ import annotations

from typing import Any

from django import forms

from checklists.forms.words import SpokenForm
from checklists.gates import ItemView
from checklists.models import Cutover
from checklists.states import Reconciliation

BROKEN = "The page did not arrive whole. Reload it, and start from there."


class StartForm(SpokenForm):
    """Starts an action. ``after`` makes a double click do one thing; in production the target is typed."""

    after = forms.IntegerField(
        widget=forms.HiddenInput,
        required=False,
        min_value=0,
        max_value=2**31,
        error_messages={"invalid": BROKEN, "min_value": BROKEN, "max_value": BROKEN},
    )
    typed_target = forms.CharField(
        label="Type the name of the target",
        max_length=300,
        error_messages={
            "required": "Type it by hand: this is production.",
            "max_length": "That is longer than any target.",
        },
        help_text="This is production and cannot simply be undone. The preview shows the name.",
        widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, data: Any = None, *, view: ItemView, cutover: Cutover) -> None:
        super().__init__(data, initial={"after": view.attempts})
        if cutover.is_rehearsal or not view.item.type_target:
            del self.fields["typed_target"]


class ReconcileForm(SpokenForm):
    """Says what an attempt of unknown ending has done, and what the person looked at."""

    found = forms.ChoiceField(
        label="What happened",
        choices=Reconciliation.choices,
        error_messages={"required": "choose one.", "invalid_choice": "choose one of these."},
    )
    note = forms.CharField(
        label="What you looked at",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2, "class": "form-control"}),
        error_messages={"required": "say it in a sentence; it goes into the record."},
    )

    def clean_found(self) -> Reconciliation:
        """As the status it is."""
        return Reconciliation(self.cleaned_data["found"])
