"""Forms with a reason or a remark: untick, skip, note, rollback, close."""

from __future__ import annotations

from django import forms
from django.contrib.auth.models import User

from checklists.forms.password import PasswordForm
from checklists.states import CutoverStatus


class ReasonForm(forms.Form):
    """The reason for an untick or a skip."""

    reason = forms.CharField(
        max_length=2000, error_messages={"required": "Say why; it goes into the record."}
    )


class NoteForm(forms.Form):
    """A note on an item, for everybody."""

    text = forms.CharField(max_length=4000, error_messages={"required": "The note is empty."})


class HandOverForm(forms.Form):
    """The person who is responsible for an item from now on, by login."""

    to = forms.ModelChoiceField(
        User.objects.filter(is_active=True),
        to_field_name="username",
        error_messages={
            "required": "Choose a person.",
            "invalid_choice": "There is no such person.",
        },
    )


class RollbackForm(PasswordForm):
    """Orders the rollback: the reason and the password."""

    reason = forms.CharField(
        label="Why we go back",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": "Say why; it goes into the record and to everybody who watches."},
    )
    field_order = ["reason", "password"]


class CloseForm(PasswordForm):
    """Closes a cutover: how it ended, a remark and the password."""

    status = forms.ChoiceField(
        label="How it ended",
        choices=[(s.value, s.label) for s in CutoverStatus if s != CutoverStatus.OPEN],
        widget=forms.RadioSelect,
        error_messages={"required": "Say how it ended."},
    )
    reason = forms.CharField(
        label="Remark", max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    field_order = ["status", "reason", "password"]
