"""What the actions of parity share: parameters that are lists of their own kind, and sides that are named."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django import forms

from integrations.actions.base import Context, JSONValueField
from integrations.clients import postgres
from integrations.parity.snapshot import Server


class EntriesField(JSONValueField):
    """A list of mappings; cleans to what the library's own reader makes of them.

    ``read`` raises ValueError with words that name the entry by its place in the list.
    """

    def __init__(self, read: Callable[[Iterable[Any]], Any], *, help_text: str = "") -> None:
        super().__init__(kind=list, required=False, help_text=help_text)
        self.read = read

    def clean(self, value: Any) -> Any:
        """What was read."""
        try:
            return self.read(super().clean(value))
        except ValueError as error:
            raise forms.ValidationError(f"{error}.") from None


class NamesField(JSONValueField):
    """A list of names; cleans to a tuple."""

    def __init__(self, *, help_text: str = "") -> None:
        super().__init__(kind=list, required=False, help_text=help_text)

    def clean(self, value: Any) -> Any:
        """The names."""
        names = super().clean(value)
        if not all(isinstance(name, str) and name for name in names):
            raise forms.ValidationError("must be a list of names.")
        return tuple(names)


class ColumnsField(NamesField):
    """A list of ``table.column``, each part of which may hold ``*``; cleans to a tuple."""

    def clean(self, value: Any) -> Any:
        """The patterns; one without a dot would match nothing and hide nothing."""
        patterns = super().clean(value)
        if wrong := [one for one in patterns if not all(one.rpartition("."))]:
            raise forms.ValidationError(f"“{wrong[0]}” is no table.column, such as users.email or *.phone.")
        return patterns


def server(url: str, context: Context) -> Server:
    """One side, whose sessions carry the attempt's name."""
    attempt = context.attempt
    return Server(lambda: postgres.connect(url, attempt=attempt, readonly=True), postgres.address(url))
