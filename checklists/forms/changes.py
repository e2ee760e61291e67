"""Forms that request a change which a second person confirms."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import forms
from django.http import HttpRequest

from checklists.forms.password import PasswordForm
from checklists.models import Cutover


class ChangeForm(PasswordForm):
    """The reason of a requested change, and the password of the person who requests it."""

    reason = forms.CharField(
        label="Why",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2, "class": "form-control"}),
        error_messages={"required": "Say why; it goes into the record."},
    )
    field_order: list[str] | None = ["reason", "password"]


class HostDeathForm(ChangeForm):
    """Declares one of the hosts on which something was lost dead."""

    host = forms.ChoiceField(label="Host", widget=forms.RadioSelect)
    field_order = ["host", "reason", "password"]

    def __init__(self, data: Any = None, *, request: HttpRequest, hosts: Iterable[str]) -> None:
        super().__init__(data, request=request)
        self.fields["host"].choices = [(host, host) for host in hosts]  # type: ignore[attr-defined]  # a choice field; stubs say Field
        self.fields["reason"].label = "How you made sure that it is off"


class WindowForm(ChangeForm):
    """A new window, in the time zone of the cutover."""

    start = forms.DateTimeField(label="The window starts")
    end = forms.DateTimeField(label="The window ends")
    field_order = ["start", "end", "reason", "password"]

    def __init__(self, data: Any = None, *, request: HttpRequest, cutover: Cutover) -> None:
        super().__init__(data, request=request)
        self.cutover = cutover
        for name, at in (("start", cutover.window_start), ("end", cutover.window_end)):
            field = self.fields[name]
            field.help_text = f"In {cutover.timezone}."
            field.initial = at.astimezone(cutover.zone).replace(tzinfo=None) if at else None
            field.widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")

    def clean_start(self) -> datetime:
        """The start with its time zone."""
        return self._with_zone("start")

    def clean_end(self) -> datetime:
        """The end with its time zone."""
        return self._with_zone("end")

    def _with_zone(self, name: str) -> datetime:
        at: datetime = self.cleaned_data[name]
        if not 2000 <= at.year <= 2200:
            raise forms.ValidationError("That year is not meant, is it?")
        return at.replace(tzinfo=self.cutover.zone)
