"""Shifts the load balancer's weights, and sees by the requests themselves that people moved."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django import forms

from integrations.actions import register
from integrations.actions.base import (
    Action,
    ActionForm,
    Effect,
    EvidenceField,
    Finding,
    Outcome,
    Preview,
    Report,
    Seen,
    SystemField,
    Values,
)
from integrations.clients import traffic
from integrations.clients.http import Caller
from integrations.clients.proxies import Proxy, Weights, proxy_of
from integrations.clients.traffic import Answers, Counters, Traffic
from integrations.errors import Problem

WINDOW = 40  # our own questions in one look
LOOKS = 12  # looks before it is given up
TOLERANCE = 15.0  # percent that a look may be beside a pilot's weight
FEW = 5.0  # percent of failed questions that are too many


@register
class LbShift(Action):
    """Done is not what the load balancer says of itself: done is who answers."""

    key, title = "lb.shift", "Shift the load balancer's weights, and see who answers"
    effect = Effect.IDEMPOTENT
    deadline = timedelta(minutes=30)
    risky = True

    class Params(ActionForm):
        """``proxy``; ``to``: percent for the new stack; ``public``: the address that people use; ``old``,
        ``new``: both stacks, with marker and counter; ``path``: what is asked (default “/health/live”);
        ``seconds``: how long one look at who answers takes (default 20); ``share``: percent of people's
        requests that may still reach the old stack when all were sent to the new one (default 0);
        ``back_to``: instead of ``to``, the weights that were there before that item."""

        proxy = SystemField(kind="proxy")
        public = SystemField(kind="http")
        old = SystemField(kind="http")
        new = SystemField(kind="http")
        to = forms.IntegerField(min_value=0, max_value=100, required=False)
        path = forms.CharField(max_length=200, required=False)
        seconds = forms.FloatField(min_value=0, max_value=600, required=False)
        share = forms.FloatField(min_value=0, max_value=100, required=False)
        back_to = EvidenceField(action="lb.shift", required=False)

        def clean(self) -> dict[str, Any]:
            """Either weights, or what to go back to."""
            given = self.cleaned_data
            if (given.get("to") is None) == (not given.get("back_to")):
                raise forms.ValidationError("Name to:, or back_to:.")
            return given

    def resource(self, params: Values) -> str:
        """The pool."""
        return f"lb:{params.proxy.name}:{params.proxy['pool']}"

    def preview(self, params: Values) -> Preview:
        """What would be sent, and the weights now."""
        proxy, weights = _proxy(params), _wanted(params)
        now, _ = proxy.read()
        lines = [f"Now: {now}. Then: {weights}.", *proxy.commands(weights)]
        lines.append(f"Ask {params.public['url']} until the answers show it, and read both stacks' counters.")
        return Preview(lines, where=proxy.where)

    def before(self, params: Values) -> dict[str, Any]:
        """The weights that an undo goes back to."""
        now, _ = _proxy(params).read()
        return {"before": now.as_facts(), "wanted": _wanted(params).as_facts()}

    def run(self, params: Values, report: Report) -> Outcome:
        """Sets, reads back, then looks at who answers. Cancelled while looking, the weights stay as set."""
        traffic.refuse_unmarked(params.old, params.new)
        proxy, weights = _proxy(params), _wanted(params)
        was, mark = proxy.read()
        facts = {"pool": proxy.where, "before": was.as_facts(), "after": weights.as_facts()}
        report.evidence(shift=facts)
        if was != weights:
            for command in proxy.commands(weights):
                report.log(command)
            proxy.set(weights, mark)
        now, _ = proxy.read()
        if now != weights:
            raise Problem(
                f"{proxy.where} took the change, and says {now} now.",
                means="Somebody else changes it, too.",
                next="Look at it before you start this again.",
            )
        report.log(f"{proxy.where}: {was} → {now}")
        seen, wrong = watched(params, weights, report)
        report.evidence(shift={**facts, "seen": seen})
        if wrong:
            return Outcome(False, wrong)
        return Outcome(True, f"{now}; {seen['said']}.")

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """The weights now against those wanted and those before."""
        now, _ = _proxy(params).read()
        facts = now.as_facts()
        if facts == before["wanted"]:
            return Finding(Seen.DONE, f"The weights are those wanted: {now}.", facts)
        if facts == before["before"]:
            return Finding(Seen.NOT_DONE, f"The weights are as before: {now}.", facts)
        return Finding(Seen.PARTIAL, f"The weights are neither those wanted nor those before: {now}.", facts)


def _proxy(params: Values) -> Proxy:
    return proxy_of(params.proxy, params.context.systems)


def _wanted(params: Values) -> Weights:
    if not params.back_to:
        return Weights.to_new(params.to)
    trace = params.context.traces.get(params.back_to, {})
    known = trace.get("shift") or trace
    if "before" not in known:
        raise Problem(
            f"“{params.back_to}” has not shifted anything.",
            means="What the weights were before is not known.",
            next="Set them with to: instead.",
        )
    return Weights(**known["before"])


def watched(params: Values, weights: Weights, report: Report) -> tuple[dict[str, Any], str]:
    """Asks ``public`` until the answers of ``old`` and ``new`` show these weights: what was seen, and what
    is wrong with it (empty: nothing)."""
    caller = Caller.of(params.context.systems)
    people = Traffic(caller, params.public, params.old, params.new)
    began, wrong = time.monotonic(), ""
    for _ in range(LOOKS):
        since, answers = people.counters(), Answers()
        _window(people, answers, params, report)
        counted = people.counters()
        share = counted.old_percent_since(since)
        report.measure(
            new_share_percent=100 - answers.old_percent,
            errors_percent=answers.errors_percent,
            **({} if share is None else {"people_at_new_percent": 100 - share}),
        )
        wrong = _wrong(weights, answers) or _stayed(weights, share, params)
        if not wrong or answers.errors_percent > FEW:
            break
        report.log(f"Not yet: {wrong}")
    return _seen(since, counted, answers, time.monotonic() - began), wrong


def _window(people: Traffic, answers: Answers, params: Values, report: Report) -> None:
    each = (20.0 if params.seconds is None else params.seconds) / WINDOW
    for number in range(WINDOW):
        report.raise_if_cancelled()
        began = time.monotonic()
        people.ask(answers, params.path or "/health/live")
        report.progress(number, WINDOW, f"{answers.old} answers of the old stack, {answers.new} of the new")
        traffic.pause(each, began)


def _wrong(weights: Weights, answers: Answers) -> str:
    if answers.errors_percent > FEW:
        said = answers.silent[-1] if answers.silent else "answers with 5xx"
        return f"{answers.errors_percent} % of the requests fail ({said}). Take the shift back with its undo."
    if answers.unknown:
        return f"{answers.unknown} answers carry no marker of either stack: something else answers there."
    beside = abs(answers.old_percent - weights.old)
    allowed = 0.0 if weights.old in (0, 100) else TOLERANCE
    if beside > allowed:
        return (
            f"{answers.old_percent} % of the answers come from the old stack, {weights.old} % should: "
            "another load balancer, a cache or a sticky session stands before it."
        )
    return ""


def _stayed(weights: Weights, share: float | None, params: Values) -> str:
    """Our own questions take one way only; people may know another. Not judged where a counter is not known,
    and during a pilot, when a few requests say little about a share."""
    if weights.old or share is None or share <= (params.share or 0):
        return ""
    return (
        f"{share:g} % of people's requests still reach {params.old.name}, though it gets none from here: an "
        "older address, a second load balancer or a health check leads there. Its own log says who it is."
    )


def _seen(start: Counters, end: Counters, answers: Answers, seconds: float) -> dict[str, Any]:
    share, count = end.old_percent_since(start), end.requests_since(start)
    said = f"{answers.new} of our last {answers.asked} questions were answered by the new stack"
    if share is not None:
        said += f"; of {count} requests meanwhile {share:g} % still reached the old one"
    return {
        **asdict(answers),
        "old_percent_of_people": share,
        "requests": count,
        "seconds": seconds,
        "said": said,
    }
