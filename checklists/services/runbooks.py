"""Commands on runbooks: load a version, amend the runbook of an open cutover."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User

from checklists.earlier_parameters import built_in_for
from checklists.models import ChangeRequest, Cutover, Runbook
from checklists.services.amendments import plan_amendment, summarize
from checklists.services.changes import request_change
from checklists.services.definitions import read_document
from checklists.services.refusal import CommandRefused
from checklists.states import ChangeKind


def load_runbook(
    *, text: str, by: User | None, earlier: Mapping[str, Mapping[str, Any]] | None = None
) -> Runbook:
    """Stores a version of a runbook. The same text loaded again is the same version.

    ``earlier``: what counts as given in the cutover that it amends (`read_document`).
    """
    document = read_document(text, earlier=earlier)
    runbook, _ = Runbook.objects.get_or_create(
        sha256=document.sha256,
        defaults={"name": document.name, "title": document.title, "text": text, "loaded_by": by},
    )
    return runbook


def amend_runbook(*, cutover: Cutover, text: str, reason: str, by: User) -> ChangeRequest | None:
    """Amends the runbook of an open cutover: at once in a rehearsal, and by request in production.

    Changed items get new definitions and have to be done again; gates that rely on them have to be decided
    again. Raises `CommandRefused` with every obstacle.
    """
    plan = plan_amendment(cutover=cutover, text=text)
    if plan.obstacles:
        raise CommandRefused(" ".join(plan.obstacles), means="Nothing was changed.")
    runbook = load_runbook(text=text, by=by, earlier=built_in_for(cutover).items)
    return request_change(
        cutover=cutover,
        kind=ChangeKind.AMENDMENT,
        summary=summarize(plan),
        payload={"before": cutover.runbook.sha256, "after": runbook.sha256},
        reason=reason,
        by=by,
    )
