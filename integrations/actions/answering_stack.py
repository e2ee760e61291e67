"""What lb.shift and ingress.switch share: their parameters, and the check of which stack answers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TypedDict

from integrations import actions
from integrations.clients.http import HttpClient
from integrations.clients.proxies import Weights
from integrations.systems import System
from integrations.traffic import share_test, traffic_probe
from integrations.traffic.request_counter import Requests, StackCounters, TrafficCounter
from integrations.traffic.traffic_probe import AnswerCounts, TrafficProbe

REQUESTS = 40  # that one check sends itself
PILOT_REQUESTS = 200  # of a pilot: fewer say little about a share
CHECKS = 12  # before the shift counts as failed
PILOT_CHECKS = 3  # of a pilot whose share is only a little off
MOST_OFF = 15.0  # percentage points that a measured share may be off the weight of a pilot
NOTICED_OFF = 5.0  # from here on it is a warning, when it is not by chance:
RARE = 0.01  # a share that is right differs as much in fewer than this part of all measurements
MOST_ERRORS = 5.0  # percent of failed requests: above that, waiting longer is of no use


@dataclass(frozen=True)
class ShiftParams(actions.ActionParams):
    """A load balancer or ingress, the public address, both stacks behind it, and where requests count."""

    proxy: System
    public: System
    old: System
    new: System
    path: str
    seconds: float | None
    share: float | None
    counted_at: list[System]

    @property
    def decides(self) -> bool:
        """Whether the users' requests decide about the result: not when any share of them may stay."""
        return (self.share or 0) < 100


class ShiftCheck(TypedDict):
    """The last check. ``old``, ``new``, ``unknown`` count the answers to our own requests, ``silent`` are
    the reasons of those without an answer; ``requests`` were made by users meanwhile (None: not known, and
    ``not_known`` says why), counted at ``counted_at``. ``warning``: what is not as wanted, but bearable."""

    old: int
    new: int
    unknown: int
    errors: int
    silent: list[str]
    old_percent_of_people: float | None
    requests: int | None
    counted_at: str
    not_known: str
    warning: str
    seconds: float
    said: str


@dataclass(frozen=True)
class _Measurement:
    """One check: the answers to our own requests, and the users' requests meanwhile."""

    answers: AnswerCounts
    users: Requests | None
    counted: StackCounters

    def samples(self, expected: Expected) -> list[Requests]:
        """Requests that show the share: ours and the users' together.

        Where named people are among the users, they raise it. Ours alone show it then, but not always: a
        load balancer that goes round deals them out unevenly between others' requests. So both are samples.
        """
        own = Requests(self.answers.old, self.answers.new)
        together = own + (self.users or Requests(0, 0))
        return [own, together] if expected.named else [together]


@dataclass(frozen=True)
class Expected:
    """``weights`` share the requests of everybody but the named people; ``own`` those of the panel, which may
    be one of them. ``named``: named people are among those counted, so that these do not show the share."""

    weights: Weights
    own: Weights
    named: bool = False

    @classmethod
    def of(cls, weights: Weights) -> Expected:
        """Nobody is named."""
        return cls(weights, weights)


def wait_until_shifted(
    params: ShiftParams, expected: Expected, report: actions.Report
) -> tuple[ShiftCheck, str]:
    """Requests the public address until the answers show these weights.

    Returns the last check, and what is wrong with it in a sentence (empty: nothing).
    """
    context = params.context
    counter = TrafficCounter(context.systems, params.counted_at, params.old, params.new, default=params.proxy)
    traffic = TrafficProbe(HttpClient.of(context.systems), params.public, params.old, params.new, params.path)
    began, samples = time.monotonic(), list[Requests]()
    for number in range(CHECKS):
        found = _measure(traffic, counter, expected.own, params, report)
        # Load balancers apply a change within seconds, and keep-alive connections outlive it: so several
        # checks. Failing requests end it at once, because users see these errors now.
        wrong = _check_answers(expected.own, found) or _check_users(expected.weights, found, params)
        # The requests of several checks count together: few of them differ from the share by chance.
        samples = [] if wrong else _add_samples(samples, found.samples(expected))
        off = "" if wrong else _describe_difference(expected, samples)
        if _is_last(number, wrong, off, found):
            break
        report.log(f"Not yet: {wrong or off}")
    warning = off if all(_is_no_chance(expected, sample) for sample in samples) else ""
    if warning:
        report.log(f"Warning: {warning}")
    return _describe_check(found, counter.where, warning, time.monotonic() - began), wrong


def _is_last(number: int, wrong: str, off: str, found: _Measurement) -> bool:
    if wrong:
        return found.answers.errors_percent > MOST_ERRORS or number == CHECKS - 1
    return not off or number >= PILOT_CHECKS - 1


