"""Every secret of a cutover: what must not show in its previews, logs, evidence and errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings

from integrations.actions import AnyAction, Context, registry
from integrations.errors import Problem
from integrations.redact import Redactor
from integrations.redact.process_output import register_secrets
from integrations.secret_values import (
    SHORTEST_SECRET,
    find_short_secrets,
    list_parameter_secrets,
    list_parameter_texts,
    list_system_secrets,
    list_system_texts,
)


def list_secrets(
    context: Context, action: AnyAction | None = None, raw: Mapping[str, Any] | None = None
) -> list[str]:
    """Every secret of a cutover: of its systems, of the parameters of all its items, and the panel's own.

    From now on this process masks them in its own log, too. All items count, because a variable is secret
    as soon as one place that uses it is. ``action`` and ``raw`` are those of an attempt, whose item may
    have been amended since.
    """
    environ = context.systems.environ
    found = [*list_system_secrets(context.systems), *settings.OWN_SECRETS]
    for known, params in _list_parameters(context, action, raw):
        found += list_parameter_secrets(params, known.secrecy_of, environ)
    register_secrets(*found)
    return found


def list_short_secrets(
    context: Context, action: AnyAction | None = None, raw: Mapping[str, Any] | None = None
) -> list[str]:
    """Where the secrets of a cutover come from that are too short to be masked without hiding half a log."""
    texts = list(list_system_texts(context.systems))
    for known, params in _list_parameters(context, action, raw):
        texts += list_parameter_texts(params, known.secrecy_of, context.systems.environ)
    return find_short_secrets(texts)


def refuse_short_secrets(
    context: Context, action: AnyAction | None = None, raw: Mapping[str, Any] | None = None
) -> None:
    """Raises `Problem` in production for a secret that is too short to be masked."""
    if context.rehearsal:
        return
    if found := list_short_secrets(context, action, raw):
        raise Problem(
            f"A secret has less than {SHORTEST_SECRET} characters: {'; '.join(found)}.",
            means="It could not be masked without hiding half of every log, so production does not start "
            "with it. Nothing was done.",
            next="Set a longer one. If it is no secret, ask an admin to release the variable as public: "
            "./panel manage variables release NAME --public",
        )


def _list_parameters(
    context: Context, action: AnyAction | None, raw: Mapping[str, Any] | None
) -> Iterator[tuple[AnyAction, Mapping[str, Any]]]:
    if action is not None and raw is not None:
        yield action, raw
    for item in context.items.values():
        if (known := registry().get(item.action)) is not None:
            yield known, item.params


def mask_problem(problem: Problem, redactor: Redactor) -> Problem:
    """The error as it may be shown."""
    return Problem(
        redactor.mask_text(problem.what),
        means=redactor.mask_text(problem.means),
        next=redactor.mask_text(problem.next),
    )
