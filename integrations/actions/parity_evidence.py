"""What earlier items left for a comparison: a fingerprint, a kept pass, a reviewed schema diff."""

from __future__ import annotations

from typing import Any, TypedDict

from integrations import actions
from integrations.actions.parity_fingerprint import FingerprintFacts, ParityFingerprintEvidence
from integrations.actions.prisma_diff import PrismaDiffEvidence
from integrations.errors import Problem
from integrations.parity.engine.fingerprint import Fingerprint, read_fingerprint
from integrations.parity.model.announced import AnnouncedChange
from integrations.sql_review.announced import list_announced
from integrations.sql_review.parser import SqlSyntaxError


class KeptPassFacts(TypedDict):
    """The file with the bucket sums of a full comparison, for a later recheck."""

    path: str
    sha256: str
    taken_at: str


class ParityCompareEvidence(TypedDict, total=False):
    """``parity`` is `ComparisonResult.as_facts` and ``personal``, the patterns of columns that are masked."""

    parity: dict[str, Any]
    kept_pass: KeptPassFacts


def announced_changes(
    announced: actions.EarlierItem[PrismaDiffEvidence] | None,
) -> tuple[AnnouncedChange, ...]:
    """What the reviewed diff announces. Raises `Problem` when there is none, or it cannot be parsed."""
    if announced is None:
        return ()
    facts = announced.evidence.get("diff")
    if not facts:
        raise Problem(
            f"There is no reviewed schema diff: the item “{announced.key}” has not left one.",
            means="Without it, every change of the migration would count as a difference.",
            next=f"Carry out “{announced.key}”, then compare again.",
        )
    store = announced.context.artefacts
    path = store.fetch(facts["file"], host=announced.host, sha256=facts["sha256"])
    try:
        return list_announced(path.read_text())
    except SqlSyntaxError as error:
        raise Problem(
            f"The schema diff of “{announced.key}” cannot be parsed: {error}.",
            means="What it announces is not known.",
            next="Read its file, and leave out “announced”, or make the diff again.",
        ) from None


def kept_pass_of(earlier: actions.EarlierItem[ParityCompareEvidence]) -> KeptPassFacts:
    """The kept pass of an earlier comparison. Raises `Problem` when there is none."""
    facts = earlier.evidence.get("kept_pass")
    if not facts:
        raise Problem(
            f"There is no kept pass to build on: the item “{earlier.key}” has not left one.",
            means="Only a comparison that succeeded with keep_pass: true leaves one.",
            next=f"Carry out “{earlier.key}”, then compare again.",
        )
    return facts


def fingerprint_of(before: actions.EarlierItem[ParityFingerprintEvidence]) -> Fingerprint:
    """The fingerprint that an earlier item took. Raises `Problem` when there is none."""
    facts: FingerprintFacts | None = before.evidence.get("fingerprint")
    if not facts:
        raise Problem(
            f"There is no fingerprint of before: the item “{before.key}” has not left one.",
            next=f"Carry out “{before.key}” (before anything is migrated), then compare again.",
        )
    path = before.context.artefacts.fetch(facts["path"], host=before.host, sha256=facts["sha256"])
    return read_fingerprint(path, facts["sha256"])
