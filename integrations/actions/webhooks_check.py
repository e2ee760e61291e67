"""Sends webhooks as the providers would, and as a stranger would: only the provider's own are taken, once."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

from integrations.actions import register
from integrations.actions.base import (
    Action,
    ActionForm,
    Effect,
    Finding,
    JSONValueField,
    Outcome,
    Preview,
    Report,
    Seen,
    SystemField,
    Values,
)
from integrations.clients import postgres, webhooks
from integrations.clients.http import Caller, Reply
from integrations.clients.webhooks import TOLERANCE, Signed
from integrations.errors import Problem
from integrations.systems import System

REFUSED = (400, 401)  # a 403 is a firewall's or a proxy's: whether the API checks, it does not tell
UNSET = re.compile(r"not (?:been )?configured|missing secret|secret is not set", re.I)
DOUBLE = re.compile(r"duplicate|already", re.I)
QUIET = "no gift changed"


@dataclass
class Checked:
    """One provider: each request's status, and what is wrong (nothing: all as it has to be)."""

    provider: str
    path: str
    statuses: dict[str, int] = field(default_factory=dict)
    doubled: str = ""  # how it was seen that a doubled event is ignored; empty when it could not be seen
    wrong: list[str] = field(default_factory=list)


@register
class WebhooksCheck(Action):
    """The event is for a payment that nobody made: it is taken and books nothing."""

    key, title = "webhooks.check", "See that the API takes the providers' webhooks, and nobody else's"
    effect = Effect.IDEMPOTENT  # the event has the attempt's own id: sent twice it is the same event
    deadline = timedelta(minutes=5)

    class Params(ActionForm):
        """``api``: where the webhooks arrive; ``providers``: names of systems of kind payments (default all);
        ``database``: where it is seen that a doubled event changes no gift."""

        api = SystemField(kind="http")
        database = SystemField(kind="postgres", required=False)
        providers = JSONValueField(kind=list, required=False)

    def preview(self, params: Values) -> Preview:
        """The five requests for each."""
        lines = [
            f"POST {webhooks.path_of(system.driver())}: unsigned, wrongly signed, signed (twice)"
            f"{', with an old time' if system.driver() == 'stripe' else ''}"
            for system in _providers(params)
        ]
        lines.append("The event is “failed” or “expired”, for a reference that nobody has: it books nothing.")
        return Preview(lines, where=params.api["url"])

    def before(self, params: Values) -> dict[str, Any]:
        """The reference of this attempt's events."""
        return {"reference": _mark(params)}

    def run(self, params: Values, report: Report) -> Outcome:
        """Red when one provider's route is wrong, open, or deaf; the others are looked at all the same."""
        caller = Caller.of(params.context.systems)
        found = []
        systems = _providers(params)
        for number, system in enumerate(systems):
            report.raise_if_cancelled()
            report.progress(number, len(systems), system.driver())
            one = _check(caller, params, system)
            found.append(one)
            said = ", ".join(f"{name} {status}" for name, status in one.statuses.items())
            report.log(f"{'✗' if one.wrong else '✓'} {one.path}: {said}")
        report.evidence(webhooks=[asdict(one) for one in found], reference=_mark(params))
        wrong = [f"{one.provider}: {' '.join(one.wrong)}" for one in found if one.wrong]
        if wrong:
            return Outcome(False, " ".join(wrong))
        names = ", ".join(one.provider for one in found)
        once = f" {' '.join(_unshown(found))}".rstrip()
        return Outcome(True, f"{names}: signed events are taken, everything else is refused.{once}")

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """Nothing was booked, whatever was sent."""
        return Finding(Seen.NOT_DONE, "Its events book nothing; sending them again is the same event.")


def _unshown(found: list[Checked]) -> list[str]:
    """What is not proven of doubled events: one that books nothing changes no gift anyhow."""
    quiet = ", ".join(one.provider for one in found if one.doubled == QUIET)
    unseen = ", ".join(one.provider for one in found if not one.doubled)
    return [
        *(
            [f"{quiet}: the doubled event changed no gift; the answer does not say it was known."]
            if quiet
            else []
        ),
        *([f"Not shown for {unseen}: that a doubled event is ignored."] if unseen else []),
    ]


