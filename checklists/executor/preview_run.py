"""Carries out previews in a worker: what a start of an item would do, asked from the real systems."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.db import connection, transaction
from psycopg.types.json import Jsonb

from checklists.action_context import build_context
from checklists.announcements import announce, announce_on_commit
from checklists.earlier_parameters import built_in_for
from checklists.executor.fence import status_in
from checklists.executor.process.child import Channel, run_in_child
from checklists.models import Item, ItemPreview
from checklists.models.audit import database_now
from checklists.models.item_preview import TIMEOUT
from checklists.record.history import read_history
from checklists.redaction import list_secrets, list_short_secrets
from checklists.states import PreviewStatus
from integrations.actions import AnyAction, Context, registry
from integrations.errors import Problem
from integrations.redact import Redactor

log = logging.getLogger(__name__)
NOBODY = 120  # seconds in the queue after which no worker is expected any more
CLAIM = f"""
    UPDATE checklists_itempreview preview
    SET status = '{PreviewStatus.RUNNING}', started_at = clock_timestamp()
    FROM checklists_cutover c
    WHERE preview.id = %s AND preview.{status_in([PreviewStatus.QUEUED])}
      AND c.id = preview.cutover_id AND c.status = 'OPEN'
"""
TAKE_DUE = f"""
    UPDATE checklists_itempreview SET woken_at = clock_timestamp()
    WHERE id IN (SELECT id FROM checklists_itempreview
                 WHERE {status_in([PreviewStatus.QUEUED])}
                   AND coalesce(woken_at, requested_at) < clock_timestamp() - make_interval(secs => %s)
                 ORDER BY requested_at FOR UPDATE SKIP LOCKED LIMIT 100)
    RETURNING id::text
"""
#: A worker ends each preview after its timeout; one that is older than that has lost its worker.
END_LOST = f"""
    UPDATE checklists_itempreview
    SET status = '{PreviewStatus.LOST}', ended_at = clock_timestamp(), problem = %s
    WHERE ({status_in([PreviewStatus.RUNNING])}
           AND started_at < clock_timestamp() - make_interval(secs => %s))
       OR ({status_in([PreviewStatus.QUEUED])}
           AND requested_at < clock_timestamp() - make_interval(secs => %s))
    RETURNING cutover_id
"""
LOST = Problem(
    "No worker brought an answer, so it is not known what starting would do.",
    means="No worker took the preview, or its worker ended meanwhile. Nothing was changed.",
    next="Look at the health page, then ask again.",
)


@dataclass(frozen=True)
class PreviewJob:
    """An item's action, its parameters as the runbook has them, and its context."""

    action: AnyAction
    raw: dict[str, Any]
    context: Context

    @classmethod
    def load(cls, item: Item) -> PreviewJob:
        """Reads all of it from the database. Raises `Problem` when this worker does not know the action."""
        action = registry().get(item.action)
        if action is None:
            raise Problem(
                f"The action {item.action} is not known to this worker.",
                means="The runbook was loaded by a panel that knows more actions.",
                next="Install the same version of the panel everywhere.",
            )
        history = read_history(item.cutover) if action.reads_history else None
        context = build_context(item.cutover, history=history, deadline=item.deadline or action.deadline)
        return cls(action, built_in_for(item.cutover).complete_params(item.key, item.params), context)

    def ask(self, channel: Channel) -> None:
        """The child: sends what a start would do, or why it is not known."""
        try:
            params = self.action.bind(self.raw, self.context)
            found = self.action.preview(params)
            shown = {"lines": list(found.lines), "where": found.where, "warnings": list(found.warnings)}
            channel.send(shown=shown)
        except forms.ValidationError as error:
            channel.send(problem=_explain_parameters(error).as_facts())
        except Problem as problem:
            channel.send(problem=problem.as_facts())
        except BaseException as error:  # the last word of this process: its traceback goes to the log
            channel.send(problem=_UNEXPECTED.as_facts(), log="".join(traceback.format_exception(error)))


def run_preview(preview_id: str) -> None:
    """Carries out a preview that is queued; does nothing for any other. Changes no system."""
    try:
        key = UUID(str(preview_id))
    except ValueError:
        log.warning("a message named %r, which is no preview", str(preview_id)[:100])
        return
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, [key])
        if cursor.rowcount != 1:
            return
    preview = ItemPreview.objects.select_related("item__cutover__runbook").get(pk=key)
    announce(preview.cutover_id)
    _finish(preview, **_ask(preview.item))


def _ask(item: Item) -> dict[str, Any]:
    """``{"shown": …}`` or ``{"problem": …}``, secrets masked."""
    redactor = Redactor()
    try:
        job = PreviewJob.load(item)
        redactor.add(*list_secrets(job.context, job.action, job.raw))
    except Problem as problem:
        return {"problem": redactor.mask_value(problem.as_facts())}
    messages, _ = run_in_child(job.ask, TIMEOUT)
    answer = next((message for message in reversed(messages) if message.keys() & {"shown", "problem"}), None)
    if answer is None:
        return {"problem": _SILENT.as_facts()}
    if "log" in answer:
        log.error("the preview of %s failed: %s", item.key, redactor.mask_text(answer.pop("log")))
    if "shown" in answer:
        answer["shown"]["warnings"] += _warn_of_short_secrets(job)
    return dict(redactor.mask_value(answer))


def _warn_of_short_secrets(job: PreviewJob) -> list[str]:
    found = list_short_secrets(job.context, job.action, job.raw)
    if not found:
        return []
    return [
        f"These secrets are too short to be masked everywhere, and production refuses to start with them: "
        f"{'; '.join(found)}."
    ]


@transaction.atomic
def _finish(preview: ItemPreview, **answer: Any) -> None:
    """Stores the answer; one that comes after the preview was called lost is dropped."""
    status = PreviewStatus.DONE if "shown" in answer else PreviewStatus.FAILED
    running = ItemPreview.objects.filter(pk=preview.pk, status=PreviewStatus.RUNNING)
    if running.update(status=status, ended_at=database_now(), **answer):
        announce_on_commit(preview.cutover_id)


def wake_queued_previews(wake: Callable[[str], object], *, after: float) -> int:
    """Publishes a message for each preview that nobody took for ``after`` seconds, and ends lost ones."""
    with connection.cursor() as cursor:
        values: list[Any] = [Jsonb(LOST.as_facts()), TIMEOUT * 1.5, NOBODY]
        cursor.execute(END_LOST, values)
        lost = {row[0] for row in cursor.fetchall()}
        cursor.execute(TAKE_DUE, [after])
        due = [row[0] for row in cursor.fetchall()]
    for cutover in lost:
        announce(cutover)
    for preview_id in due:
        wake(preview_id)
    return len(due)


def _explain_parameters(error: forms.ValidationError) -> Problem:
    named = error.message_dict.items() if hasattr(error, "error_dict") else ()
    said = "; ".join(f"{name}: {' '.join(each)}" for name, each in named) or "; ".join(error.messages)
    return Problem(
        f"The parameters do not fit: {said}",
        means="Nothing was asked.",
        next="Amend the runbook (“Amend the runbook…” below the list of items).",
    )


_UNEXPECTED = Problem(
    "The preview itself failed, so it is not known what starting would do.",
    means="Nothing was changed.",
    next="Do not start it before somebody has read the log of the worker.",
)
_SILENT = Problem(
    f"The systems gave no answer within {TIMEOUT} s, so it is not known what starting would do.",
    means="The preview was ended. Nothing was changed.",
    next="Look at the systems that the item names, then ask again.",
)
