"""Checks which of the two stacks can write now, each by a probe of its own: exactly one, never two."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, TypedDict

from django import forms

from integrations import actions
from integrations.clients import bullmq, http, postgres
from integrations.clients.http import HttpClient, Response
from integrations.errors import NotListening, Unreachable
from integrations.systems import System
from integrations.traffic import traffic_probe
from integrations.writes import write_access
from integrations.writes.write_access import WriteAccess

CAN_WRITE = {True: "CAN write", False: "cannot write", None: "NOT KNOWN"}
STACKS = {"old": "the old stack", "new": "the new stack", "none": "nobody"}


@dataclass(frozen=True)
class WritersCheckParams(actions.ActionParams):
    """Which stack should write, and where each of them can be probed."""

    expected: str
    application: System
    new_login: System
    old: System
    new: System
    redis: System | None
    queue: str
    public: System | None
    webhook: str


@dataclass(frozen=True)
class PotentialWriter:
    """One program that may change the data: its stack (old or new), whether it can now, and how that was
    seen. ``can_write`` is None when that cannot be told now."""

    name: str
    stack: str
    can_write: bool | None
    why: str


class WritersCheckEvidence(TypedDict, total=False):
    """The stack that should write, and the writers with the fields of `PotentialWriter`."""

    expected: str
    writers: list[dict[str, Any]]


@actions.register
class WritersCheck(actions.ReadOnlyAction[WritersCheckParams, WritersCheckEvidence]):
    """Rolls its test writes back. A login that may write is no writer while no program uses it."""

    key, title = "writers.check", "Check which stack can write now"
    public_params = frozenset({"queue"})
    address_params = frozenset({"webhook"})
    deadline = timedelta(minutes=3)

    class Params(actions.ActionForm):
        """``expected``: old, new, or none (an announced outage). ``application``, ``new_login``: the database
        logins of the two stacks; ``old``, ``new``: their addresses; ``redis``, ``queue``: where the new
        worker takes jobs; ``public``: where webhooks arrive, and ``webhook``: the path of one of them."""

        expected = forms.ChoiceField(choices=[(name, name) for name in STACKS])
        application = actions.SystemField(kind="postgres")
        new_login = actions.SystemField(kind="postgres")
        old = actions.SystemField(kind="http")
        new = actions.SystemField(kind="http")
        redis = actions.SystemField(kind="redis", required=False)
        queue = forms.CharField(max_length=100, required=False)
        public = actions.SystemField(kind="http", required=False)
        webhook = forms.RegexField(r"^/", required=False)

        def clean(self) -> dict[str, Any]:
            """An address and a path of webhooks belong together."""
            given = self.cleaned_data
            if bool(given.get("public")) is not bool(given.get("webhook")):
                raise forms.ValidationError(
                    "Name public: and webhook: (a path such as /webhooks/x) together."
                )
            return given

    def preview(self, params: WritersCheckParams) -> actions.Preview:
        """The probes."""
        lines = [
            "A test write with each stack's own login, rolled back.",
            f"Does anything answer at {params.old['url']} and {params.new['url']}, or hold a session?",
        ]
        if params.redis:
            lines.append(f"Is a worker of {params.queue} connected?")
        if params.public:
            lines.append(
                f"Which stack answers POST {params.webhook} at {params.public['url']}? "
                "(unsigned: it is refused)"
            )
        return actions.Preview(lines, where=postgres.address(params.application["url"]))

    def run(
        self, params: WritersCheckParams, report: actions.RunReport[WritersCheckEvidence]
    ) -> actions.Outcome:
        """Two writers, another writer than expected, or one of which it is not known: each is a verdict."""
        writers = []
        for check in (_check_old_application, _check_new_api, _check_worker, _check_webhooks):
            report.raise_if_cancelled()
            writer = check(params)
            if writer is not None:
                writers.append(writer)
                report.log(f"{writer.name}: {CAN_WRITE[writer.can_write]}; {writer.why}")
        report.evidence({"expected": params.expected, "writers": [asdict(writer) for writer in writers]})
        return _verdict(params.expected, writers)


def _verdict(expected: str, writers: list[PotentialWriter]) -> actions.Outcome:
    stacks = {writer.stack for writer in writers if writer.can_write}
    names = ", ".join(writer.name for writer in writers if writer.can_write)
    unknown = [f"{writer.name} ({writer.why})" for writer in writers if writer.can_write is None]
    if len(stacks) > 1:
        return actions.Outcome(
            False,
            f"Two stacks can write: {names}. Their data would diverge: stop or freeze one of them at once.",
        )
    if unknown:
        return actions.Outcome(
            False,
            f"Whether it can write is not known of: {'; '.join(unknown)}. Not known does not mean no: find "
            "out, then check again.",
        )
    if not stacks and expected != "none":
        return actions.Outcome(
            False, f"Nobody can write, and {STACKS[expected]} should: an outage that was not announced."
        )
    if stacks and stacks != {expected}:
        return actions.Outcome(
            False,
            f"{STACKS[stacks.pop()].capitalize()} can write ({names}), and {STACKS[expected]} should. Find "
            "out what was started or stopped.",
        )
    if not stacks:
        return actions.Outcome(True, "Nobody can write, as announced.")
    return actions.Outcome(True, f"Exactly one stack can write, {STACKS[expected]}: {names}.")


def _check_old_application(params: WritersCheckParams) -> PotentialWriter:
    return PotentialWriter("old application", "old", *_check_stack(params, params.old, _old_login(params)))


def _check_new_api(params: WritersCheckParams) -> PotentialWriter:
    return PotentialWriter("new API", "new", *_check_stack(params, params.new, _new_login(params)))


def _check_worker(params: WritersCheckParams) -> PotentialWriter | None:
    if not params.redis or not params.queue:
        return None
    with bullmq.connect(params.redis["url"]) as client:
        count = bullmq.Queue(client, params.queue, params.redis.get("prefix", "bull")).workers()
    if not count:
        return PotentialWriter("new worker", "new", False, "no worker is connected to the queue")
    login = _new_login(params)
    return PotentialWriter(
        "new worker", "new", login.can_write, f"{count} worker(s) connected; {login.reason}"
    )


def _check_webhooks(params: WritersCheckParams) -> PotentialWriter | None:
    """The stack that answers the webhooks writes what they report, if its login may write."""
    if not params.public:
        return None
    http_client = HttpClient.of(params.context.systems)
    try:
        response = http_client.request(params.public["url"], params.webhook, body=b"{}", timeout=5)
    except NotListening:
        return PotentialWriter("webhooks", "new", False, "nothing answers at the public address")
    except Unreachable as problem:
        return PotentialWriter("webhooks", "new", None, problem.what)
    if response.status == 404:
        return PotentialWriter("webhooks", "new", False, "the public address has no such route (404)")
    stack = traffic_probe.find_stack(response, params.webhook, params.old, params.new)
    if not stack:
        why = f"the answer ({response.status}) fits the markers of neither stack, or of both"
        return PotentialWriter("webhooks", "new", None, why)
    if response.status >= 500:
        return PotentialWriter("webhooks", stack, False, f"the {stack} stack fails there ({response.status})")
    found = _new_login(params) if stack == "new" else _old_login(params)
    why = f"the {stack} stack answers them ({response.status}); {found.reason}"
    return PotentialWriter("webhooks", stack, found.can_write, why)


def _old_login(params: WritersCheckParams) -> WriteAccess:
    return write_access.probe_write_access(
        params.application["url"], params.new_login["url"], params.context.attempt
    )


def _new_login(params: WritersCheckParams) -> WriteAccess:
    return write_access.probe_write_access(
        params.new_login["url"], params.application["url"], params.context.attempt
    )


def _check_stack(params: WritersCheckParams, stack: System, login: WriteAccess) -> tuple[bool | None, str]:
    """Whether a stack can write, and why.

    A login that may write is no writer while no program uses it: nothing answers at the stack's address,
    and there is no session in the database, which is how a worker or a job without an address shows.
    """
    if not login.can_write:
        return login.can_write, login.reason
    try:
        response = HttpClient.of(params.context.systems).request(stack["url"], "/", timeout=5)
        runs = _is_from_stack(response, stack)
    except NotListening:
        runs = False
    except Unreachable as problem:
        return None, f"{login.reason}, and {problem.what}"
    if runs:
        return True, login.reason
    where = f"nothing runs at {http.display_url(stack['url'])}"
    if login.sessions:
        return True, f"{login.reason}; {where}, but {login.sessions} session(s) of its login are open"
    return False, f"{login.reason}, but {where}"


def _is_from_stack(response: Response, stack: System) -> bool:
    """Whether the stack itself answers. A 5xx of a load balancer in front of it counts as silence."""
    if response.status < 500 or stack.marker() is None:
        return True
    return traffic_probe.is_stack_answering(response, "/", stack)
