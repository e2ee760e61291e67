"""What the ordinary path refuses is refused to pages that join together: one table, asked of both."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import override_settings
from django.utils import timezone
from django.utils.module_loading import import_string

from checklists import stream
from checklists.hub import get_hub
from checklists.live import admission
from checklists.models import Attempt, Cutover, Member
from checklists.states import AttemptStatus, MemberPart
from cutover.accounts.idle import ACTIVE, BEGAN
from cutover.data_folder import PROJECT
from cutover.live_joins.middleware_hooks import WITHOUT_PART, MiddlewareHooks, consists_of_hooks
from tests.by_hand import by_hand
from tests.checklists.histories import ended, make_cutover
from tests.checklists.test_stream import run, session_of
from tests.cutover.live_joins.asking import Request, ask, new_joins, ordinary

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class Page:
    """A page of somebody who may watch; a row of the table changes one thing of it."""

    request: Request
    person: User
    cutover: Cutover
    attempt: Attempt
    other: Attempt  # of another cutover

    def change_session(self, **values: Any) -> None:
        session = SessionStore(self.request.session)
        session.update(values)
        session.save()

    def asks(self, **values: Any) -> None:
        self.request = replace(self.request, **values)

    def change_person(self, **values: Any) -> None:
        User.objects.filter(pk=self.person.pk).update(**values)

    def change_part(self, part: MemberPart | None) -> None:
        with by_hand():
            found = Member.objects.filter(person=self.person, cutover=self.cutover)
            found.update(part=part) if part else found.delete()


@dataclass(frozen=True)
class Row:
    """``by``: the middleware or the `Refusal` that says no; empty where the page may watch."""

    name: str
    by: str
    change: Callable[[Page], Any]
    during: Callable[[], AbstractContextManager[Any]] = nullcontext

    def __str__(self) -> str:
        return self.name


def expire(page: Page) -> None:
    Session.objects.filter(pk=page.request.session).update(expire_date=timezone.now() - timedelta(seconds=5))


def forge(page: Page) -> None:
    row = Session.objects.get(pk=page.request.session)
    Session.objects.filter(pk=row.pk).update(session_data=row.session_data[:-3] + "abc")


def change_password(page: Page) -> None:
    page.person.set_password("another long passphrase")
    page.person.save()


def ago(hours: float) -> float:
    return time.time() - 3600 * hours


BACKENDS = "django.contrib.auth.backends"
ACCOUNTS = "cutover.accounts."
DJANGO = "django.middleware."
NOT_SIGNED_IN, NO_CUTOVER, NO_ATTEMPT = "NOT_SIGNED_IN", "NO_CUTOVER", "NO_ATTEMPT"
IDLE, FACTOR = f"{ACCOUNTS}idle.IdleSessionMiddleware", f"{ACCOUNTS}second_factor.SecondFactorMiddleware"
COMMON, SECURITY = f"{DJANGO}common.CommonMiddleware", f"{DJANGO}security.SecurityMiddleware"
SAVE_ALWAYS = "SESSION_SAVE_EVERY_REQUEST"
REQUEST = "checklists.views.failures.RequestMiddleware"
TABLE = [
    Row("may watch", "", lambda page: None),
    Row("may read the log", "", lambda page: page.asks(query=f"since=1-a-1&log={page.attempt.pk}&after=3")),
    Row("stakeholder without a log", "", lambda page: page.change_part(MemberPart.STAKEHOLDER)),
    Row("admin without a part", "",
        lambda page: (page.change_part(None), page.change_person(is_superuser=True))),
    Row("no session", NOT_SIGNED_IN, lambda page: page.asks(session="")),
    Row("session of nobody", NOT_SIGNED_IN, lambda page: page.asks(session="x" * 32)),
    Row("what is no key", NOT_SIGNED_IN, lambda page: page.asks(session="\xfc" * 32)),
    Row("expired session", NOT_SIGNED_IN, expire),
    Row("session with a broken signature", NOT_SIGNED_IN, forge),
    Row("session of a sign-in that is gone", NOT_SIGNED_IN,
        lambda page: page.change_session(**{BACKEND_SESSION_KEY: f"{BACKENDS}.RemoteUserBackend"})),
    Row("deactivated", NOT_SIGNED_IN, lambda page: page.change_person(is_active=False)),
    Row("other password", NOT_SIGNED_IN, change_password),
    Row("idle", IDLE, lambda page: page.change_session(**{ACTIVE: ago(4.1), BEGAN: ago(5)})),
    Row("signed in for too long", IDLE, lambda page: page.change_session(**{BEGAN: ago(12.1)})),
    Row("no part", NO_CUTOVER, lambda page: page.change_part(None)),
    Row("no such cutover", NO_CUTOVER, lambda page: page.asks(path="/cutovers/none/stream/")),
    Row("log of another cutover", NO_ATTEMPT, lambda page: page.asks(query=f"log={page.other.pk}")),
    Row("log of nothing", NO_ATTEMPT, lambda page: page.asks(query=f"log={uuid.uuid4()}")),
    Row("nonsense for a log", NO_ATTEMPT, lambda page: page.asks(query="log=nonsense")),
    Row("log for a stakeholder", NO_ATTEMPT,
        lambda page: (page.change_part(MemberPart.STAKEHOLDER), page.asks(query=f"log={page.attempt.pk}"))),
    Row("second factor is missing", FACTOR, lambda page: None,
        lambda: override_settings(CUTOVER_REQUIRE_SECOND_FACTOR=True)),
    Row("other host", COMMON, lambda page: page.asks(host="elsewhere.example")),
    Row("forbidden browser", COMMON, lambda page: page.asks(headers=((b"user-agent", b"Bad/1"),)),
        lambda: override_settings(DISALLOWED_USER_AGENTS=[re.compile("^Bad")])),
    Row("http where https is asked for", SECURITY, lambda page: None,
        lambda: override_settings(SECURE_SSL_REDIRECT=True)),
    Row("NUL in the address", REQUEST, lambda page: page.asks(query="since=%00")),
    Row("many pages of one person", "TOO_MANY", lambda page: None,
        lambda: patch.object(stream, "VIEWERS_OF_PERSON_MAX", 0)),
    Row("many pages", "FULL", lambda page: None, lambda: patch.object(stream, "VIEWERS_MAX", 0)),
]  # fmt: skip
#: Hooks of these let every GET pass.
NEVER_REFUSES = {
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",  # only what changes something
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
}
REFUSALS = {
    name: value
    for module in (admission, stream)
    for name, value in vars(module).items()
    if isinstance(value, admission.Refusal)
}


@pytest.fixture
def new_page() -> Callable[[str], Page]:
    cutover, other = make_cutover("announced"), make_cutover("looked")
    attempt = ended(cutover, "look", AttemptStatus.RUNNING)

    def make(name: str) -> Page:
        person = User.objects.create_user(name, first_name=name)
        with by_hand():
            Member.objects.create(cutover=cutover, person=person, part=MemberPart.APPROVER)
        request = Request(f"/cutovers/{cutover.slug}/stream/", session_of(name))
        return Page(request, person, cutover, attempt, other.attempts.get())

    return make


def test_what_the_ordinary_path_refuses_is_refused_with_the_same_words(new_page: Any) -> None:
    wrong: dict[str, Any] = {}
    for number, row in enumerate(TABLE):
        page = new_page(f"viewer{number}")
        row.change(page)
        connection.close()
        with row.during():
            if row.by == SECURITY:
                ordinary.cache_clear()  # its settings are read once
            joins, passed_on = new_joins()
            together, alone = run(ask(joins, page.request)), run(ask(ordinary(), page.request))
        if row.by == SECURITY:
            ordinary.cache_clear()
        same = (together.status, together.headers) == (alone.status, alone.headers)
        if row.by in REFUSALS:
            expected = REFUSALS[row.by]
            same &= (alone.status, alone.body.decode()) == (expected.status, expected.text)
        same &= together.body == alone.body if row.by else together.status == 200
        if not same or passed_on.requests != bool(row.by):
            wrong[row.name] = (passed_on.requests, together, alone)
    assert wrong == {}


def test_every_middleware_and_every_refusal_is_in_the_table() -> None:
    asked = {
        name
        for name in settings.MIDDLEWARE
        if name not in WITHOUT_PART and {"process_request", "process_view"} & set(dir(import_string(name)))
    }
    assert {row.by for row in TABLE if row.by} == (asked - NEVER_REFUSES) | set(REFUSALS)
    assert set(settings.MIDDLEWARE) >= NEVER_REFUSES | set(WITHOUT_PART)


@pytest.mark.parametrize("row", [row for row in TABLE if row.by in (IDLE, FACTOR, REQUEST)], ids=str)
def test_it_is_the_middleware_of_the_table_that_refuses(new_page: Any, row: Row) -> None:
    """Without its hooks the page would be let in: the row asks what it says, and the check is no other's."""
    page = new_page("viewer")
    row.change(page)
    connection.close()
    having = MiddlewareHooks._having
    left_out = import_string(row.by)

    def others(self: MiddlewareHooks, hook: str) -> list[Any]:
        return [each for each in having(self, hook) if not isinstance(each, left_out)]

    with row.during(), patch.object(MiddlewareHooks, "_having", others):
        joins, passed_on = new_joins()
        assert run(ask(joins, page.request)).status == 200
    assert passed_on.requests == 0


