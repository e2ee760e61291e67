"""Rows with what actions and checks found: read for people who only watch, they come without its values.

The one place where this is decided. While a request is answered, rows are read masked until the view has
found out that the person works on the cutover (`show_found_values`): a view that forgets it shows too little.
Everywhere else, in services and workers, rows are read as they are. `integrations.row_values` lists the facts
that hold no values, actions and checks say the same of their sentences (``texts_shown``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from copy import deepcopy
from typing import Any, Self
from uuid import UUID

from django.apps import apps

from checklists.models.read_rows import ReadRow
from checklists.states import AttemptStatus
from integrations.actions import registry
from integrations.row_values import HIDDEN_WORDS, mask_facts

_is_hiding = ContextVar("are_found_values_hidden", default=False)


@contextmanager
def found_values(*, shown: bool) -> Iterator[None]:
    """Within it, rows are read with (or without) the values that actions found."""
    before = _is_hiding.set(not shown)
    try:
        yield
    finally:
        _is_hiding.reset(before)


def show_found_values(shown: bool) -> None:
    """For the rest of the request: whether the person may see the values that actions found."""
    _is_hiding.set(not shown)


def are_values_hidden() -> bool:
    """Are rows being read for somebody who only watches?"""
    return _is_hiding.get()


class ReadFields:
    """The fields of a row that were read, as attributes. One that was not read is an empty text."""

    def __init__(self, read: Mapping[str, Any]) -> None:
        self._read = read

    def __getattr__(self, name: str) -> Any:
        return self._read.get(name, "")


class MaskedRow(ReadRow):
    """A row that holds what an action or a check found."""

    _hidden: Mapping[str, Any] | None = None  # of a row that was read masked: what the changed fields hold

    class Meta:
        abstract = True

    def save(self, *args: Any, **more: Any) -> None:
        """Saves the row. Raises RuntimeError for one that was read masked: what it found would be lost."""
        if self._hidden is not None:
            raise RuntimeError(
                f"{self!r} was read without the values that it holds; read it again to change it."
            )
        super().save(*args, **more)

    @classmethod
    def from_db(cls, db: str | None, field_names: Any, values: Any, **more: Any) -> Self:
        """Masks the row where it is read for somebody who only watches."""
        row = super().from_db(db, field_names, values, **more)
        if _is_hiding.get():
            found = {name: deepcopy(value) for name, value in row.__dict__.items() if name != "_state"}
            row.hide_found_values(row.__dict__)
            row._hidden = {name: value for name, value in found.items() if row.__dict__.get(name) != value}
        return row

    def as_found(self, name: str) -> Any:
        """What the field holds, for a decision that must be the same for everybody; never to be shown."""
        return (self._hidden or {}).get(name, getattr(self, name))

    def hide_found_values(self, read: dict[str, Any]) -> None:
        """Replaces what may hold values in ``read``: the fields that were read, by name.

        It decides on these alone (`ReadFields`), and hides where one is missing. A field of ``self`` that was
        not read would be asked of the database, as a row that is masked in the same way: without end.
        """
        raise NotImplementedError


def hide_facts(read: dict[str, Any], *names: str) -> None:
    """Masks the facts in these fields, as far as they were read."""
    for name in names:
        if read.get(name):
            read[name] = mask_facts(read[name])


def hide_words(read: dict[str, Any], *names: str) -> None:
    """Replaces the sentences in these fields, as far as they were read and say anything."""
    for name in names:
        if read.get(name):
            read[name] = HIDDEN_WORDS


def hide_finding(finding: Mapping[str, Any], *, words: bool) -> dict[str, Any]:
    """What a probe found, without its values; ``words`` hides its sentence, too."""
    shown = {**finding, "facts": mask_facts(finding.get("facts") or {})}
    return {**shown, "saw": HIDDEN_WORDS} if words and finding.get("saw") else shown


def are_texts_shown(action: str) -> bool:
    """Does this action declare that its sentences name no values?"""
    found = registry().get(action)
    return found is not None and found.texts_shown


def is_summary_shown(action: str, status: str) -> bool:
    """May everybody read the summary of an attempt that ended so? Of an error it is what servers said."""
    found = registry().get(action)
    is_verdict = status in (AttemptStatus.SUCCEEDED, AttemptStatus.FAILED)
    return found is not None and (found.texts_shown or (is_verdict and found.verdict_shown))


def action_of(attempt: UUID | str | None) -> str:
    """The key of an attempt's action; one query for all attempts of its cutover."""
    known = _actions.get()
    if known is None or str(attempt) not in known:
        known = _read_actions(attempt)
        _actions.set(known)
    return known.get(str(attempt), "")


_actions: ContextVar[Mapping[str, str] | None] = ContextVar("actions_of_attempts", default=None)


def _read_actions(attempt: UUID | str | None) -> dict[str, str]:
    try:
        known = UUID(str(attempt))
    except ValueError:  # in an entry that somebody tampered with
        return {}
    attempts = apps.get_model("checklists", "Attempt")._default_manager  # which is itself a `MaskedRow`
    beside = attempts.filter(cutover__attempts=known)
    return {str(pk): action for pk, action in beside.values_list("pk", "action")}
