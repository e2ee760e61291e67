"""How times, durations, counts, states, people and Markdown look on every page."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django import template
from django.contrib.auth.models import User
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

from checklists.board import GateView
from checklists.durations import format_duration
from checklists.models import Attempt, AuditEntry, Cutover
from checklists.record import sentences
from checklists.revision import Revision
from checklists.states import AttemptStatus, Decision, ItemState, PreflightVerdict, Reconciliation
from checklists.templatetags import fact_format
from integrations.sizes import format_bytes

register = template.Library()
for _format in (fact_format.effect_label, fact_format.fact_name, fact_format.row_key, fact_format.timestamp):
    register.filter(_format.__name__, _format)

#: How an action's log asks a person to do something in a browser.
BROWSER_PROMPT = "Open in your browser: "
THIN_SPACE = "\u202f"  # does not break
#: Icon and CSS class of each state; the word is always shown with them.
ITEM_STATE_STYLES = {
    ItemState.BLOCKED: ("lock", "blocked"),
    ItemState.READY: ("circle", "ready"),
    ItemState.QUEUED: ("clock", "queued"),
    ItemState.RUNNING: ("play", "running"),
    ItemState.DONE: ("check", "done"),
    ItemState.FAILED: ("x", "failed"),
    ItemState.CONTRADICTED: ("x", "failed"),
    ItemState.UNKNOWN: ("circle-help", "unknown"),
    ItemState.SKIPPED: ("skip-forward", "skipped"),
    ItemState.UNDONE: ("undo-2", "skipped"),
    ItemState.NO_GO: ("octagon-x", "failed"),
    ItemState.NOT_NEEDED: ("circle-check", "skipped"),
}
ATTEMPT_STATUS_STYLES = {
    AttemptStatus.QUEUED: ("clock", "queued"),
    AttemptStatus.CLAIMED: ("clock", "queued"),
    AttemptStatus.RUNNING: ("play", "running"),
    AttemptStatus.SUCCEEDED: ("check", "done"),
    AttemptStatus.FAILED: ("x", "failed"),
    AttemptStatus.ERRORED: ("triangle-alert", "failed"),
    AttemptStatus.TIMED_OUT: ("timer", "failed"),
    AttemptStatus.CANCELLED: ("ban", "skipped"),
    AttemptStatus.UNKNOWN: ("circle-help", "unknown"),
    AttemptStatus.RECONCILED: ("user-check", "done"),
}
#: The item says “Failed” of all of these; its attempts say so too, and how.
WAYS_TO_FAIL = {AttemptStatus.ERRORED: "Failed: error", AttemptStatus.TIMED_OUT: "Failed: timed out"}
RECONCILIATION_STYLES = {
    Reconciliation.DONE: ("user-check", "done"),
    Reconciliation.NOT_DONE: ("ban", "skipped"),
    Reconciliation.PARTIAL: ("triangle-alert", "failed"),
}
PREFLIGHT_VERDICT_STYLES = {
    PreflightVerdict.RED: ("x", "failed"),
    PreflightVerdict.UNKNOWN: ("circle-help", "unknown"),
    PreflightVerdict.AMBER: ("triangle-alert", "warned"),
    PreflightVerdict.GREEN: ("check", "done"),
}
#: Markdown with HTML switched off: a runbook is text, never markup of its own.
_MARKDOWN = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable("table")


@register.filter
def clock(at: datetime | None, cutover: Cutover | None = None) -> str:
    """02:13 in the cutover's zone; with the date when it is another day than today there."""
    if at is None:
        return "–"
    zone = cutover.zone if cutover else ZoneInfo("UTC")
    here, today = at.astimezone(zone), timezone.now().astimezone(zone).date()
    return here.strftime("%H:%M") if here.date() == today else f"{here.day} {here:%b %H:%M}"


@register.filter
def clock_with_seconds(at: datetime, zone: str) -> str:
    """02:13:40 in that zone, for a line of a log."""
    return at.astimezone(ZoneInfo(zone or "UTC")).strftime("%H:%M:%S")


@register.filter
def when(at: datetime | None, cutover: Cutover | None = None) -> str:
    """“02:13, 4 min ago”; app.js keeps the age up to date."""
    if at is None:
        return "–"
    zone = cutover.timezone if cutover else "UTC"
    return format_html(
        '<time datetime="{}" title="{} {}">{}, <span data-age>{}</span></time>',
        at.isoformat(timespec="seconds"),
        at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S"),
        zone,
        clock(at, cutover),
        ago(timezone.now() - at),
    )


@register.filter
def age(at: datetime | None) -> str:
    """“4 min ago”, without the clock."""
    return "–" if at is None else ago(timezone.now() - at)


@register.simple_tag
def now_clock(cutover: Cutover) -> str:
    """02:14:03: when this page was rendered, in the cutover's zone."""
    return timezone.now().astimezone(cutover.zone).strftime("%H:%M:%S")


@register.simple_tag(takes_context=True)
def tab(context: template.Context, name: str, title: str) -> SafeString:
    """The link to one page of the cutover, marked when it is the current page."""
    url = reverse(name, args=[context["visit"].cutover.slug])
    current = mark_safe(' aria-current="page"') if context["request"].path == url else ""
    return format_html('<a href="{}"{}>{}</a>', url, current, title)


def ago(age: timedelta) -> str:
    """“4 min ago”, “in 2 h”, “now”: one unit only."""
    seconds = int(age.total_seconds())
    if abs(seconds) < 5:
        return "now"
    text = format_duration(abs(seconds), units=1)
    return f"{text} ago" if seconds > 0 else f"in {text}"


