"""What a process needs to run or probe one attempt, so that it does not touch the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms

from checklists.action_context import build_context
from checklists.earlier_parameters import built_in_for
from checklists.models import Attempt
from checklists.record.history import read_history
from checklists.redaction import list_secrets, refuse_short_secrets
from integrations.actions import ActionParams, AnyAction, Context, registry
from integrations.errors import Problem


@dataclass(frozen=True)
class AttemptJob:
    """An attempt's action, its parameters as stored and completed, and its context."""

    attempt: str
    action: AnyAction
    raw: dict[str, Any]
    resource: str | None
    context: Context

    @classmethod
    def load(cls, attempt: Attempt) -> AttemptJob:
        """Reads all of it from the database. Raises `Problem` when this worker does not know the action."""
        action = registry().get(attempt.action)
        if action is None:
            raise Problem(
                f"The action {attempt.action} is not known to this worker.",
                means="The web process that queued it runs another version of the panel.",
                next="Install the same version everywhere, then start it again.",
            )
        history = read_history(attempt.cutover) if action.reads_history else None
        context = build_context(attempt.cutover, str(attempt.pk), history, deadline=attempt.deadline)
        raw = built_in_for(attempt.cutover).complete_params(attempt.item.key, attempt.params)
        return cls(str(attempt.pk), action, raw, attempt.resource, context)

    def bind(self) -> ActionParams:
        """The validated parameters. They were validated in the web process, but its environment may differ.

        Raises `Problem` when they do not fit, or name another target than the person was shown.
        """
        refuse_short_secrets(self.context, self.action, self.raw)
        try:
            values: ActionParams = self.action.bind(self.raw, self.context)
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

    def secrets(self) -> list[str]:
        """Every secret of the cutover's systems, of the parameters and of the panel itself."""
        return list_secrets(self.context, self.action, self.raw)
