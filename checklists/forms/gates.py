"""Signing a gate: neither go nor no-go is chosen beforehand, and the password is asked again."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.http import HttpRequest

from checklists.forms.password import PasswordForm
from checklists.forms.words import SpokenForm
from checklists.gates import ItemView, seats_for
from checklists.models import Member
from checklists.states import Decision

BROKEN = "The page did not arrive whole. Read the evidence once more and sign again."


class SignForm(PasswordForm, SpokenForm):
    """A go or no-go in one seat, on the digest of the evidence that the page showed."""

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
    digest = forms.RegexField(
        r"^[0-9a-f]{64}$", widget=forms.HiddenInput, error_messages={"required": BROKEN, "invalid": BROKEN}
    )
    nonce = forms.UUIDField(widget=forms.HiddenInput, error_messages={"required": BROKEN, "invalid": BROKEN})

    def __init__(self, data: Any = None, *, request: HttpRequest, view: ItemView, member: Member) -> None:
        assert view.gate is not None
        initial = {"digest": view.gate.digest, "nonce": uuid.uuid4()}
        super().__init__(data, request=request, initial=initial)
        self.member = member
        self._offer(seats_for(member, view) if data is None else member.seats, view)

    def on(self, view: ItemView) -> SignForm:
        """Itself, for being shown again beside the evidence as it is now: that is what it signs next."""
        assert view.gate is not None
        if self.data.get("digest") != view.gate.digest and not self.non_field_errors():
            self.add_error(None, "The evidence changed while you were reading it. Read it again first.")
        fresh = {"digest": view.gate.digest}
        if "nonce" in self.errors:
            fresh["nonce"] = str(uuid.uuid4())
        self.data = {name: str(self.data[name]) for name in self.data} | fresh
        self._offer(seats_for(self.member, view), view)
        return self

    def _offer(self, seats: list[str], view: ItemView) -> None:
        field, gate = self.fields["seat"], view.gate
        assert isinstance(field, forms.ChoiceField)
        assert gate is not None
        titles = {seat.seat: seat.title for seat in gate.seats}
        field.choices = [(seat, titles[seat]) for seat in seats if seat in titles]

    def clean(self) -> dict[str, Any]:
        """A no-go without a reason helps nobody."""
        data = super().clean() or self.cleaned_data
        if data.get("decision") == Decision.NO_GO and not data.get("reason", "").strip():
            self.add_error("reason", "a no-go needs one: say in a sentence what has to change.")
        return data

    def signed(self) -> dict[str, Any]:
        """What `services.sign_gate` takes."""
        kept = ("seat", "reason", "digest", "nonce")
        return {name: self.cleaned_data[name] for name in kept} | {
            "decision": Decision(self.cleaned_data["decision"])
        }
