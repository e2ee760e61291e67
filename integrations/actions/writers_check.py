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
from integrations.clients import bullmq, freeze, http, postgres, traffic
from integrations.clients.http import Caller
from integrations.errors import Problem, Unreachable

WEBHOOK = "/donations/webhooks/stripe"
NAMES = {"old": "the old stack", "new": "the new stack", "none": "nobody"}


@dataclass(frozen=True)
class Writer:
    """One way in which the data may change: whether it can now, and how that was seen."""

    name: str
    stack: str  # old · new
    can_write: bool
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
            f"Does anybody answer at {params.old['url']} and {params.new['url']}?",
        ]
        if params.redis:
            lines.append(f"Is a worker of {params.queue} connected?")
        if params.public:
            lines.append(
                f"Which stack answers POST {WEBHOOK} at {params.public['url']}? (unsigned: to be refused)"
            )
        return Preview(lines, where=postgres.address(params.application["url"]))

    def run(self, params: Values, report: Report) -> Outcome:
        """Red with two writers; red with none, or another than expected."""
        found = []
        for probe in (_old_app, _new_api, _worker, _webhooks):
            report.raise_if_cancelled()
            writer = probe(params)
            if writer is not None:
                found.append(writer)
                report.log(
                    f"{writer.name}: {'CAN write' if writer.can_write else 'cannot write'}; {writer.why}"
                )
        report.evidence(expected=params.expected, writers=[asdict(writer) for writer in found])
        return _verdict(params.expected, found)

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """It leaves nothing: its writes are rolled back."""
        return Finding(Seen.NOT_DONE, "This only looks; its test writes are rolled back.")


def _verdict(expected: str, found: list[Writer]) -> Outcome:
    stacks = {writer.stack for writer in found if writer.can_write}
    names = ", ".join(writer.name for writer in found if writer.can_write)
    if len(stacks) > 1:
        return Outcome(
            False,
            f"Two stacks can write: {names}. The truth would be split: stop or freeze one of them at once.",
        )
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
    may, why = _test_write(params.application["url"], params)
    if may:
        may, why = _is_there(params, params.old["url"], why)
    return Writer("old application", "old", may, why)


def _new_api(params: Values) -> Writer:
    may, why = _test_write(params.new_login["url"], params)
    if may:
        may, why = _is_there(params, params.new["url"], why)
    return Writer("new API", "new", may, why)


def _worker(params: Values) -> Writer | None:
    if not params.redis or not params.queue:
        return None
    with bullmq.connected(params.redis["url"]) as client:
        count = bullmq.Queue(client, params.queue, params.redis.get("prefix", "bull")).workers()
    may, why = _test_write(params.new_login["url"], params)
    if not count:
        return Writer("new worker", "new", False, "no worker is connected to the queue")
    return Writer("new worker", "new", may, f"{count} worker(s) connected; {why}")


def _webhooks(params: Values) -> Writer | None:
    if not params.public:
        return None
    caller = Caller.of(params.context.systems)
    try:
        reply = caller.ask(params.public["url"], WEBHOOK, body=b"{}", timeout=5)
    except Unreachable:
        return Writer("webhooks", "new", False, "nobody answers at the public address")
    if reply.status == 404:
        return Writer("webhooks", "new", False, "the public address has no such route (404)")
    if traffic.is_from(reply, params.new) and reply.status < 500:
        may, why = _test_write(params.new_login["url"], params)
        return Writer("webhooks", "new", may, f"the new API answers them ({reply.status}); {why}")
    return Writer("webhooks", "new", False, f"another than the new API answers ({reply.status})")


def _test_write(url: str, params: Values) -> tuple[bool, str]:
    try:
        with postgres.in_words(url):
            proof = freeze.try_write(url, params.context.attempt)
    except Problem as problem:
        return False, f"its login gets no connection: {problem.means or problem.what}"
    if proof.accepted:
        return True, "a test write of its login was accepted (and rolled back)"
    return False, f"its login is refused: {proof.sqlstate} {proof.message}"


def _is_there(params: Values, url: str, why: str) -> tuple[bool, str]:
    """A login that may write is no writer while nothing runs that uses it."""
    try:
        Caller.of(params.context.systems).ask(url, "/", timeout=5)
    except Unreachable:
        return False, f"{why}, but nothing runs at {http.address(url)}"
    return True, why
