"""Signing a gate: neither go nor no-go is chosen beforehand, and the password is asked again."""

from __future__ import annotations

import uuid
from typing import Any

from allauth.core import ratelimit
from allauth.mfa.models import Authenticator
from django import forms
from django.contrib.auth.models import User
from django.http import HttpRequest

from checklists.forms.words import SpokenForm
from checklists.gates import ItemView, seats_for
from checklists.models import Member
from checklists.states import Decision


class SignForm(SpokenForm):
    """A go or no-go in one seat, on the digest of the evidence that the page showed."""

    seat = forms.ChoiceField(label="Seat")
    decision = forms.ChoiceField(label="Decision", choices=Decision.choices, widget=forms.RadioSelect)
    reason = forms.CharField(
        label="Reason",
        required=False,
        max_length=2000,
        help_text="A no-go needs one.",
        widget=forms.Textarea(attrs={"rows": 2, "class": "form-control"}),
    )
    password = forms.CharField(
        label="Your password, or a code of your authenticator",
        strip=False,
        widget=forms.PasswordInput(attrs={"class": "form-control", "autocomplete": "current-password"}),
    )
    digest = forms.RegexField(r"^[0-9a-f]{64}$", widget=forms.HiddenInput)
    nonce = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, request: HttpRequest, view: ItemView, member: Member) -> None:
        assert view.gate is not None
        super().__init__(data, initial={"digest": view.gate.digest, "nonce": uuid.uuid4()})
        self.request = request
        titles = {seat.seat: seat.title for seat in view.gate.seats}
        seats = seats_for(member, view) if data is None else [s for s in member.seats if s in titles]
        field = self.fields["seat"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(seat, titles[seat]) for seat in seats]

    def clean_password(self) -> str:
        """Refuses a wrong one, and too many tries; never says which of password or code was meant."""
        given, person = self.cleaned_data["password"], self.request.user
        assert isinstance(person, User)
        if not ratelimit.consume(self.request, action="reauthenticate", user=person):
            raise forms.ValidationError("Too many tries. Wait a minute, then sign again.")
        if not (person.check_password(given) or _is_code_of(person, given)):
            raise forms.ValidationError("That is not right.")
        return ""

    def clean(self) -> dict[str, Any]:
        """A no-go without a reason helps nobody."""
        data = super().clean() or self.cleaned_data
        if data.get("decision") == Decision.NO_GO and not data.get("reason", "").strip():
            self.add_error("reason", "A no-go needs a reason: say in a sentence what has to change.")
        return data

    def signed(self) -> dict[str, Any]:
        """What `services.sign_gate` takes."""
        kept = ("seat", "reason", "digest", "nonce")
        return {name: self.cleaned_data[name] for name in kept} | {
            "decision": Decision(self.cleaned_data["decision"])
        }


def _is_code_of(person: User, given: str) -> bool:
    totp = Authenticator.objects.filter(user=person, type=Authenticator.Type.TOTP).first()
    return bool(totp and given.strip().isdecimal() and totp.wrap().validate_code(given.strip()))
