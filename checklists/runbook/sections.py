"""The fields of each section of a runbook file: the table that parser and JSON Schema use."""

from __future__ import annotations

from checklists.runbook.field_types import (
    COUNT,
    DURATION,
    EVIDENCE,
    FLAG,
    KEYS,
    LINE,
    LIST,
    MAPPING,
    RECOVERY_TIME,
    SLUG,
    TEXT,
    TIMEZONE,
    FieldSpec,
    one_of,
    some_of,
)

_ACTION = frozenset({"action"})
_GATE = frozenset({"gate"})
_MANUAL = frozenset({"manual"})
_WORK = frozenset({"manual", "action"})

RUNBOOK = {
    "name": FieldSpec(SLUG, "Short name, part of addresses: shop-move.", required=True),
    "title": FieldSpec(LINE, "What people call it.", required=True),
    "timezone": FieldSpec(TIMEZONE, "Time zone of the window, such as Europe/Berlin.", required=True),
    "systems": FieldSpec(MAPPING, "Name → kind and settings, with ${VARIABLES} of the environment."),
    "roles": FieldSpec(MAPPING, "Key → title of who owns items.", required=True),
    "seats": FieldSpec(MAPPING, "Key → title of who decides at gates."),
    "logs_for_stakeholders": FieldSpec(
        FLAG, "true: people who only watch see the logs of attempts, too.", False
    ),
    "rto": FieldSpec(
        RECOVERY_TIME, "Two items, from: and to:, between which the time without service is measured."
    ),
    "decision_time": FieldSpec(
        DURATION, "How long people take to decide that they go back; the last safe moment is earlier by it."
    ),
    "phases": FieldSpec(LIST, "The parts, in order.", required=True),
}

PHASE = {
    "key": FieldSpec(SLUG, "Unique among the phases.", required=True),
    "title": FieldSpec(LINE, "Heading of this part.", required=True),
    "direction": FieldSpec(
        one_of("forward", "rollback"), "rollback: only open after a rollback was ordered.", "forward"
    ),
    "before_window": FieldSpec(
        FLAG, "true: in production its items may start before the window, without an override.", False
    ),
    "note": FieldSpec(TEXT, "Markdown: where the original text was corrected, and why.", ""),
    "original": FieldSpec(TEXT, "Markdown: the customer's own text of this part.", ""),
    "items": FieldSpec(LIST, "What is done, in order.", required=True),
}

ITEM = {
    "key": FieldSpec(SLUG, "Unique in the whole runbook; never reuse one.", required=True),
    "title": FieldSpec(LINE, "What to do, in the imperative.", required=True),
    "kind": FieldSpec(
        one_of("manual", "action", "gate"), "Who does it: a person, a machine, or a vote.", required=True
    ),
    "owner": FieldSpec(SLUG, "Key of the role that sees to it.", required=True),
    "how": FieldSpec(
        TEXT,
        "Markdown: steps, what to see when it worked, what to do when not. [[item-key]] gives its number.",
        "",
    ),
    "needs": FieldSpec(KEYS, "Keys of items that must be done before.", ()),
    "planned": FieldSpec(DURATION, "How long it should take."),
    "optional": FieldSpec(FLAG, "true: the cutover may be completed or rolled back without it.", False),
    "original": FieldSpec(TEXT, "The customer's sentence, where the item differs from it.", ""),
    "service_restored": FieldSpec(
        FLAG, "true: when it is done, people can write again; one item of each direction.", False
    ),
    "ends_window": FieldSpec(
        FLAG, "true: the last item of the window, later ones do not count; one of each direction.", False
    ),
    "undo": FieldSpec(SLUG, "Key of the item that takes it back.", "", only=_WORK),
    "goes_with": FieldSpec(
        KEYS, "In a rollback: needed only when one of these items of the rollback is (keys).", ()
    ),
    "irreversible": FieldSpec(TEXT, "Why there is no undo.", "", only=_WORK),
    "fresh_for": FieldSpec(DURATION, "How long its evidence counts.", only=_WORK),
    "requires": FieldSpec(
        some_of("note", "file", "second_person"),
        "What has to be handed in when it is ticked; second_person: another member confirms it.",
        (),
        only=_MANUAL,
    ),
    "type_target": FieldSpec(FLAG, "true: in production the target is typed by hand.", False, only=_ACTION),
    "action": FieldSpec(LINE, "Key of the action, as `manage.py actions` lists them.", "", only=_ACTION),
    "params": FieldSpec(MAPPING, "Parameters of the action.", only=_ACTION),
    "deadline": FieldSpec(DURATION, "Stop it after this long, instead of the action's own.", only=_ACTION),
    "seats": FieldSpec(KEYS, "Seats that decide.", (), only=_GATE),
    "quorum": FieldSpec(COUNT, "How many of them must say go.", 0, only=_GATE),
    "evidence": FieldSpec(
        EVIDENCE, "Items whose evidence is on the table, and its freshness.", (), only=_GATE
    ),
    "opens": FieldSpec(TEXT, "What a pass allows, in a sentence.", "", only=_GATE),
}

#: Fields that an item of that kind needs, besides those that every item needs.
NEEDED = {"manual": ("how",), "action": ("action",), "gate": ("seats", "quorum", "evidence")}
