"""The mistakes of a form as one text, for pages that show them in one place."""

from __future__ import annotations

from django import forms


class ErrorSummaryForm(forms.Form):
    """A form that can list its mistakes in one text."""

    def error_summary(self) -> str:
        """Every mistake, each after the label of its field."""
        parts = []
        for name, errors in self.errors.items():
            field = self.fields.get(name)
            label = field.label if field and not field.widget.is_hidden else ""
            parts += [f"{label}: {error}" if label else str(error) for error in errors]
        return " ".join(dict.fromkeys(parts))
