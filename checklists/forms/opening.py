"""Opening a cutover from a runbook file, and saying who takes part in it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile

from checklists.models import Cutover, Member, Runbook
from checklists.runbook import Document, read
from checklists.states import Kind, Part
from integrations.actions import registry

LARGEST_FILE = 256 * 1024  # bytes; the runbook reader refuses more


class OpenForm(forms.Form):
    """A runbook (a file, or a version that is here), and what this going-through is called."""

    file = forms.FileField(
        label="A runbook file", required=False, help_text="YAML; every mistake in it is shown with its line."
    )
    runbook = forms.ModelChoiceField(
        Runbook.objects.all(), label="… or a version that is already here", required=False
    )
    title = forms.CharField(label="What people call it", max_length=200)
    slug = forms.SlugField(
        label="Short name, for its address", max_length=100, help_text="For example covenant-rehearsal-2."
    )
    kind = forms.ChoiceField(
        label="Rehearsal, or the night itself?", choices=Kind.choices, widget=forms.RadioSelect
    )
    window_start = forms.DateTimeField(
        label="The window begins",
        required=False,
        help_text="In the runbook's time zone.",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )
    window_end = forms.DateTimeField(
        label="The window ends",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )
    rehearsal_quorum = forms.IntegerField(
        label="Signatures a gate asks for, if fewer than in production",
        required=False,
        min_value=1,
        max_value=20,
        help_text="Rehearsals only; it goes into the record.",
    )
    document: Document
    text: str

    def clean_file(self) -> UploadedFile[bytes] | None:
        """Reads the file at once: a runbook with mistakes is not loaded."""
        file: UploadedFile[bytes] | None = self.cleaned_data["file"]
        if file is None:
            return None
        if file.size is None or file.size > LARGEST_FILE:
            raise forms.ValidationError("The file is larger than 256 KB. A runbook is text; split it.")
        self._read(file.read())
        return file

    def _read(self, source: bytes) -> None:
        reading = read(source, registry=registry())
        stops = [mistake for mistake in reading.mistakes if mistake.stops]
        if reading.document is None or stops:
            raise forms.ValidationError([f"Line {m.line}: {m}" for m in stops])
        self.document, self.text = reading.document, source.decode()

    def clean(self) -> dict[str, Any]:
        """One source, a window that ends after it begins, and fewer signatures in rehearsals only."""
        data = super().clean() or self.cleaned_data
        if "file" in data and bool(data["file"]) == bool(data.get("runbook")):
            self.add_error("file", "Give a file, or choose a version: one of the two.")
        elif data.get("runbook"):
            self._read(data["runbook"].text.encode())
        start, end = data.get("window_start"), data.get("window_end")
        if bool(start) != bool(end):
            self.add_error("window_end", "A window has a beginning and an end.")
        elif start and end and start >= end:
            self.add_error("window_end", "The window ends before it begins.")
        if data.get("rehearsal_quorum") and data.get("kind") != Kind.REHEARSAL:
            self.add_error("rehearsal_quorum", "Only a rehearsal may ask for fewer signatures.")
        if data.get("slug") and Cutover.objects.filter(slug=data["slug"]).exists():
            self.add_error("slug", "There is a cutover of this name. Choose another.")
        return data

    def window(self) -> tuple[datetime | None, datetime | None]:
        """Begin and end, read as times in the runbook's zone."""
        zone = ZoneInfo(self.document.timezone)
        start, end = self.cleaned_data["window_start"], self.cleaned_data["window_end"]
        if not start or not end:
            return None, None
        return start.replace(tzinfo=zone), end.replace(tzinfo=zone)


class PersonForm(forms.Form):
    """Gives a person a part, the seats they may fill and the roles they own items in."""

    person = forms.ModelChoiceField(
        User.objects.filter(is_active=True).order_by("username"), label="Person", to_field_name="username"
    )
    part = forms.ChoiceField(label="Part", choices=Part.choices, widget=forms.RadioSelect)
    seats = forms.MultipleChoiceField(
        label="Seats at gates", required=False, widget=forms.CheckboxSelectMultiple
    )
    roles = forms.MultipleChoiceField(
        label="Owns the items of", required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, data: Any = None, *, cutover: Cutover, member: Member | None = None) -> None:
        initial = {}
        if member is not None:
            initial = {
                "person": member.person,
                "part": member.part,
                "seats": member.seats,
                "roles": member.roles,
            }
        super().__init__(data, initial=initial)
        owners = cutover.items.order_by("owner").values_list("owner", "owner_title").distinct()
        self.fields["seats"].choices = list(cutover.seat_titles.items())  # type: ignore[attr-defined]
        self.fields["roles"].choices = list(owners)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Stakeholders watch: they fill no seat."""
        data = super().clean() or self.cleaned_data
        if data.get("part") == Part.STAKEHOLDER and data.get("seats"):
            self.add_error(
                "seats", "A stakeholder fills no seat. Make them an approver, or leave the seats out."
            )
        return data
