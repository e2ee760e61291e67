"""Form fields of the parity actions: lists that the parity library reads, names, and column patterns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django import forms

from integrations import actions
from integrations.parity.beyond_rows.object_registry import BY_NAME


class EntriesField(actions.JSONValueField):
    """A list of mappings. Cleans to what a reader of the parity library makes of it.

    ``read`` raises ValueError with a sentence that names the wrong entry by its position in the list.
    """

    def __init__(self, read: Callable[[Iterable[Any]], Any], *, help_text: str = "") -> None:
        super().__init__(kind=list, required=False, help_text=help_text)
        self.read = read

    def clean(self, value: Any) -> Any:
        """What ``read`` returned."""
        try:
            return self.read(super().clean(value))
        except ValueError as error:
            raise forms.ValidationError(f"{error}.") from None


class NamesField(actions.JSONValueField):
    """A list of names. Cleans to a tuple of strings."""

    def __init__(self, *, help_text: str = "") -> None:
        super().__init__(kind=list, required=False, help_text=help_text)

    def clean(self, value: Any) -> Any:
        """The names; refuses anything but non-empty strings."""
        names = super().clean(value)
        if not all(isinstance(name, str) and name for name in names):
            raise forms.ValidationError("must be a list of names.")
        return tuple(names)


class KindsField(NamesField):
    """A list of kinds of objects, as the registry of the parity library names them."""

    def clean(self, value: Any) -> Any:
        """The kinds; refuses one that does not exist."""
        kinds = super().clean(value)
        if unknown := [kind for kind in kinds if kind not in BY_NAME]:
            raise forms.ValidationError(
                f"“{unknown[0]}” is no kind of objects; there are: {', '.join(sorted(BY_NAME))}."
            )
        return kinds


class ColumnsField(NamesField):
    """A list of ``table.column`` patterns; each part may contain ``*``. Cleans to a tuple of strings."""

    def clean(self, value: Any) -> Any:
        """The patterns; refuses one without a dot, because it would match nothing and hide nothing."""
        patterns = super().clean(value)
        if wrong := [one for one in patterns if not all(one.rpartition("."))]:
            raise forms.ValidationError(f"“{wrong[0]}” is no table.column, such as users.email or *.phone.")
        return patterns