def _measure(
    traffic: TrafficProbe,
    counter: TrafficCounter,
    weights: Weights,
    params: ShiftParams,
    report: actions.Report,
) -> _Measurement:
    since, answers = counter.read(), AnswerCounts()
    _send_requests(traffic, answers, PILOT_REQUESTS if _is_pilot(weights) else REQUESTS, params, report)
    counted = counter.read()
    own = (answers.old, answers.new) if counter.counts_own_requests else (0, 0)
    users = counted.requests_since(since, own)
    share = users.old_percent if users else None
    report.measure(
        new_share_percent=100 - answers.old_percent,
        errors_percent=answers.errors_percent,
        **({} if share is None else {"people_at_new_percent": 100 - share}),
    )
    return _Measurement(answers, users, counted)


def _is_pilot(weights: Weights) -> bool:
    return weights.old not in (0, 100)


def _send_requests(
    traffic: TrafficProbe, answers: AnswerCounts, count: int, params: ShiftParams, report: actions.Report
) -> None:
    each = (20.0 if params.seconds is None else params.seconds) / count
    for number in range(count):
        report.raise_if_cancelled()
        began = time.monotonic()
        traffic.send_request(answers)
        report.progress(number, count, f"{answers.old} answers of the old stack, {answers.new} of the new")
        traffic_probe.sleep_remaining(each, began)


def _check_answers(weights: Weights, found: _Measurement) -> str:
    """What is wrong with the answers to our own requests; "" when they show the weights."""
    answers = found.answers
    if answers.errors_percent > MOST_ERRORS:
        reason = answers.unanswered[-1] if answers.unanswered else "answers with 5xx"
        return (
            f"{answers.errors_percent} % of the requests fail ({reason}). Take the shift back with its undo."
        )
    if answers.unknown:
        return (
            f"{answers.unknown} answers fit the markers of neither stack, or of both: which stack gave them "
            "is not known. Something else may answer there, or a load balancer changes the headers."
        )
    allowed = MOST_OFF if _is_pilot(weights) else 0.0
    if abs(answers.old_percent - weights.old) > allowed:
        return (
            f"{answers.old_percent} % of the answers come from the old stack instead of {weights.old} %: "
            "another load balancer, a cache or a sticky session is in front of this one."
        )
    return ""


def _check_users(weights: Weights, found: _Measurement, params: ShiftParams) -> str:
    """What is wrong with the users' requests when none should reach the old stack; "" when nothing is.

    Our own requests take one route, and users may take others.
    """
    if weights.old or not params.decides:
        return ""
    if found.users is None:
        why = found.counted.reason or "A counter was set back meanwhile."
        return (
            f"Whether users still reach {params.old.name} is not known. {why} Name the load balancers that "
            "count in counted_at:, or accept that with share: 100."
        )
    share = found.users.old_percent
    if share is None or share <= (params.share or 0):
        return ""
    return (
        f"{share:g} % of the users' requests still reach {params.old.name}, although it gets none from here: "
        "an older address, a second load balancer or a health check leads there. Its log shows which."
    )


def _add_samples(samples: list[Requests], more: list[Requests]) -> list[Requests]:
    return [one + other for one, other in zip(samples, more, strict=True)] if samples else more


def _describe_difference(expected: Expected, samples: list[Requests]) -> str:
    """Says when no sample shows the share of a pilot that was set; "" when one does."""
    shares, wanted = [sample.old_percent for sample in samples], expected.weights.new
    off = [share for share in shares if share is None or abs(100 - share - wanted) > NOTICED_OFF]
    if not _is_pilot(expected.own) or len(off) < len(shares) or shares[0] is None:
        return ""
    return (
        f"{100 - shares[0]:.3g} % of {samples[0].total} requests reach the new stack, and {wanted} % were "
        "set: more people or fewer than agreed are in the pilot. Look for sticky sessions and other load "
        "balancers."
    )


def _is_no_chance(expected: Expected, requests: Requests) -> bool:
    return share_test.chance(requests.new, requests.total, expected.weights.new) < RARE


def _describe_check(found: _Measurement, where: str, warning: str, seconds: float) -> ShiftCheck:
    answers, users = found.answers, found.users
    said = f"the new stack answered {answers.new} of our last {answers.total} requests"
    if users is None:
        said += "; the requests of users were not counted"
    elif not users.total:
        said += f"; no requests of users passed {where} meanwhile"
    else:
        said += (
            f"; of {users.total} requests of users meanwhile {users.old_percent:g} % still reached the old"
        )
        said += " one"
    return {
        "old": answers.old,
        "new": answers.new,
        "unknown": answers.unknown,
        "errors": answers.errors,
        "silent": answers.unanswered,
        "old_percent_of_people": users.old_percent if users else None,
        "requests": users.total if users else None,
        "counted_at": where,
        "not_known": found.counted.reason if users is None else "",
        "warning": warning,
        "seconds": seconds,
        "said": said,
    }
