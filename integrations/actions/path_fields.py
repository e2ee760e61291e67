"""The field for a path at an API of which parts are filled in, such as the name of a provider."""

from __future__ import annotations

import re
from typing import Any

from django import forms

PATH = re.compile(r"/\S*")


class PathTemplateField(forms.CharField):
    """A path with ``{name}`` for each of the given names: all of ``required``, and any of ``optional``."""

    def __init__(self, *required: str, optional: tuple[str, ...] = (), **options: Any) -> None:
        super().__init__(**options)
        self.names, self.optional = required, optional

    def clean(self, value: Any) -> str:
        """The template itself. A missing, doubled or unknown name is refused, and a path without a slash."""
        text = str(super().clean(value))
        if not text and not self.required:
            return text
        found = re.findall(r"{([^{}]*)}", text)
        wanted = ", ".join(f"{{{name}}}" for name in (*self.names, *self.optional))
        if set(self.names) - set(found) or set(found) - {*self.names, *self.optional}:
            raise forms.ValidationError(f"has to contain {wanted}, and nothing else in braces.")
        if not PATH.fullmatch(text) or re.search(r"[{}]", re.sub(r"{[^{}]*}", "", text)):
            raise forms.ValidationError("has to begin with a slash, without blanks and single braces.")
        return text
