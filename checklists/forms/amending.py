"""Forms about a change of the runbook: the new text, the confirmation, the refusal."""

from __future__ import annotations

import hashlib
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from checklists.forms.opening import MAX_FILE_SIZE
from checklists.forms.password import PasswordForm


class AmendForm(forms.Form):
    """The whole new text of the runbook, typed or as a file, and the reason.

    ``compared`` is the SHA-256 of the text whose differences the page showed: only that text is amended.
    """

    file = forms.FileField(
        label="The changed file", required=False, help_text="Or change the text below; the file wins."
    )
    text = forms.CharField(
        label="The text of the runbook",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 24, "class": "form-control code", "spellcheck": "false"}),
    )
    reason = forms.CharField(
        label="Why the runbook is amended",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2, "class": "form-control"}),
        error_messages={"required": "Say why; it goes into the record."},
    )
    compared = forms.CharField(required=False, widget=forms.HiddenInput)

    def clean_file(self) -> str:
        """The text of the file; empty without one."""
        file: UploadedFile[bytes] | None = self.cleaned_data["file"]
        if file is None:
            return ""
        if file.size is None or file.size > MAX_FILE_SIZE:
            raise forms.ValidationError("The file is larger than 256 KB. A runbook is text; split it.")
        try:
            return str(file.read(), "utf-8")
        except UnicodeDecodeError as error:
            raise forms.ValidationError("The file is not UTF-8 text. Save it as UTF-8.") from error

    def clean(self) -> dict[str, Any]:
        """Puts the text of the file, if there is one, in the place of the typed one."""
        data = super().clean() or self.cleaned_data
        # A browser sends every line break as CR LF; the file on disk most likely has LF.
        data["text"] = data.get("file") or data.get("text", "").replace("\r\n", "\n")
        if not data["text"].strip() and not self.errors:
            self.add_error("text", "The text is empty. Give the whole runbook, not only what changes.")
        return data

    @property
    def was_compared(self) -> bool:
        """Is this exactly the text whose differences were on the screen?"""
        return bool(self.cleaned_data["compared"] == sha256_of(self.cleaned_data["text"]))


class ConfirmForm(PasswordForm):
    """A second person confirms a change with their password."""


class RejectForm(forms.Form):
    """Why a requested change is declined or withdrawn."""

    reason = forms.CharField(
        label="Why not",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2, "class": "form-control"}),
        error_messages={"required": "Say why; it goes into the record."},
    )


def sha256_of(text: str) -> str:
    """The SHA-256 of a text in UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
