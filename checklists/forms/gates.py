"""The form that signs a gate: nothing is preselected, and the password is asked again."""

from __future__ import annotations

import re
import uuid
from typing import Any

from django import forms
from django.http import HttpRequest

from checklists.board import ItemView, seats_for
from checklists.forms.error_summary import ErrorSummaryForm
from checklists.forms.password import PasswordForm
from checklists.models import Item, Member
from checklists.models.gate_triggers import MIN_ANSWER
from checklists.states import Decision

INCOMPLETE_PAGE = "The page arrived incomplete. Read the evidence once more and sign again."


class KeysField(forms.MultipleChoiceField):
    """Keys of items. The service decides whether they are the right ones, under its locks."""

    def valid_value(self, value: str) -> bool:
        """Could it be a key?"""
        return re.fullmatch(r"[\w-]{1,80}", value) is not None


class SignForm(PasswordForm, ErrorSummaryForm):
    """A go or no-go in one seat, for the evidence whose digest the page showed."""

    seat = forms.ChoiceField(
        label="Seat",
        error_messages={"required": "choose one.", "invalid_choice": "it is not one of yours."},
    )
    decision = forms.ChoiceField(
        label="Decision",
        choices=Decision.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "choose go or no-go.", "invalid_choice": "choose go or no-go."},
    )
    reason = forms.CharField(
        label="Reason",
        required=False,
        max_length=2000,
        help_text="A no-go needs one.",
        widget=forms.Textarea(attrs={"rows": 2, "class": "form-control"}),
    )
    accepted_gaps = KeysField(
        label="I accept, although there is no evidence of it",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": INCOMPLETE_PAGE, "invalid_list": INCOMPLETE_PAGE},
    )
    accepted_irreversible = KeysField(
        label="This may happen, although nothing takes it back",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": INCOMPLETE_PAGE, "invalid_list": INCOMPLETE_PAGE},
    )
    digest = forms.RegexField(
        r"^[0-9a-f]{64}$",
        widget=forms.HiddenInput,
        error_messages={"required": INCOMPLETE_PAGE, "invalid": INCOMPLETE_PAGE},
    )
    nonce = forms.UUIDField(
        widget=forms.HiddenInput, error_messages={"required": INCOMPLETE_PAGE, "invalid": INCOMPLETE_PAGE}
    )

    def __init__(
        self,
        data: Any = None,
        *,
        request: HttpRequest,
        gate: Item,
        member: Member,
        view: ItemView | None = None,
    ) -> None:
        """A new form needs the ``view`` of the gate: its digest, and the seats that are free.

        A posted form does not: whether the seat is free and the digest current is decided by the service,
        on what it reads under its locks.
        """
        initial: dict[str, Any] = {"nonce": uuid.uuid4()}
        if view is not None and view.gate is not None:
            initial["digest"] = view.gate.digest
        super().__init__(data, request=request, initial=initial)
        self.member, self.gate = member, gate
        self._set_seat_choices(seats_for(member, view) if view is not None else member.seats)
        self._set_gaps(view)

    def rebind(self, view: ItemView) -> SignForm:
        """Binds the form to the evidence as it is now, to be shown again beside it."""
        assert view.gate is not None
        if self.data.get("digest") != view.gate.digest and not self.non_field_errors():
            self.add_error(None, "The evidence changed while you were reading it. Read it again first.")
        fresh = {"digest": view.gate.digest}
        if "nonce" in self.errors:
            fresh["nonce"] = str(uuid.uuid4())
        accepted = {
            name: self.fields[name].widget.value_from_datadict(self.data, {}, name) or []
            for name in ("accepted_gaps", "accepted_irreversible")
        }
        self.data = {name: str(self.data[name]) for name in self.data} | fresh | accepted
        self._set_seat_choices(seats_for(self.member, view))
        self._set_gaps(view)
        return self

    def _set_gaps(self, view: ItemView | None) -> None:
        field = self.fields["accepted_gaps"]
        assert isinstance(field, KeysField)
        gaps = view.gate.gaps if view is not None and view.gate is not None else []
        field.choices = [
            (gap.item.key, f"{gap.item} was {gap.kind} by {gap.by}: {gap.reason}") for gap in gaps
        ]

    def _set_seat_choices(self, seats: list[str]) -> None:
        field = self.fields["seat"]
        assert isinstance(field, forms.ChoiceField)
        of_gate = [seat for seat in seats if seat in self.gate.seats]
        field.choices = [(seat, self.gate.cutover.seat_title(seat)) for seat in of_gate]

    def clean(self) -> dict[str, Any]:
        """A no-go needs a reason."""
        data = super().clean() or self.cleaned_data
        if data.get("decision") == Decision.NO_GO and not data.get("reason", "").strip():
            self.add_error("reason", "a no-go needs one: say in a sentence what has to change.")
        return data

    def sign_off_fields(self) -> dict[str, Any]:
        """The keyword arguments of `services.sign_gate`."""
        names = ("seat", "reason", "digest", "nonce", "accepted_gaps", "accepted_irreversible")
        fields = {name: self.cleaned_data[name] for name in names}
        return fields | {"decision": Decision(self.cleaned_data["decision"])}


class WithdrawForm(PasswordForm, ErrorSummaryForm):
    """Withdraws one's own no-go: why, and the password."""

    text = forms.CharField(
        label="Why you withdraw it",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2, "class": "form-control"}),
        error_messages={"required": "say why; it stays beside the no-go."},
    )
    field_order = ["text", "password"]


class AnswerForm(PasswordForm, ErrorSummaryForm):
    """Answers another person's no-go in writing: the answer, and the password."""

    text = forms.CharField(
        label="Your answer",
        min_length=MIN_ANSWER,
        max_length=2000,
        help_text=f"At least {MIN_ANSWER} characters. No-go and answer stay beside the gate's pass for good.",
        widget=forms.Textarea(attrs={"rows": 3, "class": "form-control"}),
        error_messages={
            "required": "write one.",
            "min_length": f"it needs at least {MIN_ANSWER} characters.",
        },
    )
    field_order = ["text", "password"]
