"""Which facts people who only watch may see: those that hold no value of a row, nor of a person's account.

A query, a program or a provider may answer with anything: names, addresses, gifts. So a fact is hidden from
people who only watch unless its place is listed here. Places are dotted names from the first member of the
evidence on; lists add nothing to a place, and ``*`` stands for any name. A place covers all that is below it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MASK = "•••"
#: Stands for a sentence that may name values.
HIDDEN_WORDS = "What it found is shown to the people who work on this cutover."

#: Counts, names of tables, services, files and addresses, times, checksums, states.
SHOWN = frozenset(
    {
        # backups and what is restored
        *("backup", "verified", "restored", "swapped_back", "retained", "server", "dropped"),
        # queues
        *("added.status", "added.end", "workers", "worker_hosts", "depth", "watched_seconds", "completed"),
        *("completed_per_minute", "canary.job", "canary.name", "canary.state", "canary.seconds"),
        *("canary.removed", "retry.job", "retry.name", "retry.tries", "retry.pause", "retry.removed"),
        *("retry.not_proven", "redis"),
        # services, images, traffic and names
        *("services", "release", "images", "containers", "beyond", "published", "looked_at", "sessions_left"),
        *(
            "engine",
            "answers",
            "silent",
            "switch",
            "shift",
            "switched",
            "lowered",
            "served",
            "archived",
            "kept",
        ),
        *("still_there", "command", "http.address", "http.status", "http.bytes", "http.certificate_until"),
        *("smoke.state", "smoke.address", "smoke.slowest_ms", "smoke.asked.path", "smoke.asked.status"),
        *("smoke.asked.ms", "pages.address", "pages.opened.path", "pages.opened.status"),
        *("dual_run.rounds", "dual_run.differences", "dual_run.by_field", "dual_run.began"),
        *("dual_run.seconds", "dual_run.broken_after_seconds"),
        # settings, keys, providers
        *("export", "ledger", "old_missing", "without_effect", "revoked", "oauth", "payments", "places"),
        *("old_hosts", "not_seen", "old", "old_count", "not_named", "not_watched", "not_exported", "files"),
        *("signin.provider", "signin.at", "signin.sessions", "canary.scheme", "canary.status"),
        *("canary.signed_in", "canary.census", "canary.must_reset", "canary.capitals", "canary.signed_out"),
        *("canary.refuses_wrong_password", "journey.provider", "journey.paid", "journey.state"),
        *("journey.currency", "journey.refunded"),
        # databases: what they are like, and how many rows
        *("freeze", "lifted", "rows", "at_least", "sql.where", "sql.columns", "sql.rows", "sql.same_as"),
        *("sql.digest", "fingerprint", "kept_pass", "unmatched_rules", "parity.summary", "parity.mode"),
        *("parity.rows", "parity.declared_count", "parity.started", "parity.finished", "parity.digest"),
        *("parity.equal", "loss.answer", "loss.since", "loss.counted_at", "loss.backup", "loss.rows"),
        *("loss.created", "loss.changed", "loss.deleted", "loss.added", "loss.not_there"),
        *("loss.compared", "loss.explained"),
        *("loss.tables.*.created", "loss.tables.*.changed", "loss.tables.*.deleted", "loss.tables.*.columns"),
        *("not_counted", "preflight.results.identity", "preflight.results.verdict"),
        # the migration
        *(
            "aligned",
            "drift",
            "diff",
            "generated",
            "present",
            "models",
            "apart",
            "lock",
            "deployed",
            "reviews",
        ),
        *("rows_changed", "where", "baseline.lacking", "baseline.not_done", "rehearsal", "rehearsed"),
        *("differences", "copy", "project", "retrospective"),
    }
)
#: Below shown places: what servers, programs and queries said, which may name values.
HIDDEN = frozenset(
    {
        *("verified.problems", "verified.notes", "restored.notes", "backup.warnings"),
        *("backup.failed_verification", "shift.people_before", "shift.people_after", "freeze.test_write"),
        *("lifted.test_write", "fingerprint.failed", "aligned.rows", "drift.unparsable"),
        *("drift.first.checks.error", "diff.unparsable", "diff.list.checks.error", "models.message"),
        *("rehearsal.losses", "rehearsal.may_lose", "rehearsal.backfills", "rehearsed.summary"),
        *("containers.said", "images.said", "differences.details"),
    }
)
_PREFIXES = frozenset(
    place.rsplit(".", cut)[0] for place in SHOWN | HIDDEN for cut in range(1, place.count(".") + 1)
)


def mask_facts(facts: Any, place: str = "", *, shown: bool = False) -> Any:
    """The facts as people who only watch see them; ``shown`` says whether what they are in is shown.

    What says nothing (none, an empty text or list) stays, and so do the names of facts.
    """
    shown = place in SHOWN or (shown and place not in HIDDEN)
    if facts is None or facts in ("", [], {}):
        return facts
    if not shown and place and place not in _PREFIXES:
        return MASK
    if isinstance(facts, Mapping):
        members = ((name, value, _below(place, str(name))) for name, value in facts.items())
        return {name: mask_facts(value, inner, shown=shown) for name, value, inner in members}
    if isinstance(facts, list | tuple):
        return [mask_facts(value, place, shown=shown) for value in facts]
    return facts if shown else MASK


def facts_in(value: Any) -> Mapping[str, Any]:
    """The facts inside a fact; none where there is a mask, or nothing."""
    return value if isinstance(value, Mapping) else {}


def entries_in(value: Any) -> list[Any]:
    """The entries of a fact that is a list; none where there is a mask, or nothing."""
    return list(value) if isinstance(value, list | tuple) else []


def _below(place: str, name: str) -> str:
    any_name = f"{place}.*"
    return any_name if any_name in _PREFIXES else f"{place}.{name}".lstrip(".")
