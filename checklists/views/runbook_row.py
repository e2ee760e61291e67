"""One row of the runbook's page, as text: what it shows of an item, and its markup, kept between requests."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from django.template.defaultfilters import truncatechars
from django.template.loader import render_to_string
from django.utils.html import escape
from django.utils.safestring import SafeString

from checklists.board import ItemView, SignedThen, Trouble
from checklists.durations import format_duration
from checklists.models.item import item_url
from checklists.states import AttemptStatus, ItemKind, ItemState
from checklists.templatetags.cutover_tags import age, clock, display_name

ROWS_KEPT = 4000  # in memory, some 2 kB each
VALUES_SHOWN = 3  # of a changed fact
LONGEST_WORDS = 110  # characters beside the title
#: The label of an action's start button, by the state of its item.
START_LABELS = {
    ItemState.READY: "Start",
    ItemState.FAILED: "Try again",
    ItemState.UNDONE: "Do again",
    ItemState.CONTRADICTED: "Do again",
}


@dataclass(frozen=True)
class RowButton:
    """The one button of a row. With ``post`` it gives the command; otherwise it is a link to ``url``."""

    label: str
    url: str
    icon: str
    post: bool = False
    primary: bool = False


#: Stand in markup that is kept for what each page puts in their place. Nobody who types a text knows them.
TOKEN, BACK_TO = secrets.token_hex(16), secrets.token_hex(16)


@dataclass(frozen=True)
class RowTime:
    """How long it took or takes: ``running`` is the moment since when, for a clock that goes on."""

    text: str
    planned: str = ""
    over: bool = False
    running: str = ""


@dataclass(frozen=True)
class RowEvidence:
    """The mark of evidence: how old it is, and what makes it less than good."""

    digest: str
    at: str
    age: str
    stale: bool
    warnings: str
    never_red: bool


@dataclass(frozen=True)
class RowAnswer:
    """The mark of trouble: who answered it, with the words; ``by`` is empty while nobody has."""

    by: str
    words: str


@dataclass(frozen=True)
class ItemRow:
    """What a row shows, and nothing else: rows that are equal have the same markup.

    ``search`` is the text in which the search looks, in small letters; ``found``: is what was typed in it?
    ``void``: the signatures that no longer count because of this item, or at this gate, in sentences.
    ``reopened`` has key, number, title and address of what the item needs and is to be done again.
    """

    key: str
    state: str
    warned: bool
    number: str
    title: str
    url: str
    said: str
    who: str
    claimed: bool
    time: RowTime | None
    evidence: RowEvidence | None
    answer: RowAnswer | None
    void: tuple[str, ...]
    reopened: tuple[tuple[str, str, str, str], ...]
    irreversible: str
    optional: bool
    notes: int
    button: RowButton | None
    search: str
    found: bool
    current: bool
    open: bool

    def markup(self, token: str, back_to: str) -> SafeString:
        """Its markup, kept between pages; ``token`` against forged requests, ``back_to``: this page.

        Empty for the row that is open: its details differ from page to page.
        """
        if self.open:
            return SafeString()
        html = _render_row(self)
        if self.button and self.button.post:
            html = html.replace(TOKEN, token).replace(BACK_TO, escape(back_to))
        return SafeString(html)


@lru_cache(maxsize=ROWS_KEPT)
def _render_row(row: ItemRow) -> str:
    return render_to_string("_item_row.html", {"row": row, "csrf_token": TOKEN, "back_to": BACK_TO})


# ── what a row says ──────────────────────────────────────────────────────────


def say_beside_title(view: ItemView) -> str:
    """What there is to say beside the title, if anything; it is cut off where there is no room."""
    item, attempt = view.item, view.attempt
    if view.request:
        return f"ticked by {display_name(view.request.requested_by)}, waits for a second person"
    if item.skipped_at:
        return f"skipped by {display_name(item.skipped_by)}: {truncatechars(item.skip_reason, 90)}"
    if view.gate:
        return f"{view.gate.given} of {view.gate.needed} signed"
    if view.state == ItemState.CONTRADICTED:
        return truncatechars(str(view.later), LONGEST_WORDS)
    if attempt and view.state == ItemState.READY:
        how = "was stopped" if attempt.status == AttemptStatus.CANCELLED else "did not happen"
        return f"{how}; ready to start again"
    if attempt and view.state not in (ItemState.DONE, ItemState.BLOCKED):
        found = (attempt.problem or {}).get("what") or attempt.summary or attempt.get_status_display()
        return truncatechars(found, LONGEST_WORDS)
    if item.requires and not view.settled:
        return f"to tick it: {', '.join(item.requirements)}"
    return ""


def say_who(view: ItemView) -> str:
    """Who did it and when; else who has it; else whose role it is."""
    item, attempt = view.item, view.attempt
    if item.claimed_by and not view.settled:
        return display_name(item.claimed_by)
    if not view.settled_at:
        return item.owner_title
    who = item.done_by or item.skipped_by or (attempt.requested_by if attempt else None)
    at = clock(view.settled_at, item.cutover)
    return f"{display_name(who)}, {at}" if who else at


def row_time(view: ItemView, now: datetime) -> RowTime | None:
    """Planned and actual time of an item, as far as they are known."""
    length, attempt = view.item.planned, view.attempt
    planned = format_duration(length) if length else ""
    if view.state == ItemState.RUNNING and attempt and (began := attempt.effect_started_at):
        over = length is not None and now - began > length
        return RowTime(format_duration(now - began), planned, over, began.isoformat(timespec="seconds"))
    if view.actual is not None:
        return RowTime(
            format_duration(view.actual), planned, over=length is not None and view.actual > length
        )
    return RowTime(f"about {planned}") if planned and not view.settled else None


def row_evidence(view: ItemView, *, never_red: bool) -> RowEvidence | None:
    """The mark of the evidence of an item that is done."""
    if view.evidence is None or view.state != ItemState.DONE:
        return None
    at = view.evidence.observed_at
    return RowEvidence(
        view.evidence.digest,
        at.isoformat(timespec="seconds"),
        age(at),
        view.stale,
        " ".join(view.warnings),
        never_red,
    )


def row_answer(trouble: Trouble | None) -> RowAnswer | None:
    """The mark of an item that is in trouble: whether somebody has answered it."""
    if trouble is None:
        return None
    if (answer := trouble.answer) is None:
        return RowAnswer("", f"Nobody has answered it yet: {trouble.what}")
    at = clock(answer.at, trouble.view.item.cutover)
    return RowAnswer(
        display_name(answer.by), f"Known, {answer.verb} {display_name(answer.by)}, {at}: {answer.words}"
    )


def say_void(void: SignedThen) -> str:
    """Whose signature no longer counts, at which gate, and which fact changed, with both values."""
    values = [f"{change.subject}: {change.then} → {change.now}" for change in void.changes[:VALUES_SHOWN]]
    what = (
        f"{display_name(void.sign_off.person)}'s go at {void.gate.number} {void.gate.title} no longer counts"
    )
    return "; ".join([f"{what}: {void.why}", *values])


def row_button(view: ItemView, commands: set[str]) -> RowButton | None:
    """The button of a row. Only a tick that asks for nothing is given here; other buttons lead to a page."""
    if "tick" in commands and not view.item.requires:
        tick_url = item_url("item-tick", view.item.cutover.slug, view.item.key)
        return RowButton("Tick", tick_url, "check", post=True, primary=True)
    found = _find_button(view, commands)
    if found is None:
        return None
    label, icon, primary, anchor = found
    return RowButton(label, f"{view.item.get_absolute_url()}{anchor}", icon, primary=primary)


def _find_button(view: ItemView, commands: set[str]) -> tuple[str, str, bool, str] | None:
    """Label, icon, whether it stands out, and the place on the item's page."""
    if "tick" in commands:
        return "Tick…", "check", True, "#tick"
    if "probe" in commands:
        return "Find out", "eye", True, ""
    if "sign" in commands:
        return "Decide", "signature", True, ""
    if "start" in commands and view.state in START_LABELS:
        return START_LABELS[view.state], "play", True, ""
    if view.state in (ItemState.RUNNING, ItemState.QUEUED):
        return "Watch", "eye", False, ""
    if view.item.kind == ItemKind.GATE and not view.settled and commands:
        return "Open", "eye", False, ""
    return None
