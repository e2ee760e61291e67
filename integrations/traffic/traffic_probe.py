"""Finds out which stack answers at a public address, by our own requests."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from integrations.clients.http import HttpClient, Response
from integrations.errors import Problem, Unreachable
from integrations.markers import Marker
from integrations.systems import System


@dataclass
class AnswerCounts:
    """How many of our requests each stack answered, and how many failed (5xx, or no answer)."""

    old: int = 0
    new: int = 0
    unknown: int = 0
    errors: int = 0
    unanswered: list[str] = field(default_factory=list)  # the reasons

    @property
    def total(self) -> int:
        """All requests."""
        return self.old + self.new + self.unknown + len(self.unanswered)

    @property
    def old_percent(self) -> float:
        """Share of the old stack among those that one of the two answered, in percent."""
        known = self.old + self.new
        return round(100 * self.old / known, 1) if known else 0.0

    @property
    def errors_percent(self) -> float:
        """Share of requests without a good answer, in percent."""
        return round(100 * (self.errors + len(self.unanswered)) / self.total, 1) if self.total else 0.0


class TrafficProbe:
    """A public address, and the two stacks that may answer there (systems of kind ``http``)."""

    def __init__(
        self, http_client: HttpClient, public: System, old: System, new: System, path: str = ""
    ) -> None:
        self.http_client, self.public, self.old, self.new = http_client, public, old, new
        self.path = path or common_path(old, new)

    def send_request(self, answers: AnswerCounts, headers: Mapping[str, str] | None = None) -> None:
        """Sends one request on a connection of its own, and counts the stack that answers."""
        try:
            reply = self.http_client.request(self.public["url"], self.path, headers=headers, timeout=5)
        except Unreachable as silence:
            answers.unanswered.append(str(silence))
            return
        answers.errors += reply.status >= 500
        stack = find_stack(reply, self.path, self.old, self.new)
        answers.old += stack == "old"
        answers.new += stack == "new"
        answers.unknown += stack == ""


def find_stack(reply: Response, path: str, old: System, new: System) -> str:
    """“old” or “new”; "" when the answer fits both markers or neither: then it is not known."""
    fits_old, fits_new = is_answer_from(reply, path, old), is_answer_from(reply, path, new)
    if fits_old is fits_new:
        return ""
    return "old" if fits_old else "new"


def is_answer_from(reply: Response, path: str, stack: System) -> bool:
    """Whether the answer to a request of ``path`` fits the stack's marker. Without a marker none does."""
    marker = stack.marker()
    return marker is not None and marker.fits(path, reply.status, reply.headers, reply.body)


def find_other_stack(reply: Response, path: str, stack: System) -> str:
    """Why the answer to a request of ``path`` is not this stack's, in a sentence; "" when it may be.

    "" also where the stack has no marker, or one that says nothing on this path.
    """
    marker = stack.marker()
    if marker is None or not marker.knows(path) or is_answer_from(reply, path, stack):
        return ""
    return f"something else answers there: what comes from “{stack.name}” fits {marker.describe()}."


def is_stack_answering(reply: Response, path: str, stack: System) -> bool:
    """Whether the stack itself answers, also with an error; an error page of a load balancer is not its own.

    A marker with headers is judged by these alone, because a failing stack still sends them.
    """
    marker = stack.marker()
    if marker is None:
        return reply.status < 500
    if marker.headers:
        return marker.fits("", reply.status, reply.headers, reply.body)
    return marker.fits(path, reply.status, reply.headers, reply.body)


def marker_path(stack: System) -> str:
    """The path at which the stack is known by its answer; “/” without a marker."""
    marker = stack.marker()
    return marker.path if marker else "/"


def common_path(old: System, new: System) -> str:
    """The path at which an answer of either stack is known. Raises `Problem` when there is none."""
    of_old, of_new = _required_marker(old), _required_marker(new)
    if of_old.knows(of_new.path):
        return of_new.path
    if of_new.knows(of_old.path):
        return of_old.path
    raise Problem(
        f"There is no path at which answers of “{old.name}” and “{new.name}” can both be known.",
        means="It would not be known which of them answers a request.",
        next="Give both markers the same path:, or give one of them headers:, which hold on every path.",
    )


def _required_marker(stack: System) -> Marker:
    marker = stack.marker()
    if marker is None:
        raise Problem(
            f"“{stack.name}” has no marker.",
            means="It would not be known whether it answers.",
            next="Give the system a marker: by which its answers are known.",
        )
    return marker


def refuse_equal_markers(old: System, new: System) -> None:
    """Raises `Problem` when both stacks have the same marker, so that they cannot be told apart."""
    if _required_marker(old) == _required_marker(new):
        raise Problem(
            f"“{old.name}” and “{new.name}” have the same marker.",
            means="It would not be known which of them answers.",
            next="Give each a marker: that only its answers fit.",
        )


def sleep_remaining(seconds: float, began: float) -> None:
    """Sleeps until ``seconds`` have passed since ``began`` (`time.monotonic`)."""
    time.sleep(max(0.0, seconds - (time.monotonic() - began)))
