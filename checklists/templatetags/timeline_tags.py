"""Times of mission control as text."""

from __future__ import annotations

from datetime import datetime, timedelta

from django import template
from django.utils import timezone

from checklists.durations import format_duration
from checklists.forecast import ItemOutcome
from checklists.models import Cutover
from checklists.timeline import markup

register = template.Library()
register.simple_tag(markup.draw_item)
register.simple_tag(markup.write_row)


@register.filter
def hour(at: datetime, cutover: Cutover) -> str:
    """“02:13” in the cutover's zone, on whatever day."""
    return f"{at.astimezone(cutover.zone):%H:%M}"


@register.filter
def other_day(at: datetime, cutover: Cutover) -> str:
    """“1 Dec” where it is another day than today in the cutover's zone, else empty."""
    here = at.astimezone(cutover.zone)
    today = timezone.now().astimezone(cutover.zone).date()
    return "" if here.date() == today else f"{here.day} {here:%b}"


@register.filter
def signed_duration(length: timedelta | None) -> str:
    """“+3 min 12 s”, “−40 s”, “as expected”, or that it is not known."""
    if length is None:
        return "not known"
    if abs(length) < timedelta(seconds=1):
        return "as expected"
    return f"{'+' if length > timedelta() else '−'}{format_duration(abs(length))}"  # a minus


@register.filter
def outcome_state(outcome: ItemOutcome) -> str:
    """longer · shorter · unknown."""
    if outcome.difference is None:
        return "unknown"
    return "longer" if outcome.difference > timedelta() else "shorter"
