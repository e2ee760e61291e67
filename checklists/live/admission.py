"""Who may watch what: asked for one page that opens, and for hundreds that come back at the same moment."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse

from checklists.live.viewer import Viewer
from checklists.live.viewer_access import ViewerAccess
from checklists.models import Attempt, Cutover


@dataclass(frozen=True)
class Refusal:
    """The answer to a person who may not watch; ``retry_after`` seconds they may ask again."""

    status: int
    text: str
    retry_after: int | None = None

    def as_response(self) -> HttpResponse:
        """The answer for a browser."""
        later = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return HttpResponse(self.text, status=self.status, headers=later)


NOT_SIGNED_IN = Refusal(401, "Sign in again.")
NO_CUTOVER = Refusal(404, "There is no such cutover, or you have no part in it.")
NO_ATTEMPT = Refusal(404, "This cutover has no such attempt.")


@dataclass(frozen=True)
class StreamRequest:
    """A request for the stream of a cutover; with ``?log=`` also for the log of an attempt."""

    request: HttpRequest
    slug: str

    @property
    def log(self) -> str:
        """What was asked for; empty without a log."""
        return self.request.GET.get("log", "")

    @property
    def attempt(self) -> uuid.UUID | None:
        """The attempt; None when no text that can be an id was asked for."""
        try:
            return uuid.UUID(self.log)
        except ValueError:
            return None


def find_viewers(asked: Sequence[StreamRequest]) -> list[Viewer | Refusal]:
    """For each the viewer, or why there is none. At most seven queries for all, however many ask."""
    people = [each.request.user for each in asked if isinstance(each.request.user, User)]
    attempts = {attempt for each in asked if (attempt := each.attempt) is not None}
    rights = _Rights.read(people, {each.slug for each in asked}, attempts)
    return [rights.decide(each) for each in asked]


@dataclass(frozen=True)
class _Rights:
    """What these people may watch at this moment."""

    cutovers: dict[str, tuple[int, str]]  # slug → id and time zone
    visible: set[tuple[int, int]]  # (cutover, person)
    logs: set[tuple[int, int]]  # … who may read its logs
    attempts: dict[uuid.UUID, int]  # → cutover

    @classmethod
    def read(cls, people: Sequence[User], slugs: set[str], attempts: set[uuid.UUID]) -> _Rights:
        """``attempts``: those whose logs are asked for."""
        if not people:
            return cls({}, set(), set(), {})
        cutovers = Cutover.objects.filter(slug__in=slugs)
        found = cutovers.values_list("slug", "pk", "timezone")
        named = {slug: (pk, timezone) for slug, pk, timezone in found}
        visible = cutovers.seen_by(people)
        if not attempts:
            return cls(named, visible, set(), {})
        wanted = Attempt.objects.filter(pk__in=attempts).values_list("pk", "cutover_id")
        return cls(named, visible, cutovers.logs_seen_by(people), dict(wanted))

    def decide(self, asked: StreamRequest) -> Viewer | Refusal:
        person = asked.request.user
        if not isinstance(person, User):
            return NOT_SIGNED_IN
        cutover, timezone = self.cutovers.get(asked.slug, (0, ""))
        if (cutover, person.pk) not in self.visible:
            return NO_CUTOVER
        attempt = asked.attempt
        if asked.log:
            has_attempt = attempt is not None and self.attempts.get(attempt) == cutover
            if not has_attempt or (cutover, person.pk) not in self.logs:
                return NO_ATTEMPT
        access = ViewerAccess.of(asked.request, cutover, reads_log=attempt is not None)
        return Viewer(cutover, timezone, attempt, access)
