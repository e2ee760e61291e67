"""Masked log lines that PostgreSQL does not hold yet: in a file, so that they survive their guard."""

from __future__ import annotations

import contextlib
import json
import os
import time
from json.encoder import encode_basestring_ascii as quote
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from checklists.executor.fence import held_in
from checklists.models import Attempt
from checklists.states import LIVE, AttemptStatus

STALE_AFTER = 60.0  # seconds without a new line; before that its guard may just be ending
#: Only a lost attempt takes lines from a file, under the fence of the guard that was lost, and without a gap.
APPEND_LOST = f"""
    WITH moved AS (
        UPDATE checklists_attempt SET log_next = %(after)s
        WHERE {held_in([AttemptStatus.UNKNOWN])} AND log_next = %(first)s
        RETURNING id)
    INSERT INTO checklists_logline (attempt_id, number, at, text)
    SELECT moved.id, %(first)s + line.place - 1, clock_timestamp(), line.text
    FROM moved, unnest(%(texts)s::text[]) WITH ORDINALITY AS line(text, place)
"""


class Spool:
    """The file of one guard; there is none while all its lines are in PostgreSQL."""

    def __init__(self, attempt_id: UUID, fence: int) -> None:
        self.path = _folder() / f"{attempt_id}.{fence}"
        self._handle: int | None = None

    def add(self, first: int, texts: list[str]) -> None:
        """Keeps these lines; a full disk must not stop the attempt."""
        lines = "".join(f"[{number}, {quote(text)}]\n" for number, text in enumerate(texts, first))
        with contextlib.suppress(OSError):
            if self._handle is None:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
                self._handle = os.open(self.path, flags, 0o600)
            os.write(self._handle, lines.encode())

    def clear(self) -> None:
        """Removes the file: PostgreSQL holds every line."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
            self.path.unlink(missing_ok=True)


def append_lost_lines(attempt: Attempt) -> int:
    """Appends what a guard that is proven dead had kept on this host; gives the number of lines."""
    path = _folder() / f"{attempt.pk}.{attempt.fence}"
    try:
        kept = dict(_read(path))
    except OSError:
        return 0
    texts: list[str] = []
    while (text := kept.get(attempt.log_next + len(texts))) is not None:
        texts.append(text)
    values: dict[str, Any] = {"id": attempt.pk, "fence": attempt.fence, "first": attempt.log_next}
    with connection.cursor() as cursor:
        cursor.execute(APPEND_LOST, {**values, "after": attempt.log_next + len(texts), "texts": texts})
    path.unlink(missing_ok=True)
    return len(texts)


def remove_stale_spools() -> None:
    """Removes files of attempts that have ended, or that another guard runs by now."""
    for path in _folder().glob("*.*"):
        with contextlib.suppress(OSError, ValueError):
            key, fence = UUID(path.stem), int(path.suffix[1:])
            live = Attempt.objects.filter(pk=key, fence=fence, status__in=LIVE)
            if time.time() - path.stat().st_mtime > STALE_AFTER and not live.exists():
                path.unlink(missing_ok=True)


def _read(path: Path) -> list[tuple[int, str]]:
    lines = []
    for line in path.read_text().split("\n"):
        with contextlib.suppress(ValueError, TypeError):  # the last one may be torn
            number, text = json.loads(line)
            lines.append((int(number), str(text)))
    return lines


def _folder() -> Path:
    return Path(settings.CUTOVER_DATA) / "spool"
