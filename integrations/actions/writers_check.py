"""Which of the old stack and the new can write now, each by a probe of its own: one writer, never two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from django import forms

from integrations.actions import register
from integrations.actions.base import (
    Action,
    ActionForm,
    Effect,
    Finding,
    Outcome,
    Preview,
    Report,
    Seen,
    SystemField,
    Values,
)
from integrations.clients import bullmq, http, postgres, traffic, writing
from integrations.clients.http import Caller, Reply
from integrations.clients.writing import Ability
from integrations.errors import Silent, Unreachable
from integrations.systems import System

WEBHOOK = "/donations/webhooks/stripe"
SAID = {True: "CAN write", False: "cannot write", None: "NOT KNOWN"}
NAMES = {"old": "the old stack", "new": "the new stack", "none": "nobody"}


@dataclass(frozen=True)
class Writer:
    """One way in which the data may change: whether it can now, and how that was seen."""

    name: str
    stack: str  # old · new
    can_write: bool | None  # None: that cannot be told now
    why: str


@register
class WritersCheck(Action):
    """A test write is rolled back; a login that may write is no writer while nothing runs behind it."""

    key, title = "writers.check", "See which stack can write now"
    effect = Effect.PURE
    deadline = timedelta(minutes=3)

    class Params(ActionForm):
        """``expected``: old, new, or none (an announced outage). ``application``, ``new_login``: the database
        logins of both stacks; ``old``, ``new``: their addresses; ``redis``, ``queue``: where the new worker
        takes jobs; ``public``: where webhooks arrive."""

        expected = forms.ChoiceField(choices=[(name, name) for name in NAMES])
        application = SystemField(kind="postgres")
        new_login = SystemField(kind="postgres")
        old = SystemField(kind="http")
        new = SystemField(kind="http")
        redis = SystemField(kind="redis", required=False)
        queue = forms.CharField(max_length=100, required=False)
        public = SystemField(kind="http", required=False)

    def preview(self, params: Values) -> Preview:
        """The probes."""
        lines = [
            "A test write by each stack's own login, rolled back.",
            f"Does anybody answer at {params.old['url']} and {params.new['url']}, or hold a session?",
        ]
        if params.redis:
            lines.append(f"Is a worker of {params.queue} connected?")
        if params.public:
            lines.append(
                f"Which stack answers POST {WEBHOOK} at {params.public['url']}? (unsigned: to be refused)"
            )
        return Preview(lines, where=postgres.address(params.application["url"]))

    def run(self, params: Values, report: Report) -> Outcome:
        """Red with two writers; red with none, or another than expected; red where it cannot be told."""
        found = []
        for probe in (_old_app, _new_api, _worker, _webhooks):
            report.raise_if_cancelled()
            writer = probe(params)
            if writer is not None:
                found.append(writer)
                report.log(f"{writer.name}: {SAID[writer.can_write]}; {writer.why}")
        report.evidence(expected=params.expected, writers=[asdict(writer) for writer in found])
        return _verdict(params.expected, found)

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """It leaves nothing: its writes are rolled back."""
        return Finding(Seen.NOT_DONE, "This only looks; its test writes are rolled back.")


def _verdict(expected: str, found: list[Writer]) -> Outcome:
    stacks = {writer.stack for writer in found if writer.can_write}
    names = ", ".join(writer.name for writer in found if writer.can_write)
    unknown = [f"{writer.name} ({writer.why})" for writer in found if writer.can_write is None]
    if len(stacks) > 1:
        return Outcome(
            False,
            f"Two stacks can write: {names}. The truth would be split: stop or freeze one of them at once.",
        )
    if unknown:
        said = f"Whether it can write is not known of: {'; '.join(unknown)}"
        return Outcome(False, f"{said}. Not known is not no: find out, then look again.")
    if not stacks and expected != "none":
        return Outcome(
            False, f"Nobody can write, and {NAMES[expected]} should: an outage that was not announced."
        )
    if stacks and stacks != {expected}:
        said = f"{NAMES[stacks.pop()].capitalize()} can write ({names})"
        return Outcome(False, f"{said}, and {NAMES[expected]} should. Find out what was started or stopped.")
    if not stacks:
        return Outcome(True, "Nobody can write, as announced.")
    return Outcome(True, f"Exactly one stack can write, {NAMES[expected]}: {names}.")


def _old_app(params: Values) -> Writer:
    return Writer("old application", "old", *_at_work(params, params.old, _old_login(params)))


def _new_api(params: Values) -> Writer:
    return Writer("new API", "new", *_at_work(params, params.new, _new_login(params)))


def _worker(params: Values) -> Writer | None:
    if not params.redis or not params.queue:
        return None
    with bullmq.connected(params.redis["url"]) as client:
        count = bullmq.Queue(client, params.queue, params.redis.get("prefix", "bull")).workers()
    if not count:
        return Writer("new worker", "new", False, "no worker is connected to the queue")
    login = _new_login(params)
    return Writer("new worker", "new", login.may, f"{count} worker(s) connected; {login.why}")


def _webhooks(params: Values) -> Writer | None:
    """Whoever answers them writes what they tell, if its login may."""
    if not params.public:
        return None
    caller = Caller.of(params.context.systems)
    try:
        reply = caller.ask(params.public["url"], WEBHOOK, body=b"{}", timeout=5)
    except Silent:
        return Writer("webhooks", "new", False, "nobody answers at the public address")
    except Unreachable as problem:
        return Writer("webhooks", "new", None, problem.what)
    if reply.status == 404:
        return Writer("webhooks", "new", False, "the public address has no such route (404)")
    for stack, system, login in (("new", params.new, _new_login), ("old", params.old, _old_login)):
        if traffic.is_from(reply, system) and reply.status < 500:
            found = login(params)
            why = f"the {stack} stack answers them ({reply.status}); {found.why}"
            return Writer("webhooks", stack, found.may, why)
    return Writer("webhooks", "new", False, f"neither stack answers them ({reply.status})")


def _old_login(params: Values) -> Ability:
    return writing.ability(params.application["url"], params.new_login["url"], params.context.attempt)


def _new_login(params: Values) -> Ability:
    return writing.ability(params.new_login["url"], params.application["url"], params.context.attempt)


def _at_work(params: Values, stack: System, login: Ability) -> tuple[bool | None, str]:
    """A login that may write is no writer while nothing runs that uses it: no server at its address, and no
    session in the database, which is how a worker or a job without an address shows."""
    if not login.may:
        return login.may, login.why
    try:
        runs = _answers(Caller.of(params.context.systems).ask(stack["url"], "/", timeout=5), stack)
    except Silent:
        runs = False
    except Unreachable as problem:
        return None, f"{login.why}, and {problem.what}"
    if runs:
        return True, login.why
    where = f"nothing runs at {http.address(stack['url'])}"
    if login.sessions:
        return True, f"{login.why}; {where}, but {login.sessions} session(s) of its login are open"
    return False, f"{login.why}, but {where}"


def _answers(reply: Reply, stack: System) -> bool:
    """Whether the stack itself answers: a load balancer's “nobody there” is silence, too."""
    return reply.status < 500 or not stack.get("marker") or traffic.is_from(reply, stack)