@register.filter
def duration(length: timedelta | float | None) -> str:
    """“3 min 12 s”, from a timedelta or seconds."""
    return "–" if length is None else format_duration(length)


@register.filter
def whole_minutes(length: timedelta) -> str:
    """“21 min” for 20 minutes and 18 seconds: a forecast is not known to the second."""
    return format_duration(timedelta(minutes=-(-length // timedelta(minutes=1))))


@register.filter
def count(number: int | None) -> str:
    """1 204 311, with thin spaces."""
    return "–" if number is None else f"{number:,}".replace(",", THIN_SPACE)


@register.filter
def size(number: float | None) -> str:
    """A number of bytes with a decimal unit, such as “1.2 GB”; a dash for none."""
    return "–" if number is None else format_bytes(number)


@register.filter
def short_hash(digest: str | None) -> str:
    """The first four characters of a hash, enough to compare over the phone."""
    return f"{digest[:4]}…" if digest else "–"


@register.filter
def display_name(user: User | None) -> str:
    """The first name, or the login of a person without one."""
    return "nobody" if user is None else user.first_name or user.get_username()


@register.filter
def display_names(users: Iterable[User]) -> str:
    """“Efua or Kofi”."""
    return " or ".join(display_name(user) for user in users)


@register.filter
def signers(gate: GateView) -> list[str]:
    """The names of the people whose go counts at this gate."""
    given = [seat.sign_off for seat in gate.seats if seat.sign_off and seat.sign_off.decision == Decision.GO]
    return [display_name(one.person) for one in given]


@register.filter
def markdown(text: str) -> SafeString:
    """The runbook's Markdown as HTML. Markup in it is shown as text; unsafe addresses do not become links."""
    html: str = _MARKDOWN.render(text or "")
    return mark_safe(html)  # noqa: S308  # markdown-it with html off escapes


@register.filter
def link_prompt(line: str) -> str:
    """A line of a log, with a link where an action asks a person to open an address.

    Other addresses stay text: what a program prints is not trusted, so it must not be one click away.
    """
    before, prompt, url = line.partition(BROWSER_PROMPT)
    if not prompt or not url.startswith(("https://", "http://")):
        return line
    link = '{}{}<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>'
    return format_html(link, before, prompt, url.strip(), url.strip())


@register.filter
def audit_sentence(entry: AuditEntry) -> str:
    """An audit entry as a sentence, without its actor."""
    return sentences.describe_entry(entry)


@register.simple_tag
@cache
def icon(name: str) -> SafeString:
    """One icon of the sprite, hidden from screen readers: a word always stands beside it."""
    sprite = static("vendor/lucide/sprite.svg")
    return format_html(
        '<svg class="icon icon-{}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        name,
        sprite,
        name,
    )


@register.simple_tag
def state_badge(value: str, warned: object = None, *, short: bool = False) -> SafeString:
    """The state of an item: icon, colour and word; amber where it is done and has warnings.

    ``short`` is for lists in which most items wait: there one word says it.
    """
    state = ItemState(value)
    word = "Waiting" if short and state == ItemState.BLOCKED else state.label
    style = ("triangle-alert", "warned") if warned else ITEM_STATE_STYLES[state]
    return _badge(style, state.value, word)


@register.simple_tag
def status_badge(value: str, warned: object = None) -> SafeString:
    """The status of an attempt: icon, colour and word; amber for a success with warnings."""
    status = AttemptStatus(value)
    if warned and status == AttemptStatus.SUCCEEDED:
        return _badge(("triangle-alert", "warned"), status.value, status.label)
    return _badge(ATTEMPT_STATUS_STYLES[status], status.value, status.label)


@register.simple_tag
def attempt_badge(attempt: Attempt) -> SafeString:
    """As `status_badge`, by what the attempt means: its warnings, or what a person decided that it did."""
    if attempt.status == AttemptStatus.RECONCILED:
        decided = Reconciliation(attempt.reconciliation)
        return _badge(RECONCILIATION_STYLES[decided], attempt.status, f"Decided: {decided.label.lower()}")
    if (status := AttemptStatus(attempt.status)) in WAYS_TO_FAIL:
        return _badge(ATTEMPT_STATUS_STYLES[status], status.value, WAYS_TO_FAIL[status])
    return status_badge(attempt.status, getattr(attempt, "warnings", None))


@register.simple_tag
def verdict_badge(value: str) -> SafeString:
    """The verdict of a result of the preflight: icon, colour and word."""
    verdict = PreflightVerdict(value)
    return _badge(PREFLIGHT_VERDICT_STYLES[verdict], verdict.value, verdict.label)


def _badge(style: tuple[str, str], state: str, word: str) -> SafeString:
    html = '<span class="state state-{}" data-state="{}">{}<span>{}</span></span>'
    return format_html(html, style[1], state, icon(style[0]), word)


@register.simple_tag
def hash_code(value: str) -> SafeString:
    """A hash, shortened by the stylesheet; one click selects the whole of it."""
    return format_html('<code class="hash hash-short" title="{}">{}</code>', value, value)


@register.simple_tag
def hx_form() -> SafeString:
    """Attributes of a form with ``method`` and ``action``: htmx posts it and updates ``#live`` (app.js)."""
    return mark_safe('hx-post="" hx-target="#live" hx-swap="outerMorph" hx-disable="find button"')


@register.simple_tag
def stream_url(cutover: Cutover, revision: Revision) -> str:
    """The page's event stream; it continues from the revision that the page shows."""
    return f"{reverse('stream', args=[cutover.slug])}?{urlencode({'since': str(revision)})}"
