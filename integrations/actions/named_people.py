"""What lb.shift asks of named people: the parameter, and the proof of where their requests arrive."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, TypedDict

from django import forms

from integrations import actions
from integrations.clients.proxies import NamedPeople, Sharing
from integrations.traffic import traffic_probe
from integrations.traffic.traffic_probe import AnswerCounts, TrafficProbe

REQUESTS = 10  # for each way: a rule holds for each of them
TRIES = 12  # a load balancer applies a change within seconds
TRY_SECONDS = 1.0  # each of them takes at least
OTHERS = "a request without header and cookie"
OTHER_VALUES = "a request with other values"
FORMER = "no longer named: "


class PeopleField(forms.Field):
    """Named people, as `NamedPeople.parse` reads them; None when the parameter is not given."""

    def clean(self, value: Any) -> NamedPeople | None:
        """The people; a ValidationError says what cannot be read, or that nobody is named."""
        value = super().clean(value)
        if value in self.empty_values:
            return None
        try:
            people = NamedPeople.parse(value)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None
        if not people:
            raise forms.ValidationError("names nobody: give a header, a cookie or addresses.")
        return people


class WayAnswers(TypedDict):
    """Answers to requests that named people are known by in one way, or that nobody is known by."""

    by: str
    old: int
    new: int
    unknown: int
    errors: int


class PeopleCheck(TypedDict):
    """Where the requests arrived. ``panel_is_named``: the panel itself comes from a named address.
    ``not_checked``: what the panel cannot know, because it cannot send a request from there."""

    answers: list[WayAnswers]
    panel_is_named: bool
    not_checked: str


def prove_people(
    traffic: TrafficProbe, former: NamedPeople, sharing: Sharing, report: actions.Report
) -> tuple[PeopleCheck, str]:
    """Sends requests as named people, as the former ones and as others to the public address.

    Returns where they arrived, and what is wrong in a sentence (empty: nothing).
    """
    answers: list[WayAnswers] = []
    for number in range(TRIES):
        began, previous = time.monotonic(), answers
        answers = _send_all(traffic, former, sharing.people, report)
        wrong = _find_wrong(answers, sharing)
        # Whether the panel's own address is a named one shows only when the answers no longer change.
        settled = not sharing.people.addresses or answers == previous
        if (settled and not wrong) or number == TRIES - 1:
            break
        report.log(f"Not yet: {wrong or 'the answers may still change.'}")
        traffic_probe.sleep_remaining(TRY_SECONDS, began)
    for one in answers:
        report.log(f"{one['by']}: {one['new']} answers of the new stack, {one['old']} of the old")
    is_named = sharing.weights.new < 100 and _is_named_address(answers, sharing.people)
    not_checked = _not_checked(sharing.people, is_named)
    return {"answers": answers, "panel_is_named": is_named, "not_checked": not_checked}, wrong


def _send_all(
    traffic: TrafficProbe, former: NamedPeople, people: NamedPeople, report: actions.Report
) -> list[WayAnswers]:
    ways: dict[str, Mapping[str, str]] = {**people.headers(), OTHERS: {}}
    gone = {by: headers for by, headers in former.headers().items() if by not in ways}
    ways |= {FORMER + by: headers for by, headers in gone.items()}
    if people.headers():
        ways[OTHER_VALUES] = people.other_headers()
    return [_send_way(traffic, by, headers, report) for by, headers in ways.items()]


def _send_way(
    traffic: TrafficProbe, by: str, headers: Mapping[str, str], report: actions.Report
) -> WayAnswers:
    counts = AnswerCounts()
    for _ in range(REQUESTS):
        report.raise_if_cancelled()
        traffic.send_request(counts, headers)
    errors = counts.errors + len(counts.unanswered)
    return {"by": by, "old": counts.old, "new": counts.new, "unknown": counts.unknown, "errors": errors}


def _find_wrong(answers: list[WayAnswers], sharing: Sharing) -> str:
    weights, people = sharing.weights, sharing.people
    for one in answers:
        if one["by"] in people.headers() and (one["new"] < REQUESTS or one["errors"]):
            return (
                f"{one['new']} of {REQUESTS} requests with {one['by']} were answered by the new stack"
                f"{_describe_rest(one)}: a load balancer in front removes it, or its rule is not in use. "
                "Take the shift back with its undo."
            )
        is_other = one["by"] not in people.headers()
        if is_other and weights.new == 0 and one["new"] and not _is_named_address(answers, people):
            return (
                f"{one['new']} of {REQUESTS} requests reached the new stack, and only named people should "
                f"({one['by']}). Another rule leads there. Take the shift back with its undo."
            )
    return ""


def _describe_rest(one: WayAnswers) -> str:
    rest = {"by the old": one["old"], "by something unknown": one["unknown"], "with errors": one["errors"]}
    said = ", ".join(f"{count} {what}" for what, count in rest.items() if count)
    return f" ({said})" if said else ""


def _is_named_address(answers: list[WayAnswers], people: NamedPeople) -> bool:
    """Whether the panel itself comes from a named address: then all that it sends arrives there."""
    others = next(one for one in answers if one["by"] == OTHERS)
    return bool(people.addresses) and others["new"] == REQUESTS


def _not_checked(people: NamedPeople, is_named: bool) -> str:
    if not people.addresses:
        return ""
    if is_named:
        return "The panel comes from a named address: whether others stay at the old stack is not checked."
    return (
        f"The panel cannot send requests from {', '.join(people.addresses)}: let one of these people look "
        "which stack answers."
    )
