"""How the mistakes of a form are said in one sentence, for pages that show a refusal as a message."""

from __future__ import annotations

from django import forms


class SpokenForm(forms.Form):
    """A form whose mistakes can be read out."""

    def problem(self) -> str:
        """Every mistake, each with the label of its field."""
        parts = []
        for name, errors in self.errors.items():
            field = self.fields.get(name)
            label = field.label if field and not field.widget.is_hidden else ""
            parts += [f"{label}: {error}" if label else str(error) for error in errors]
        return " ".join(dict.fromkeys(parts))
