"""Audit entries as sentences, for the record and the page of the cutover."""

from __future__ import annotations

import re

from checklists.models import AuditEntry
from checklists.states import AttemptStatus, CutoverKind, Decision, MemberPart

#: Kind → sentence after the actor's name; names in braces come from the payload.
SENTENCES = {
    "cutover.opened": "opened this cutover ({cutover_kind})",
    "cutover.closed": "closed the cutover: {status}",
    "member.added": "made {person} {part} here",
    "member.changed": "changed part, seats or roles of {person}, now {part}: “{reason}”",
    "member.removed": "took {person} out of this cutover: “{reason}”",
    "rollback.ordered": "ordered the rollback: “{reason}”",
    "change.requested": "asked a second person to {right}: {summary}; “{reason}”",
    "change.declined": "declined to {right} as {requested_by} asked: “{reason}”",
    "change.withdrawn": "withdrew the request to {right}: “{reason}”",
    "window.moved": "moved the window to {start} – {end}, as {requested_by} asked: “{reason}”",
    "window.overridden": "let “{title}” start before the window, as {requested_by} asked: “{reason}”",
    "host.declared_dead": "declared the host {host} dead, as {requested_by} asked: “{reason}”",
    "runbook.confirmed": "confirmed the runbook {sha256:.8}… for production, as {requested_by} asked",
    "runbook.amended": "amended the runbook, as {requested_by} asked: {summary}; “{reason}”",
    "item.ticked": "ticked “{title}”",
    "item.confirmed": "confirmed “{title}”, which {requested_by} had ticked",
    "item.unticked": "took the tick back from “{title}”: “{reason}”",
    "item.skipped": "skipped “{title}”: “{reason}”",
    "item.unskipped": "took the skip back from “{title}”: “{reason}”",
    "item.claimed": "took on “{title}”",
    "item.handed_over": "handed “{title}” over to {to}",
    "item.released": "gave “{title}” back to everyone",
    "item.noted": "noted on “{title}”: “{text}”",
    "gate.signed": "said {decision} at “{title}” ({seat} seat)",
    "gate.no_go_withdrawn": "withdrew the no-go at “{title}” (“{no_go_reason}”): “{text}”",
    "gate.no_go_answered": "answered the no-go of {no_go_by} at “{title}” (“{no_go_reason}”): “{text}”",
    "gate.passed": "opened the gate “{title}”",
    "attempt.started": "started “{title}” (try {number})",
    "attempt.cancelled": "asked to stop “{title}”",
    "attempt.probe_asked": "asked for a probe of “{title}”",
    "attempt.began": "began “{title}” (try {number})",
    "attempt.ended": "saw “{title}” end, {status}: {summary}",
    "attempt.lost": "lost “{title}” after its effect began (try {number}): its result is unknown",
    "attempt.requeued": "queued “{title}” again: its worker was lost before anything had begun",
    "attempt.probed": "probed “{title}”: {note}",
    "preflight.asked": "asked for a preflight",
    "preflight.ended": "saw the preflight end: {summary}",
    "preflight.lost": "lost the preflight: {reason}",
    "secrets.decrypted": "decrypted the export “{file}” of “{title}”",
    "secrets.reencrypted": "encrypted {count} secret file(s) again under the newest key",
    "status_link.created": "made a link for people without an account (“{label}”), until {ends_at:.16}",
    "status_link.revoked": "revoked the link for people without an account (“{label}”)",
    "attempt.reconciled": "decided what “{title}” had done: “{note}”",
}
NOTHING_SAID = re.compile("[:;] “”| [(]“”[)]")  # where a reason was not needed, and none was given
WORDS = {
    **{kind.value: kind.label.lower() for kind in CutoverKind},
    **{part.value: part.label.lower() for part in MemberPart},
    **{decision.value: decision.label.lower() for decision in Decision},
    **{status.value: status.label.lower() for status in AttemptStatus},
    "COMPLETED": "completed",
    "ROLLED_BACK": "rolled back",
    "ABANDONED": "abandoned",
}


class _Payload(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return str(self.get("item", "it")) if key == "title" else "–"


def describe_entry(entry: AuditEntry) -> str:
    """The sentence without the actor. A kind without a sentence gives its name and the title."""
    payload = {key: WORDS.get(str(value), value) for key, value in entry.payload.items()}
    sentence = SENTENCES.get(entry.kind)
    if sentence is None:
        about = payload.get("title") or payload.get("item") or ""
        words = entry.kind.replace(".", " ").replace("_", " ")
        return f"{words}: “{about}”" if about else words
    done_for = payload.get("on_behalf_of")
    said = NOTHING_SAID.sub("", sentence.format_map(_Payload(payload)))
    return said + (f" on behalf of {done_for}" if done_for else "")