def test_middleware_of_which_nothing_is_known_sends_everything_the_ordinary_path(new_page: Any) -> None:
    page = new_page("viewer")
    connection.close()
    unknown = f"{__name__}.unknown_middleware"
    with override_settings(MIDDLEWARE=[*settings.MIDDLEWARE, unknown]):
        joins, passed_on = new_joins()
        assert unknown in joins.hindrance
        assert run(ask(joins, page.request)).status == 200
    assert passed_on.requests == 1
    for name, value in (("SESSION_ENGINE", "django.contrib.sessions.backends.cache"), (SAVE_ALWAYS, True)):
        with override_settings(**{name: value}):
            assert new_joins()[0].hindrance


def unknown_middleware(get_response: Any) -> Any:
    return get_response


def test_middleware_that_does_more_than_its_hooks_is_not_known() -> None:
    idle = import_string(IDLE)
    assert consists_of_hooks(idle)

    class More(idle):
        def __call__(self, request: Any) -> Any:
            return super().__call__(request)

    class MoreAsync(idle):
        async def __acall__(self, request: Any) -> Any:
            return await super().__acall__(request)

    assert not any(consists_of_hooks(each) for each in (More, MoreAsync, unknown_middleware, object))


def test_the_view_has_no_check_of_its_own() -> None:
    """Pages that come together never reach it: what it refuses beside `find_viewers` would be let in."""
    (view,) = ast.parse(inspect.getsource(stream.stream)).body
    assert isinstance(view, ast.AsyncFunctionDef)
    assert [ast.unparse(each) for each in view.decorator_list] == ["require_GET"]
    answers = {
        ast.unparse(each.value) for each in ast.walk(view) if isinstance(each, ast.Return) and each.value
    }
    assert answers == {
        "found.as_response()",  # of `find_viewers`
        "refusal.as_response()",  # of `refuse_too_many`
        "answer_with(events(hub, found, Cursor.parse(request)))",
    }
    assert not [each for each in ast.walk(view) if isinstance(each, ast.Raise)]
    served = (PROJECT / "cutover" / "asgi.py").read_text()
    assert "application = LiveJoins(StreamQueue(_handler))" in served


