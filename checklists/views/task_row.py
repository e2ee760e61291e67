"""One task of *Waiting for me* as the page shows it; its markup is kept between requests."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import lru_cache

from django.template.loader import render_to_string
from django.utils.html import escape
from django.utils.safestring import SafeString

from checklists.models import Cutover
from checklists.status.pending_tasks import PendingTask

ROWS_KEPT = 4000  # in memory, some 2 kB each
#: Stand in markup that is kept for what each page puts in their place. Nobody who types a text knows them.
PLACE, TOKEN, BACK_TO = secrets.token_hex(16), secrets.token_hex(16), secrets.token_hex(16)


@dataclass(frozen=True)
class TaskRow:
    """What the row of a task shows, and nothing else: rows that are equal have the same markup.

    With ``can_tick``, the row has a button that completes the task.
    """

    slug: str
    cutover_kind: str
    kind_words: str
    cutover_title: str
    key: str
    number: str
    title: str
    url: str
    what: str
    is_urgent: bool
    can_tick: bool

    @classmethod
    def of(cls, task: PendingTask, cutover: Cutover, *, can_tick: bool) -> TaskRow:
        """The row of one task of this cutover."""
        item = task.item
        return cls(
            slug=cutover.slug,
            cutover_kind=cutover.kind,
            kind_words=cutover.get_kind_display(),
            cutover_title=cutover.title,
            key=item.key,
            number=item.number,
            title=item.title,
            url=item.get_absolute_url(),
            what=task.what,
            is_urgent=task.urgent,
            can_tick=can_tick,
        )

    def markup(self, place: int, token: str, back_to: str) -> SafeString:
        """Its markup at that place of the list; ``token`` against forged requests, ``back_to``: this page."""
        html = _render(self).replace(PLACE, str(place))
        if self.can_tick:
            html = html.replace(TOKEN, token).replace(BACK_TO, escape(back_to))
        return SafeString(html)


@lru_cache(maxsize=ROWS_KEPT)
def _render(row: TaskRow) -> str:
    stand_ins = {"place": PLACE, "csrf_token": TOKEN, "back_to": BACK_TO}
    return render_to_string("_task_row.html", {"row": row, **stand_ins})
