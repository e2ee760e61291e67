"""The form that ticks a manual item: what it requires, and on whose behalf it was done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile

from checklists.models import Item, Member
from checklists.services import HandedFile, HandedIn
from checklists.services.ticks import FILE_KINDS, MAX_FILE_SIZE, MAX_FILES, MAX_NOTE
from checklists.states import Requirement
from integrations.sizes import format_bytes


class ManyFilesInput(forms.ClearableFileInput):
    """A field for several files at once."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several files, none of them too large; their kind is checked when they are kept."""

    widget = ManyFilesInput

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile[bytes]]:
        """The files as a list, which is empty without any."""
        files = data if isinstance(data, list | tuple) else [data]
        kept = [file for one in files if (file := super(FilesField, self).clean(one, initial)) is not None]
        if len(kept) > MAX_FILES:
            raise forms.ValidationError(f"These are more than {MAX_FILES} files.")
        for file in kept:
            if (file.size or 0) > MAX_FILE_SIZE:
                raise forms.ValidationError(f"“{file.name}” is larger than {format_bytes(MAX_FILE_SIZE)}.")
        return kept


class PersonChoice(forms.ModelChoiceField):  # type: ignore[type-arg]  # no generic at run time
    """A choice of people by the names that pages show."""

    def label_from_instance(self, obj: User) -> str:
        """The first name, or the login of a person without one."""
        return obj.first_name or obj.get_username()


class TickForm(forms.Form):
    """What is handed in with a tick; the fields that the item requires come first."""

    note = forms.CharField(
        label="Note",
        max_length=MAX_NOTE,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "class": "form-control"}),
        error_messages={"required": "This item requires a note: its instructions say what belongs there."},
    )
    file = FilesField(
        label="Files",
        required=False,
        max_length=200,
        widget=ManyFilesInput(attrs={"class": "form-control", "accept": ",".join(FILE_KINDS)}),
        help_text=f"Pictures, PDF or text, up to {MAX_FILES} files of {format_bytes(MAX_FILE_SIZE)} each.",
        error_messages={"required": "This item requires a file."},
    )
    on_behalf_of = PersonChoice(
        User.objects.none(),
        label="Who did it",
        required=False,
        empty_label="I did it myself",
        widget=forms.Select(attrs={"class": "form-select"}),
    )
    on_behalf_of_name = forms.CharField(
        label="Or somebody without an account here",
        max_length=150,
        required=False,
        widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"}),
    )

    def __init__(
        self, data: Any = None, files: Any = None, *, item: Item, members: Sequence[Member], **options: Any
    ) -> None:
        super().__init__(data, files, auto_id="tick-%s", **options)
        self.fields["note"].required = Requirement.NOTE in item.requires
        self.fields["file"].required = Requirement.FILE in item.requires
        choice = self.fields["on_behalf_of"]
        assert isinstance(choice, PersonChoice)
        choice.queryset = User.objects.filter(pk__in=[member.person_id for member in members])

    @property
    def required_fields(self) -> list[forms.BoundField]:
        """The fields that have to be filled in."""
        return [field for field in self if field.field.required]

    @property
    def optional_fields(self) -> list[forms.BoundField]:
        """The other fields."""
        return [field for field in self if not field.field.required]

    def handed_in(self) -> HandedIn:
        """What the person handed in, for the service."""
        data = self.cleaned_data
        return HandedIn(
            note=data["note"],
            files=[HandedFile(file.name or "", file.read()) for file in data["file"]],
            on_behalf_of=data["on_behalf_of"],
            on_behalf_of_name=data["on_behalf_of_name"],
        )
