"""Whether sign-offs rest on what they say: their digests and the freshness of their evidence, computed anew.

The database checks a sign-off when it is written; this checks the rows of now, which somebody with SQL may
have changed since. Signatures of version 1 of the digest were bound to attempts, and are not checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from checklists.canonical import digest_of
from checklists.durations import format_duration
from checklists.models import Cutover, Evidence, GateEvidence, PreflightRun, SignOff
from checklists.models.sign_off import DIGEST_VERSION
from checklists.states import Decision, PreflightStatus

#: By (gate, person, digest): the gaps at the gate when it was signed, as the record has them.
Gaps = Mapping[tuple[str, str, str], list[Any]]


def find_wrong_signatures(cutover: Cutover, gaps: Gaps) -> Iterator[str]:
    """What is wrong with the sign-offs of a cutover, in words."""
    sign_offs = SignOff.objects.filter(gate__cutover=cutover, digest_version=DIGEST_VERSION)
    kept = Evidence.objects.filter(attempt__cutover=cutover).defer("facts").select_related("attempt")
    evidence = {str(one.attempt_id): one for one in kept}
    for one in sign_offs.select_related("gate", "person").order_by("id"):
        name = f"sign-off of {one.person.get_username()} at gate {one.gate.key}"
        key = (one.gate.key, one.person.get_username(), one.digest)
        reasons = [*_wrong_digest(one, cutover, gaps.get(key)), *_wrong_lines(one, evidence)]
        yield from (f"{name}: {reason}" for reason in [*reasons, *_too_old(one, cutover, evidence)])


def _wrong_digest(one: SignOff, cutover: Cutover, gaps: list[Any] | None) -> Iterator[str]:
    """Where an earlier panel recorded no gaps, only a go that accepts none tells that there were none."""
    if gaps is None and (one.decision != Decision.GO or one.accepted_gaps):
        return
    content = {
        "version": DIGEST_VERSION,
        "cutover": cutover.slug,
        "runbook": one.gate.runbook_sha256,
        "gate": one.gate.key,
        "facts": [line.get("content") for line in one.evidence],
        "gaps": gaps or [],
    }
    if (digest := digest_of(content)) != one.digest:
        yield f"its evidence has the digest {digest}, it says {one.digest}."


def _wrong_lines(one: SignOff, evidence: Mapping[str, Evidence]) -> Iterator[str]:
    for line in one.evidence:
        content, kept = line.get("content", {}), evidence.get(line.get("attempt") or "")
        if "facts" not in content or content["facts"] == line.get("attempt"):
            continue  # a tick, a skip, a gate, or an attempt of an earlier panel without evidence
        if kept is None:
            yield f"the evidence of {line['item']} that it names does not exist."
        elif (kept.digest, kept.attempt.resource) != (content["facts"], content["target"]):
            yield f"the evidence of {line['item']} is not the one that was signed."


def _too_old(one: SignOff, cutover: Cutover, evidence: Mapping[str, Evidence]) -> Iterator[str]:
    """A later preflight with the same results makes that evidence as fresh as itself."""
    asked = GateEvidence.objects.filter(gate=one.gate).select_related("item")
    for line in asked:
        limit = line.fresh_for or line.item.fresh_for
        shown = next((each for each in one.evidence if each["item"] == line.item.key), None)
        if limit is None or shown is None:
            continue
        # a skipped item may have evidence, too: what counts then is when it was skipped
        kept = evidence.get(shown.get("attempt") or "") if "facts" in shown.get("content", {}) else None
        seen = kept.observed_at if kept else parse_datetime(shown.get("observed_at") or "")
        if kept and (again := _last_preflight(kept, cutover, one.at)) and seen:
            seen = max(seen, again)
        if seen and one.at - seen > limit:
            age = format_duration(one.at - seen)
            yield (
                f"the evidence of {line.item.key} was {age} old when it was signed; "
                f"the gate asks for less than {format_duration(limit)}."
            )


def _last_preflight(evidence: Evidence, cutover: Cutover, before: datetime) -> datetime | None:
    if not PreflightRun.objects.filter(attempt=evidence.attempt_id).exists():
        return None
    runs = PreflightRun.objects.filter(cutover=cutover, status=PreflightStatus.DONE, ended_at__lte=before)
    latest = runs.order_by("-ended_at").first()
    return latest.ended_at if latest else None
