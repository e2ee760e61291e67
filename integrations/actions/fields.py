"""The form of an action's parameters, and the fields that only runbooks need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms

from integrations.actions.context import Context, EarlierItem
from integrations.systems import System

LARGEST_NUMBER = 10**300


class ActionForm(forms.Form):
    """The parameters that a runbook may give to an action.

    A value may be taken from the environment, as those of ``systems:`` are: ``${NAME:-default}``.
    """

    def __init__(self, data: Mapping[str, Any] | None = None, *, context: Context) -> None:
        super().__init__(data={} if data is None else dict(data))
        self.templates: Mapping[str, Any] = self.data  # as the runbook has them
        self.context = context
        for form_field in self.fields.values():
            if isinstance(form_field, ContextField):
                form_field.context = context

    def full_clean(self) -> None:
        """Fills in ``${NAME}`` and ``${NAME:-default}`` first. Raises `MissingVariable`."""
        filled = self.context.systems.fill_variables(self.data)
        self.data = {name: _as_number_that_fits(value) for name, value in filled.items()}
        super().full_clean()


def _as_number_that_fits(value: Any) -> Any:
    """A whole number that no float can hold becomes text that no field of numbers takes: Django lets the
    OverflowError of such a number through."""
    return "1e999" if isinstance(value, int) and abs(value) > LARGEST_NUMBER else value


class ContextField(forms.Field):
    """A field whose valid values depend on the runbook around it."""

    context: Context


class SystemField(ContextField):
    """The name of a system under ``systems:``. Cleans to the `System`, or None when empty.

    It has to be of ``kind``, or of one of ``or_kinds``.
    """

    def __init__(self, *, kind: str, or_kinds: Sequence[str] = (), **options: Any) -> None:
        super().__init__(**options)
        self.kinds = (kind, *or_kinds)

    def clean(self, value: Any) -> System | None:
        """The system of that name; a ValidationError lists the names that the runbook has."""
        name = super().clean(value)
        if name in self.empty_values:
            return None
        known = [s.name for s in self.context.systems.values() if s.kind in self.kinds]
        if name not in known:
            kinds = " or ".join(self.kinds)
            raise forms.ValidationError(
                f"“{name}” is no system of kind {kinds}; the runbook has: {', '.join(known) or 'none'}."
            )
        return self.context.systems[name]


class SystemsField(ContextField):
    """A list of names of systems of one kind. Cleans to the `System` objects; empty when it is not given."""

    def __init__(self, *, kind: str, **options: Any) -> None:
        super().__init__(**options)
        self.kind = kind

    def clean(self, value: Any) -> list[System]:
        """The systems of those names; a ValidationError names the first that the runbook does not have."""
        if value in self.empty_values:
            return []
        if not isinstance(value, list):
            raise forms.ValidationError("must be a list of names of systems.")
        one = SystemField(kind=self.kind)
        one.context = self.context
        return [system for name in value if (system := one.clean(name))]


class EvidenceField(ContextField):
    """The key of an earlier item whose evidence this action uses. Cleans to an `EarlierItem`, or None
    when empty.

    ``action`` is the key of the action that records this evidence; the check of the runbook compares the
    named item with it.
    """

    def __init__(self, *, action: str, **options: Any) -> None:
        super().__init__(**options)
        self.action = action

    def clean(self, value: Any) -> EarlierItem[Any] | None:
        """The item of that key, which need not have succeeded yet."""
        key = super().clean(value)
        if key in self.empty_values:
            return None
        if not isinstance(key, str):
            raise forms.ValidationError(f"must be the key of an item, not {type(key).__name__}.")
        return EarlierItem(key, self.context)


class ItemsField(ContextField):
    """A list of keys of items that actions carry out. Cleans to the keys; empty when it is not given.

    ``actions`` are the keys of the actions that these items may have.
    """

    def __init__(self, *, actions: Sequence[str], **options: Any) -> None:
        super().__init__(required=False, **options)
        self.actions = tuple(actions)

    def clean(self, value: Any) -> list[str]:
        """The keys; a ValidationError names the first that is not an item with one of these actions."""
        if value in self.empty_values:
            return []
        if not isinstance(value, list):
            raise forms.ValidationError("must be a list of keys of items.")
        for key in value:
            item = self.context.items.get(str(key))
            if item is None:
                raise forms.ValidationError(f"“{key}” is no item that an action carries out.")
            if item.action not in self.actions:
                raise forms.ValidationError(
                    f"“{key}” does {item.action}; possible are: {', '.join(self.actions)}."
                )
        return [str(key) for key in value]


class JSONValueField(forms.Field):
    """A structured parameter: a list or a mapping in the runbook's YAML. Empty when it is not given."""

    def __init__(self, *, kind: type, **options: Any) -> None:
        super().__init__(**options)
        self.kind = kind

    def clean(self, value: Any) -> Any:
        """The value itself when it is of the field's kind."""
        value = super().clean(value)
        if value in self.empty_values:
            return self.initial if self.initial is not None else self.kind()
        if not isinstance(value, self.kind):
            raise forms.ValidationError(f"must be a {self.kind.__name__}, not {type(value).__name__}.")
        return value


class ScalarField(forms.Field):
    """A text, a number, true or false, as the runbook's YAML has it; None when it is not given."""

    def clean(self, value: Any) -> str | int | float | bool | None:
        """The value itself when it is not structured."""
        value = super().clean(value)
        if value is None or isinstance(value, str | int | float | bool):
            return value
        raise forms.ValidationError(f"must be a text or a number, not {type(value).__name__}.")


#: Fields whose values are no secret by their type: names of the runbook itself, numbers, choices, yes or no.
PUBLIC_FIELDS = (
    SystemField,
    SystemsField,
    EvidenceField,
    ItemsField,
    forms.BooleanField,
    forms.IntegerField,  # and numbers with a point, which derive from it
    forms.ChoiceField,
)
