"""From “look at attempt X” to a guard that looks after it."""

from __future__ import annotations

import logging
import os
from typing import Any
from uuid import UUID

from django.db import connection, connections

from checklists.executor import tree
from checklists.executor.claim import NotClaimed, claim
from checklists.executor.guard import Guard
from checklists.executor.identity import identity
from checklists.executor.probing import look
from checklists.models import Attempt
from checklists.states import AttemptStatus

log = logging.getLogger(__name__)
GUARD = "cutover-guard"  # what `ps` shows
#: A dead connection has to be noticed well before a lease is over.
OPTIONS = {
    "application_name": "cutover:guard",
    "connect_timeout": 3,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10000,
}


def carry_out(attempt_id: str, *, worker: str = "") -> None:
    """Makes a guard for a queued attempt and waits for it.

    A message that is late, doubled or forged does nothing.
    """
    if (pid := launch(attempt_id, worker=worker)) is not None:
        os.waitpid(pid, 0)


def launch(attempt_id: str, *, worker: str = "") -> int | None:
    """Forks the guard; its pid, or None when nothing is queued under that id."""
    try:
        key = UUID(str(attempt_id))
    except ValueError:
        log.warning("a message named %r, which is no attempt", str(attempt_id)[:100])
        return None
    if not Attempt.objects.filter(pk=key, status=AttemptStatus.QUEUED).exists():
        return None
    connections.close_all()
    pid = os.fork()
    if pid == 0:
        _guard(key, worker)
    return pid


def launch_look(attempt_id: str) -> int:
    """Looks at an unknown attempt in a process of its own, and does not wait for it; its pid."""
    connections.close_all()
    pid = os.fork()
    if pid == 0:
        try:
            _become_a_process_of_our_own()
            look(attempt_id)
        except BaseException:
            log.exception("looking at attempt %s broke", attempt_id)
        finally:
            os._exit(0)
    return pid


def _guard(key: UUID, worker: str) -> None:
    """The life of the guard's process; it never returns into the code that forked it."""
    try:
        _become_a_process_of_our_own()
        owner: dict[str, Any] = {**identity(), "worker": worker}
        claimed = claim(key, owner)
        if isinstance(claimed, NotClaimed):
            log.info("attempt %s: %s", key, claimed)
        else:
            Guard(claimed).carry_out()
    except BaseException:
        log.exception("the guard of attempt %s broke", key)
    finally:
        os._exit(0)


def _become_a_process_of_our_own() -> None:
    os.setsid()
    tree.default_signals()
    tree.drop_sockets()
    tree.inherit_orphans()
    tree.call_ourselves(GUARD)
    connection.settings_dict["OPTIONS"] = {**connection.settings_dict.get("OPTIONS", {}), **OPTIONS}
