"""The form of a link for people without an account."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django import forms

DURATIONS = [("12", "12 hours"), ("24", "one day"), ("72", "three days"), ("168", "a week")]


class StatusLinkForm(forms.Form):
    """For whom the link is, and how long it leads to the page."""

    label = forms.CharField(
        label="Whom it is for",
        max_length=100,
        help_text="Such as “the office”. Only people of this cutover see it.",
        error_messages={"required": "Say whom it is for, so that it can be told from others."},
    )
    hours = forms.ChoiceField(label="How long it works", choices=DURATIONS, initial="24")
    nonce = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    @property
    def lasts(self) -> timedelta:
        """How long the link works, of a form that is valid."""
        return timedelta(hours=int(self.cleaned_data["hours"]))
