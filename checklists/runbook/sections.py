"""The keys that each section of a runbook file may have: the one table that parser and schema read."""

from __future__ import annotations

from checklists.runbook.kinds import (
    COUNT,
    DURATION,
    EVIDENCE,
    FLAG,
    KEYS,
    LINE,
    LIST,
    MAPPING,
    SLUG,
    TEXT,
    TIMEZONE,
    Field,
    one_of,
)

_ACTION = frozenset({"action"})
_GATE = frozenset({"gate"})
_WORK = frozenset({"manual", "action"})

RUNBOOK = {
    "name": Field(SLUG, "Short name, part of addresses: covenant-connect.", required=True),
    "title": Field(LINE, "What people call it.", required=True),
    "timezone": Field(TIMEZONE, "Time zone of the window, such as Europe/Berlin.", required=True),
    "systems": Field(MAPPING, "Name → kind and settings, with ${VARIABLES} of the environment."),
    "roles": Field(MAPPING, "Key → title of who owns items.", required=True),
    "seats": Field(MAPPING, "Key → title of who decides at gates."),
    "phases": Field(LIST, "The parts, in order.", required=True),
}

PHASE = {
    "key": Field(SLUG, "Unique among the phases.", required=True),
    "title": Field(LINE, "Heading of this part.", required=True),
    "direction": Field(
        one_of("forward", "rollback"), "rollback: only open after a rollback was ordered.", "forward"
    ),
    "note": Field(TEXT, "Markdown: where the original text was corrected, and why.", ""),
    "original": Field(TEXT, "Markdown: the customer's own text of this part.", ""),
    "items": Field(LIST, "What is done, in order.", required=True),
}

ITEM = {
    "key": Field(SLUG, "Unique in the whole runbook; never reuse one.", required=True),
    "title": Field(LINE, "What to do, in the imperative.", required=True),
    "kind": Field(
        one_of("manual", "action", "gate"), "Who does it: a person, a machine, or a vote.", required=True
    ),
    "owner": Field(SLUG, "Key of the role that sees to it.", required=True),
    "how": Field(
        TEXT,
        "Markdown: steps, what to see when it worked, what to do when not. [[item-key]] gives its number.",
        "",
    ),
    "needs": Field(KEYS, "Keys of items that must be done before.", ()),
    "planned": Field(DURATION, "How long it should take."),
    "optional": Field(FLAG, "true: may be left out.", False),
    "original": Field(TEXT, "The customer's sentence, where the item differs from it.", ""),
    "undo": Field(SLUG, "Key of the item that takes it back.", "", only=_WORK),
    "goes_with": Field(
        KEYS, "In a rollback: needed only when one of these items of the rollback is (keys).", ()
    ),
    "irreversible": Field(TEXT, "Why there is no undo.", "", only=_WORK),
    "fresh_for": Field(DURATION, "How long its evidence counts.", only=_WORK),
    "type_target": Field(FLAG, "true: in production the target is typed by hand.", False, only=_ACTION),
    "action": Field(LINE, "Key of the action, as `manage.py actions` lists them.", "", only=_ACTION),
    "params": Field(MAPPING, "Parameters of the action.", only=_ACTION),
    "deadline": Field(DURATION, "Stop it after this long, instead of the action's own.", only=_ACTION),
    "seats": Field(KEYS, "Seats that decide.", (), only=_GATE),
    "quorum": Field(COUNT, "How many of them must say go.", 0, only=_GATE),
    "evidence": Field(EVIDENCE, "Items whose evidence is on the table, and its freshness.", (), only=_GATE),
    "opens": Field(TEXT, "What a pass allows, in a sentence.", "", only=_GATE),
}

#: what an item of that kind cannot be without, beside what every item needs
NEEDED = {"manual": ("how",), "action": ("action",), "gate": ("seats", "quorum", "evidence")}
