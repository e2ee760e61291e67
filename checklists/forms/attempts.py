"""Forms about attempts: start one, decide what a lost one did."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest

from checklists.board import ItemView
from checklists.forms.error_summary import ErrorSummaryForm
from checklists.forms.password import PasswordForm
from checklists.models import Cutover
from checklists.states import Reconciliation
from integrations.actions import Effect, registry

INCOMPLETE_PAGE = "The page arrived incomplete. Reload it, and start from there."


class StartForm(PasswordForm, ErrorSummaryForm):
    """Starts an action.

    ``after`` is the number of attempts that the page showed: a second click finds another number and starts
    nothing. In production, the person types the name of the target where the runbook asks for it, and proves
    who they are before an action that cannot be carried out twice.
    """

    after = forms.IntegerField(
        widget=forms.HiddenInput,
        required=False,
        min_value=0,
        max_value=2**31,
        error_messages={
            "invalid": INCOMPLETE_PAGE,
            "min_value": INCOMPLETE_PAGE,
            "max_value": INCOMPLETE_PAGE,
        },
    )
    typed_target = forms.CharField(
        label="Type the name of the target",
        max_length=300,
        error_messages={
            "required": "Type it by hand: this is production.",
            "max_length": "That is longer than any target.",
        },
        help_text="This is production and cannot simply be undone. “What a start would do” shows the name.",
        widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off", "spellcheck": "false"}),
    )

    field_order = ["after", "typed_target", "password", "credential"]

    def __init__(self, data: Any = None, *, request: HttpRequest, view: ItemView, cutover: Cutover) -> None:
        self.asks_for_proof = not cutover.is_rehearsal and _runs_at_most_once(view)
        super().__init__(data, request=request, initial={"after": view.attempts})
        if cutover.is_rehearsal or not (view.item.type_target or view.item.irreversible):
            del self.fields["typed_target"]


def _runs_at_most_once(view: ItemView) -> bool:
    """Also for an action that is not known here: what nobody can look up is taken for the worst."""
    action = registry().get(view.item.action)
    return action is None or action.effect_of(view.item.params) == Effect.AT_MOST_ONCE


class ReconcileForm(PasswordForm, ErrorSummaryForm):
    """Decides what an attempt of unknown outcome did; the note says how the person knows."""

    field_order = ["found", "note", "password", "credential"]

    found = forms.ChoiceField(
        label="What happened",
        choices=Reconciliation.choices,
        error_messages={"required": "choose one.", "invalid_choice": "choose one of these."},
    )
    note = forms.CharField(
        label="What you checked",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2, "class": "form-control"}),
        error_messages={"required": "say it in a sentence; it goes into the record."},
    )

    def clean_found(self) -> Reconciliation:
        """The choice as a `Reconciliation`."""
        return Reconciliation(self.cleaned_data["found"])
