"""From a message “look at attempt X” to the process that runs or probes it; the same for a preflight."""

from __future__ import annotations

import logging
import os
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection, connections

from checklists.executor.claim import NotClaimed, claim
from checklists.executor.guard import Guard
from checklists.executor.preflight_run import perform_preflight
from checklists.executor.preview_run import run_preview
from checklists.executor.probe import probe_attempt
from checklists.executor.process import tree
from checklists.executor.process.container_lock import is_container_locked
from checklists.executor.process.containment import Containment, containment_in_force
from checklists.executor.process.identity import identity
from checklists.executor.process.pid_namespace import run_as_first_process
from checklists.executor.process.subreaper import subreaper_above
from checklists.models import Attempt, PreflightRun
from checklists.states import AttemptStatus, PreflightStatus

log = logging.getLogger(__name__)
#: Of a guard's database connection. A dead connection has to be noticed well before the lease ends.
CONNECTION_OPTIONS = {
    "application_name": "cutover:guard",
    "connect_timeout": 3,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10000,
}


def run_attempt(attempt_id: str, *, worker: str = "") -> None:
    """Starts a guard for a queued attempt and waits until it ends.

    A message that is late, doubled or forged does nothing: the row decides.
    """
    if (pid := launch_guard(attempt_id, worker=worker)) is not None:
        os.waitpid(pid, 0)


def launch_guard(attempt_id: str, *, worker: str = "") -> int | None:
    """Forks the guard of a queued attempt; gives its pid, or None when no such attempt is queued."""
    try:
        key = UUID(str(attempt_id))
    except ValueError:
        log.warning("a message named %r, which is no attempt", str(attempt_id)[:100])
        return None
    if not Attempt.objects.filter(pk=key, status=AttemptStatus.QUEUED).exists():
        return None
    connections.close_all()  # two processes cannot share one connection
    pid = os.fork()
    if pid == 0:
        _run_guard(key, worker)
    return pid


def launch_probe(attempt_id: str) -> int:
    """Probes an unknown attempt in a process of its own, without waiting for it; gives its pid."""
    connections.close_all()
    pid = os.fork()
    if pid == 0:
        try:
            _detach_from_worker()
            probe_attempt(attempt_id)
        except BaseException:  # a forked process never returns into the code above it
            log.exception("probing attempt %s failed", attempt_id)
        finally:
            os._exit(0)
    return pid


def launch_preview(preview_id: str) -> int:
    """Carries out a queued preview in a process of its own, without waiting for it; gives its pid."""
    connections.close_all()
    pid = os.fork()
    if pid == 0:
        try:
            _detach_from_worker()
            run_preview(preview_id)
        except BaseException:  # a forked process never returns into the code above it
            log.exception("the preview %s failed", preview_id)
        finally:
            os._exit(0)
    return pid


def run_preflight(run_id: str, *, worker: str = "") -> None:
    """Runs a preflight that is queued in a process of its own and waits until it ends."""
    if (pid := launch_preflight(run_id, worker=worker)) is not None:
        os.waitpid(pid, 0)


def launch_preflight(run_id: str, *, worker: str = "") -> int | None:
    """Forks the process that keeps a queued preflight; gives its pid, or None when no such run is queued."""
    try:
        key = UUID(str(run_id))
    except ValueError:
        log.warning("a message named %r, which is no preflight", str(run_id)[:100])
        return None
    if not PreflightRun.objects.filter(pk=key, status=PreflightStatus.QUEUED).exists():
        return None
    connections.close_all()
    pid = os.fork()
    if pid == 0:
        try:
            _detach_from_worker()
            perform_preflight(key, worker=worker)
        except BaseException:  # a forked process never returns into the code above it
            log.exception("the preflight %s failed", key)
        finally:
            os._exit(0)
    return pid


def _run_guard(key: UUID, worker: str) -> None:
    """The whole life of a guard's process. It never returns into the worker's code that forked it."""
    try:
        _detach_from_worker()
        if containment_in_force() == Containment.NAMESPACE:
            run_as_first_process(partial(_guard, key, worker))
        else:
            _guard(key, worker, identity())
    except BaseException:  # a forked process never returns into the code above it
        log.exception("the guard of attempt %s failed", key)
    finally:
        os._exit(0)


def _guard(key: UUID, worker: str, who: dict[str, Any]) -> None:
    """Claims the attempt under this identity and guards it. What it runs in helps to prove its death."""
    surroundings = {"subreaper": subreaper_above(), "container": is_container_locked()}
    claimed = claim(key, {**who, **surroundings, "worker": worker})
    if isinstance(claimed, NotClaimed):
        log.info("attempt %s: %s", key, claimed)
    else:
        Guard(claimed).run()


def _detach_from_worker() -> None:
    os.setsid()
    tree.reset_signal_handlers()
    tree.redirect_inherited_sockets()
    tree.become_subreaper()
    tree.set_process_name(tree.GUARD)
    options = connection.settings_dict.get("OPTIONS", {})
    connection.settings_dict["OPTIONS"] = {**options, **CONNECTION_OPTIONS}
