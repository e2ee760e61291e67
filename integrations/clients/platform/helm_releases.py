"""A Helm release that an operation left unfinished, and the way out of it.

Helm refuses every further change of such a release with “another operation (install/upgrade/rollback) is in
progress”, also when no process works on it any more (helm.sh/docs/helm/helm_list, helm_rollback).
"""

from __future__ import annotations

from collections.abc import Sequence

from integrations.clients.platform.kubernetes_objects import as_int, as_list
from integrations.clients.platform.service_status import parse_json
from integrations.errors import Problem
from integrations.runbook_commands import format_command

GOOD = ("deployed", "superseded")  # states of a revision that was complete once


def read_releases(text: str) -> dict[str, str]:
    """Release → state, from ``helm list --output json``. Raises `Problem`."""
    return {str(one.get("name")): str(one.get("status")) for one in as_list(parse_json(text))}


def last_good_revision(text: str) -> int | None:
    """The newest complete revision in ``helm history --output json``; None without one. Raises `Problem`."""
    good = [as_int(one.get("revision")) for one in as_list(parse_json(text)) if one.get("status") in GOOD]
    return max(good, default=None)


def unfinished_release(release: str, state: str, revision: int | None, where: Sequence[str]) -> Problem:
    """The error for a release in ``state``; ``where``: the flags of its namespace and context."""
    if revision is None:
        command, effect = ["helm", "uninstall", release, *where], "it never was complete: nothing of it stays"
    else:
        command = ["helm", "rollback", release, str(revision), *where, "--wait"]
        effect = f"revision {revision} is the newest that was complete"
    return Problem(
        f"The Helm release {release} is in “{state}”.",
        means="An operation was cut off, or still works on it elsewhere. Helm takes no other change until it "
        "is settled.",
        next=f"Make sure that nobody deploys now. Then run “{format_command(command)}” ({effect}), and start "
        "this item again.",
    )
