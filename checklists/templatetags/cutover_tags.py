"""How times, durations, counts, states, people and Markdown look on every page."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
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

from checklists import telling
from checklists.gates.words import duration as in_words
from checklists.models import AuditEntry, Cutover
from checklists.states import AttemptStatus, ItemState
from checklists.templatetags import fact_words

if TYPE_CHECKING:
    from checklists.views.access import Visit

register = template.Library()
for _words in (
    fact_words.effect,
    fact_words.fact_name,
    fact_words.fact_value,
    fact_words.row_key,
    fact_words.timestamp,
):
    register.filter(_words.__name__, _words)

#: How an action's log asks a person to do something in a browser.
OPEN = "Open in your browser: "
#: A thin space that does not break: 1 204 311.
THIN = "\u202f"
#: Symbol and colour of each state; the word is always beside them.
LOOKS = {
    ItemState.BLOCKED: ("lock", "blocked"),
    ItemState.READY: ("circle", "ready"),
    ItemState.QUEUED: ("clock", "queued"),
    ItemState.RUNNING: ("play", "running"),
    ItemState.DONE: ("check", "done"),
    ItemState.FAILED: ("x", "failed"),
    ItemState.UNKNOWN: ("circle-help", "unknown"),
    ItemState.SKIPPED: ("skip-forward", "skipped"),
    ItemState.UNDONE: ("undo-2", "skipped"),
    ItemState.NO_GO: ("octagon-x", "failed"),
    ItemState.NOT_NEEDED: ("circle-check", "skipped"),
}
ATTEMPT_LOOKS = {
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
def seconds(at: datetime, zone: str) -> str:
    """02:13:40 in that zone: the clock of a log line."""
    return at.astimezone(ZoneInfo(zone or "UTC")).strftime("%H:%M:%S")


@register.filter
def when(at: datetime | None, cutover: Cutover | None = None) -> str:
    """“02:13, 4 min ago”; the age counts on in the browser."""
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
    """02:14:03, the moment this page was made, in the cutover's zone."""
    return timezone.now().astimezone(cutover.zone).strftime("%H:%M:%S")


@register.simple_tag(takes_context=True)
def tab(context: template.Context, name: str, title: str) -> SafeString:
    """One page of the cutover; the one that is open is marked as such."""
    address = reverse(name, args=[context["visit"].cutover.slug])
    here = context["request"].path == address
    return format_html(
        '<a href="{}"{}>{}</a>', address, mark_safe(' aria-current="page"') if here else "", title
    )


def ago(age: timedelta) -> str:
    """“4 min ago”, “in 2 h”, “now”: one unit, as one says it on the phone."""
    seconds = int(age.total_seconds())
    if abs(seconds) < 5:
        return "now"
    text = _one_unit(abs(seconds))
    return f"{text} ago" if seconds > 0 else f"in {text}"


def _one_unit(seconds: int) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


@register.filter
def duration(length: timedelta | float | None) -> str:
    """“3 min 12 s”, from a timedelta or seconds."""
    if length is None:
        return "–"
    exact = length.total_seconds() if isinstance(length, timedelta) else length
    return f"{exact:.1f} s" if 0 < exact < 10 and exact % 1 else in_words(timedelta(seconds=exact))


@register.filter
def count(number: int | None) -> str:
    """1 204 311, with thin spaces."""
    return "–" if number is None else f"{number:,}".replace(",", THIN)


@register.filter
def size(number: float | None) -> str:
    """Bytes as people say them: 1.2 GB."""
    if number is None:
        return "–"
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


@register.filter
def short(digest: str | None) -> str:
    """The first four characters of a hash, enough to compare over the phone."""
    return f"{digest[:4]}…" if digest else "–"


@register.filter
def person(user: User | None) -> str:
    """What people call them."""
    return "nobody" if user is None else user.first_name or user.get_username()


@register.filter
def markdown(text: str) -> SafeString:
    """The runbook's Markdown; HTML in it is shown as text, and unsafe addresses are no links."""
    html: str = _MARKDOWN.render(text or "")
    return mark_safe(html)  # noqa: S308  # markdown-it with html off escapes


@register.filter
def linked(line: str) -> str:
    """A log's line; where an action asks a person to open an address, that address is a link.

    Others stay text: what a program prints is not ours, and must not be one click away.
    """
    said, asked, address = line.partition(OPEN)
    if not asked or not address.startswith(("https://", "http://")):
        return line
    link = '{}{}<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>'
    return format_html(link, said, asked, address.strip(), address.strip())


@register.filter
def told(entry: AuditEntry) -> str:
    """What an audit entry says, without its actor."""
    return telling.told(entry)


@register.simple_tag
def icon(name: str) -> SafeString:
    """One symbol of the sprite; decoration, because the word stands beside it."""
    address = static("vendor/lucide/sprite.svg")
    return format_html(
        '<svg class="icon icon-{}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        name,
        address,
        name,
    )


def _mark(looks: tuple[str, str], word: str) -> SafeString:
    return format_html(
        '<span class="state state-{}">{}<span>{}</span></span>', looks[1], icon(looks[0]), word
    )


@register.simple_tag
def state(value: str) -> SafeString:
    """An item's state: shape, colour and word."""
    one = ItemState(value)
    return _mark(LOOKS[one], one.label)


@register.simple_tag
def status(value: str) -> SafeString:
    """An attempt's status: shape, colour and word."""
    one = AttemptStatus(value)
    return _mark(ATTEMPT_LOOKS[one], one.label)


@register.simple_tag
def hx_form() -> SafeString:
    """For a form with ``method`` and ``action``: with JavaScript it updates ``#live`` in place (app.js)."""
    return mark_safe('hx-post="" hx-target="#live" hx-swap="outerMorph" hx-disable="find button"')


@register.simple_tag
def stream_address(visit: Visit, log: object = "", after: int = 0) -> str:
    """The page's stream, going on from what the page was made of; ``log`` is an attempt's id."""
    query = {"since": str(visit.revision)}
    if log:
        query |= {"log": str(log), "after": str(after)}
    return f"{reverse('stream', args=[visit.cutover.slug])}?{urlencode(query)}"
