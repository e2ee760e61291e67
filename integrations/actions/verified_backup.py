"""The one rule by which an action relies on a backup: its latest verification said that it is equal."""

from __future__ import annotations

from collections.abc import Sequence

from integrations import actions
from integrations.actions.backup_take import BackupFacts, BackupTakeEvidence
from integrations.actions.backup_verify import BackupVerifyEvidence, VerifiedBackup
from integrations.errors import Problem


def read_verified_backup(
    backup: actions.EarlierItem[BackupTakeEvidence], verified: actions.EarlierItem[BackupVerifyEvidence]
) -> BackupFacts:
    """The backup's facts. Raises `Problem` unless exactly this backup was verified, and no verification of
    it has failed since."""
    facts, proof = backup.evidence.get("backup"), verified.evidence.get("verified")
    if facts and (failed := facts.get("failed_verification")):
        raise Problem(
            f"The latest verification of the backup of “{backup.key}” failed. {failed}",
            means="The live database was not changed. What an earlier verification said counts no more.",
            next=f"Find out why. If the backup is undamaged, carry out “{verified.key}” again.",
        )
    if not facts or not proof or not proof["equal"] or proof["sha256"] != facts["sha256"]:
        raise Problem(
            f"The backup of “{backup.key}” is not proven by “{verified.key}”.",
            means="Whether the backup can be restored is not known; the live database was not changed.",
            next=f"Carry out “{verified.key}” on exactly that backup first.",
        )
    return facts


def contradict_verification(backup: BackupFacts, problems: Sequence[str]) -> VerifiedBackup:
    """What an action records that meets a backup which is not as it was: the panel revokes “verified”."""
    return {
        "sha256": backup["sha256"],
        "path": backup["path"],
        "equal": False,
        "seconds": None,
        "digest": "",
        "tables": 0,
        "rows": 0,
        "problems": list(problems[:200]),
        "notes": [],
        "database": "",
    }
