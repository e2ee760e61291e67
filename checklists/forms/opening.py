"""Forms to open a cutover from a runbook and to add people to it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest

from checklists.forms.password import PasswordForm
from checklists.models import Cutover, Member, Runbook
from checklists.released_variables import released_environment
from checklists.runbook import Document, read
from checklists.states import CutoverKind, MemberPart
from integrations.actions import registry

MAX_FILE_SIZE = 256 * 1024  # bytes; the runbook reader refuses more


class OpenForm(forms.Form):
    """The runbook (a file, or a version that is loaded already), name, kind and window of a cutover."""

    file = forms.FileField(
        label="Runbook file", required=False, help_text="YAML; every error in it is shown with its line."
    )
    runbook = forms.ModelChoiceField(
        Runbook.objects.all(),
        label="… or a version that is already loaded",
        required=False,
        empty_label="None: the file above",
    )
    title = forms.CharField(label="Title", max_length=200)
    slug = forms.SlugField(
        label="Short name for the address", max_length=100, help_text="For example second-rehearsal."
    )
    kind = forms.ChoiceField(label="Kind", choices=CutoverKind.choices, widget=forms.RadioSelect)
    window_start = forms.DateTimeField(
        label="Start of the window",
        required=False,
        help_text="In the runbook's time zone.",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )
    window_end = forms.DateTimeField(
        label="End of the window",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )
    rehearsal_quorum = forms.IntegerField(
        label="Signatures per gate, if fewer than in production",
        required=False,
        min_value=1,
        max_value=20,
        help_text="Rehearsals only; it goes into the record.",
    )
    document: Document
    text: str

    def clean_file(self) -> UploadedFile[bytes] | None:
        """Parses the file; raises ValidationError with every error and its line."""
        file: UploadedFile[bytes] | None = self.cleaned_data["file"]
        if file is None:
            return None
        if file.size is None or file.size > MAX_FILE_SIZE:
            raise forms.ValidationError("The file is larger than 256 KB. A runbook is text; split it.")
        self._read(file.read())
        return file

    def _read(self, source: bytes) -> None:
        reading = read(source, registry=registry(), released=released_environment())
        stops = [error for error in reading.errors if error.is_fatal]
        if reading.document is None or stops:
            raise forms.ValidationError([f"Line {m.line}: {m}" for m in stops])
        self.document, self.text = reading.document, source.decode()

    def clean(self) -> dict[str, Any]:
        """Checks the rules that concern several fields."""
        data = super().clean() or self.cleaned_data
        if "file" in data and bool(data["file"]) == bool(data.get("runbook")):
            self.add_error("file", "Give a file, or choose a version: one of the two.")
        elif data.get("runbook"):
            self._read(data["runbook"].text.encode())
        start, end = data.get("window_start"), data.get("window_end")
        if bool(start) != bool(end):
            self.add_error("window_end", "A window has a start and an end.")
        elif start and end and start >= end:
            self.add_error("window_end", "The window ends before it starts.")
        if data.get("rehearsal_quorum") and data.get("kind") != CutoverKind.REHEARSAL:
            self.add_error("rehearsal_quorum", "Only a rehearsal may ask for fewer signatures.")
        if data.get("slug") and Cutover.objects.filter(slug=data["slug"]).exists():
            self.add_error("slug", "There is a cutover of this name. Choose another.")
        return data

    def window(self) -> tuple[datetime | None, datetime | None]:
        """Start and end, read as times in the runbook's time zone; None without a window."""
        zone = ZoneInfo(self.document.timezone)
        start, end = self.cleaned_data["window_start"], self.cleaned_data["window_end"]
        if not start or not end:
            return None, None
        return start.replace(tzinfo=zone), end.replace(tzinfo=zone)


class PersonForm(PasswordForm):
    """Gives a person a part, seats at gates, and roles whose items they own; asks who it is again."""

    person = forms.ModelChoiceField(
        User.objects.filter(is_active=True).order_by("username"),
        label="Person",
        to_field_name="username",
        empty_label="Choose a person",
    )
    part = forms.ChoiceField(label="Part", choices=MemberPart.choices, widget=forms.RadioSelect)
    seats = forms.MultipleChoiceField(
        label="Seats at gates", required=False, widget=forms.CheckboxSelectMultiple
    )
    roles = forms.MultipleChoiceField(
        label="Owns the items of", required=False, widget=forms.CheckboxSelectMultiple
    )

    reason = forms.CharField(
        label="Why",
        required=False,
        max_length=2000,
        help_text="Needed once work has begun; it goes into the record.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    field_order = ["person", "part", "seats", "roles", "reason", "password", "credential"]

    def __init__(
        self, data: Any = None, *, request: HttpRequest, cutover: Cutover, member: Member | None = None
    ) -> None:
        initial = {}
        if member is not None:
            initial = {
                "person": member.person,
                "part": member.part,
                "seats": member.seats,
                "roles": member.roles,
            }
        super().__init__(data, request=request, initial=initial)
        self.removes = "remove" in (data or {})
        self.fields["part"].required = not self.removes
        self.fields["seats"].choices = list(cutover.seat_titles.items())  # type: ignore[attr-defined]  # a choice field; stubs say Field
        self.fields["roles"].choices = list(cutover.role_titles().items())  # type: ignore[attr-defined]  # a choice field; stubs say Field

    def clean(self) -> dict[str, Any]:
        """A stakeholder fills no seat."""
        data = super().clean() or self.cleaned_data
        if data.get("part") == MemberPart.STAKEHOLDER and data.get("seats"):
            self.add_error(
                "seats", "A stakeholder fills no seat. Make them an approver, or leave the seats out."
            )
        return data