def test_other_methods_and_requests_with_a_body_go_the_ordinary_path(new_page: Any) -> None:
    page = new_page("viewer")
    connection.close()
    joins, passed_on = new_joins()
    for method, status in (("POST", 403), ("HEAD", 405), ("OPTIONS", 405)):
        assert run(ask(joins, replace(page.request, method=method))).status == status
    assert run(ask(joins, replace(page.request, headers=((b"content-length", b"0"),)))).status == 200
    assert passed_on.requests == 4


def test_a_page_whose_turn_fails_goes_the_ordinary_path(new_page: Any) -> None:
    page = new_page("viewer")
    connection.close()
    joins, passed_on = new_joins()

    async def play() -> int:
        answer = await ask(joins, page.request)
        async with asyncio.timeout(30):  # the turn ends a moment after its answers
            while get_hub()._reader is not None:
                await asyncio.sleep(0.01)
        return answer.status

    with patch("cutover.live_joins.admission.find_viewers", side_effect=ZeroDivisionError):
        assert run(play()) == 200
    assert passed_on.requests == 1


def test_a_page_for_which_nothing_can_be_read_goes_the_ordinary_path(new_page: Any) -> None:
    page = new_page("viewer")
    connection.close()
    joins, passed_on = new_joins()

    async def play() -> int:
        async with asyncio.timeout(30):
            return (await ask(joins, page.request)).status

    with patch("checklists.hub.Hub.reading", side_effect=RuntimeError("can't start new thread")):
        assert run(play()) == 200
    assert passed_on.requests == 1
