"""Times for people in many time zones: app.js shows them in the reader's own."""

from __future__ import annotations

from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from checklists.models import Cutover

register = template.Library()


@register.filter
def reader_clock(at: datetime | None, cutover: Cutover) -> SafeString | str:
    """“02:40 (Africa/Accra)”, with the date on another day; with a script, in the reader's zone instead."""
    if at is None:
        return "–"
    here, today = at.astimezone(cutover.zone), timezone.now().astimezone(cutover.zone).date()
    text = f"{here:%H:%M}" if here.date() == today else f"{here.day} {here:%b, %H:%M}"
    return format_html(
        '<time datetime="{}" data-reader-clock title="{} {}">{} ({})</time>',
        at.isoformat(timespec="seconds"),
        f"{here:%Y-%m-%d %H:%M}",
        cutover.timezone,
        text,
        cutover.timezone,
    )
