"""How often somebody may guess: failures are counted by account and client, and right answers are not.

The rules, and what each is for:

* An account at one client (address): stops guessing the password of one account. Somebody else, who guesses
  from another address, cannot lock the account's owner out.
* A browser in which the person has signed in before counts for itself: guesses from the same address (an
  office, a mobile network, a proxy that was not configured) do not lock it out.
* A client over all names: stops trying one password with many names. It refuses only what cannot prove a
  second factor, and no known browser.
* Codes of one account, over all clients: a code has six digits, so many clients together could guess it.
  Only who knows the password comes that far.
* A session: whoever took over a session cannot guess from many addresses.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils import timezone

from checklists.forms.password import ZONE_OF_PAGE
from cutover.accounts.clients import client_address, known_browser
from cutover.accounts.models import FailedAttempt

KEPT_FOR = timedelta(days=1)


@dataclass(frozen=True)
class Limit:
    """``failures`` in ``seconds`` are allowed to whatever ``what`` and ``who`` name together."""

    what: str
    failures: int
    seconds: int

    def bucket(self, *who: str) -> str:
        """The hash under which the failures are stored."""
        return hashlib.sha256("\0".join((self.what, *who)).encode()).hexdigest()


ACCOUNT_AT_CLIENT = Limit("account at client", 5, 300)
KNOWN_BROWSER = Limit("known browser", 10, 300)
CLIENT = Limit("client", 30, 300)
CODES_OF_ACCOUNT = Limit("codes of account", 10, 600)
CODES_IN_BROWSER = Limit("codes in known browser", 10, 600)
REPEATED_AT_CLIENT = Limit("repeated proof at client", 10, 300)
SESSION = Limit("session", 20, 3600)


@dataclass
class Guess:
    """One guess. It is counted before it is checked, so that many at the same time count as many.

    ``exceeded``: the limits that this guess is beyond; ``opens_at``: when the next one is checked again.
    """

    exceeded: list[Limit]
    opens_at: datetime | None = None
    _rows: list[int] = field(default_factory=list)

    def take_back(self) -> None:
        """The answer was right, or was never checked: it does not count."""
        FailedAttempt.objects.filter(pk__in=self._rows).delete()
        self._rows = []


def begin_guess(*counted: tuple[Limit, tuple[str, ...]]) -> Guess:
    """Counts one guess under each limit. One that is beyond a limit is not kept: it was not checked."""
    guess = Guess([])
    for limit, who in counted:
        bucket = limit.bucket(*who)
        own = FailedAttempt.objects.create(bucket=bucket).pk
        guess._rows.append(own)
        window = timedelta(seconds=limit.seconds)
        recent = FailedAttempt.objects.filter(bucket=bucket, at__gt=Now() - window)
        if recent.count() > limit.failures:
            guess.exceeded.append(limit)
            # This guess is not kept, so the next one is checked when all but failures - 1 have grown old.
            kept = recent.exclude(pk=own).order_by("-at")[limit.failures - 1 : limit.failures]
            opens_at = max((one.at for one in kept), default=timezone.now()) + window
            guess.opens_at = max(opens_at, guess.opens_at or opens_at)
    FailedAttempt.objects.filter(at__lt=Now() - KEPT_FOR).delete()
    return guess


def begin_sign_in(request: HttpRequest, person: User | None, name: str) -> Guess:
    """A password for an account; ``person`` is None when there is no account of that name."""
    if browser := known_browser(request, person):
        return begin_guess((KNOWN_BROWSER, (_id_of(person, name), browser)))
    client = client_address(request)
    return begin_guess((ACCOUNT_AT_CLIENT, (_id_of(person, name), client)), (CLIENT, (client,)))


def begin_code(request: HttpRequest, person: User) -> Guess:
    """A code of the second factor, after the right password."""
    if browser := known_browser(request, person):
        return begin_guess((CODES_IN_BROWSER, (str(person.pk), browser)))
    return begin_guess((CODES_OF_ACCOUNT, (str(person.pk),)))


def begin_repeated_proof(request: HttpRequest, person: User) -> Guess:
    """A password or code that a signed-in person gives again."""
    session = request.session.session_key or ""
    return begin_guess((REPEATED_AT_CLIENT, (str(person.pk), client_address(request))), (SESSION, (session,)))


def say_when_open(request: HttpRequest, guess: Guess) -> str:
    """“Try again at 02:14 (UTC), in 4 min”: in the zone of the cutover whose page this is, else UTC."""
    zone = str(request.META.get(ZONE_OF_PAGE, "UTC"))
    now = timezone.now()
    # Up to the next whole minute: who comes at that time is not refused for some seconds more.
    opens_at = ((guess.opens_at or now) + timedelta(seconds=59)).replace(second=0, microsecond=0)
    clock = opens_at.astimezone(ZoneInfo(zone))
    minutes = max(1, round((opens_at - now).total_seconds() / 60))
    return f"Try again at {clock:%H:%M} ({zone}), in {minutes} min"


def _id_of(person: User | None, name: str) -> str:
    return f"account {person.pk}" if person else f"no account {name.strip().casefold()}"