def _mark(params: Values) -> str:
    return f"cutover-{re.sub('[^0-9a-z]', '', params.context.attempt)[:20] or 'preview'}"


def _providers(params: Values) -> list[System]:
    known = {s.name: s for s in params.context.systems.values() if s.kind == "payments"}
    names = params.providers or list(known)
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise Problem(
            f"There is no system of kind payments called {', '.join(map(str, unknown)) or 'anything'}.",
            means="Nothing was sent.",
            next=f"The runbook has: {', '.join(known) or 'none'}.",
        )
    return [known[name] for name in names]


def _check(caller: Caller, params: Values, system: System) -> Checked:
    provider, secret = system.driver(), system["webhook_secret"]
    one = Checked(provider, webhooks.path_of(provider))
    body = webhooks.event(provider, _mark(params))

    def send(name: str, request: Signed) -> Reply:
        reply = caller.ask(params.api["url"], one.path, body=request.body, headers=request.headers)
        one.statuses[name] = reply.status
        return reply

    unsigned = Signed(body, {"Content-Type": "application/json"})
    one.wrong += _refusal("unsigned", send("unsigned", unsigned), one.path)
    if one.wrong:
        return one  # a route that is missing or open needs no more questions
    wrongly = webhooks.signed(provider, body, secrets.token_hex(24))  # nothing of the true one: APIs log
    one.wrong += _refusal("wrongly signed", send("wrongly signed", wrongly), one.path)
    if provider == "stripe":
        stale = webhooks.signed(provider, body, secret, time.time() - 2 * TOLERANCE)
        one.wrong += _refusal("signed long ago", send("signed long ago", stale), one.path)
    right, gifts = webhooks.signed(provider, body, secret), _gifts(params)
    one.wrong += _acceptance(send("signed", right))
    if not one.wrong:
        again, after = send("signed again", right), _gifts(params)
        one.doubled = _ignored(again, gifts, after)
        one.wrong += _doubling(again, gifts, after)
    return one


def _gifts(params: Values) -> tuple[Any, ...] | None:
    """What an event could change of the gifts: None where no database is named."""
    if not params.database:
        return None
    url = params.database["url"]
    with postgres.in_words(url), postgres.connect(url, attempt=params.context.attempt, readonly=True) as it:
        return it.execute("select count(*), sum(amount), max(updated_at)::text from donations").fetchone()


def _refusal(name: str, reply: Reply, path: str) -> list[str]:
    """What is wrong with how a request was refused."""
    if reply.status == 404:
        return [f"{path} does not exist (404): the route is wrong."]
    if reply.ok:
        return [f"An event that was {name} is accepted ({reply.status}): anybody could book gifts. No go."]
    if UNSET.search(reply.body[:2000].decode(errors="replace")):
        return ["Its webhook secret is not configured in the API: every true event would be refused, too."]
    if reply.status not in REFUSED:
        return [f"An event that was {name} gets {reply.status} instead of 400 or 401: {reply.says()}"]
    return []


def _acceptance(reply: Reply) -> list[str]:
    if reply.ok:
        return []
    return [
        f"A rightly signed event is refused ({reply.status}: {reply.says()}): the API has another webhook "
        "secret than the one here."
    ]


def _ignored(reply: Reply, before: Any, after: Any) -> str:
    if DOUBLE.search(reply.body[:2000].decode(errors="replace")):
        return "the answer says so"
    return QUIET if before is not None and before == after else ""


def _doubling(reply: Reply, before: Any, after: Any) -> list[str]:
    """The second answer has to be a success too, or the provider sends the event again for days."""
    if not reply.ok:
        return [f"The same event again gets {reply.status}: the provider would send it for days."]
    if before != after:
        return ["Gifts changed while an event that books nothing was sent twice: look which."]
    return []
