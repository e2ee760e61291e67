"""What an audit entry says, as a sentence: the record and the cutover's page use the same words."""

from __future__ import annotations

from checklists.models import AuditEntry
from checklists.states import AttemptStatus, Decision, Kind, Part

#: kind → sentence after the actor's name; what stands in braces comes from the payload.
SENTENCES = {
    "cutover.opened": "opened this {cutover_kind}",
    "cutover.closed": "closed the cutover: {status}",
    "member.added": "made {person} {part} here",
    "rollback.ordered": "ordered the rollback: “{reason}”",
    "item.ticked": "ticked “{title}”",
    "item.unticked": "took the tick back from “{title}”: “{reason}”",
    "item.skipped": "skipped “{title}”: “{reason}”",
    "item.unskipped": "took the skip back from “{title}”: “{reason}”",
    "item.claimed": "took on “{title}”",
    "item.released": "gave “{title}” back to everyone",
    "item.noted": "noted on “{title}”: “{text}”",
    "gate.signed": "said {decision} at “{title}” ({seat} seat)",
    "gate.passed": "opened the gate “{title}”",
    "attempt.started": "started “{title}” (try {number})",
    "attempt.cancelled": "asked to stop “{title}”",
    "attempt.probe_asked": "asked for a look at what “{title}” did",
    "attempt.began": "began “{title}” (try {number})",
    "attempt.ended": "saw “{title}” end, {status}: {summary}",
    "attempt.lost": "cannot tell how “{title}” ended (try {number}): somebody has to look",
    "attempt.requeued": "took “{title}” from a worker that fell silent; nothing had begun",
    "attempt.probed": "looked at what “{title}” did: {note}",
    "attempt.reconciled": "decided what “{title}” had done: “{note}”",
}
WORDS = {
    **{kind.value: kind.label.lower() for kind in Kind},
    **{part.value: part.label.lower() for part in Part},
    **{decision.value: decision.label.lower() for decision in Decision},
    **{status.value: status.label.lower() for status in AttemptStatus},
    "COMPLETED": "completed",
    "ROLLED_BACK": "rolled back",
    "ABANDONED": "abandoned",
}


class _Payload(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return str(self.get("item", "it")) if key == "title" else "–"


def told(entry: AuditEntry) -> str:
    """The sentence without the actor; a kind that has none yet is told by its name and its title."""
    payload = {key: WORDS.get(str(value), value) for key, value in entry.payload.items()}
    sentence = SENTENCES.get(entry.kind)
    if sentence is None:
        about = payload.get("title") or payload.get("item") or ""
        words = entry.kind.replace(".", " ").replace("_", " ")
        return f"{words}: “{about}”" if about else words
    return sentence.format_map(_Payload(payload))
