"""The restored copy that an item kept of exactly one backup, or why there is none."""

from __future__ import annotations

from integrations import actions
from integrations.actions.backup_take import BackupFacts
from integrations.actions.backup_verify import BackupVerifyEvidence, VerifiedBackup
from integrations.backups.kept_copies import find_existing
from integrations.clients import postgres
from integrations.systems import System

Verified = actions.EarlierItem[BackupVerifyEvidence]


def find_kept_copy(
    backup: BackupFacts, verified: Verified | None, scratch: System | None
) -> VerifiedBackup | None:
    """The copy, if it was kept and is still on its server; else None, and `explain_no_copy` says why.

    Raises `Unreachable` when the server does not answer.
    """
    facts = verified.evidence.get("verified") if verified else None
    if not facts or scratch is None or not facts.get("equal") or not facts.get("database"):
        return None
    if facts["sha256"] != backup["sha256"]:
        return None
    with postgres.explain_errors(scratch["url"]), postgres.connect(scratch["url"], readonly=True) as server:
        return facts if find_existing(server, [facts["database"]]) else None


def explain_no_copy(backup: BackupFacts, backup_key: str, verified: Verified | None) -> str:
    """Why there is nothing to compare with, and how to get it."""
    if verified is None:
        return "the item names no restored copy. Name verified: and scratch: in the runbook."
    facts = verified.evidence.get("verified")
    again = f"Start “{verified.key}” with keep: true; it changes nothing in the live database."
    if not facts or not facts.get("equal") or not facts.get("database"):
        return f"“{verified.key}” has kept no restored backup that is equal. {again}"
    if facts["sha256"] != backup["sha256"]:
        return f"“{verified.key}” has restored another backup than “{backup_key}” took. {again}"
    return f"the copy {facts['database']} is no longer on its server. {again}"
