"""What a process needs to know to carry out or look at one attempt, without touching the database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.conf import settings

from checklists.history import history_of
from checklists.models import Attempt
from checklists.surroundings import context_of
from integrations.actions import registry
from integrations.actions.base import Action, Context, Values
from integrations.errors import Problem
from integrations.systems import SECRET_SETTINGS


@dataclass(frozen=True)
class Job:
    """An action, its raw parameters and its surroundings."""

    attempt: str
    action: Action
    raw: dict[str, Any]
    resource: str | None
    context: Context

    @classmethod
    def of(cls, attempt: Attempt) -> Job:
        """Reads what is needed. Raises `Problem` when this worker does not know the action."""
        action = registry().get(attempt.action)
        if action is None:
            raise Problem(
                f"The action {attempt.action} is not known to this worker.",
                means="The web process that queued it runs another version of the panel.",
                next="Install the same version everywhere, then start it again.",
            )
        history = history_of(attempt.cutover) if action.reads_history else None
        context = context_of(attempt.cutover, str(attempt.pk), history)
        return cls(str(attempt.pk), action, attempt.params, attempt.resource, context)

    def bind(self) -> Values:
        """The parameters, validated again here: our environment may not be that of the web process.

        Raises `Problem` in words when they do not fit, or name another target than was shown.
        """
        try:
            values = self.action.bind(self.raw, self.context)
        except forms.ValidationError as error:
            raise Problem(
                f"The parameters do not fit: {'; '.join(error.messages)}",
                means="Nothing was done.",
                next="Correct the runbook or the worker's environment, then start it again.",
            ) from error
        resource = self.action.resource(values)
        if resource != self.resource:
            raise Problem(
                f"This worker would act on {resource or 'nothing named'}, but {self.resource or 'nothing'} "
                "was shown when it was started.",
                means="The worker's environment names other systems than the web's. Nothing was done.",
                next="Give both the same variables, restart the worker, then start it again.",
            )
        return values

    def secrets(self) -> Iterator[str]:
        """Everything secret among the addresses of the cutover's systems, and the panel's own."""
        for system in self.context.systems.values():
            for name in system.settings:
                try:
                    value = system[name]
                except Problem:
                    continue  # a variable that is not set is no secret
                if name in SECRET_SETTINGS or _has_password(value):
                    yield value
        yield from filter(None, (settings.DATABASES["default"].get("PASSWORD"), settings.SECRET_KEY))


def _has_password(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return "://" in value and bool(parts.password or "password" in parts.query.lower())
    except ValueError:
        return True  # unreadable: better masked
