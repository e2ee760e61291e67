"""An error after a commit never hides that the command was carried out: tried with every form of the pages.

Each form is sent as the page has it. When its command was committed, everything after it fails, and the
answer has to say all the same that it was carried out. A new command is covered once a page has its form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase
from django.test import Client
from django.urls import URLPattern, resolve

from checklists import announcements, executor, tasks
from checklists import urls as pages
from checklists.models import AuditEntry, Cutover
from tests.checklists.histories import item_of, make_cutover
from tests.checklists.views.page_forms import FormReader, PageForm
from tests.checklists.views.prepared_commands import COMMANDS, NO_ENTRY
from tests.checklists.views.test_masked_values import KEYS, addresses

#: Not the addresses of commands below those of items and gates, nor streams and files.
PAGES = re.compile(
    r"/cutovers/[^/]+/(|(items|gates)/[^/]+/|hosts/dead/|window/|rollback/|close/|amend/|people/|problems/)$"
)

pytestmark = pytest.mark.django_db
#: At which point of a cutover, as whom. Together they reach nearly every command.
VISITS = (("announced", "ama"), ("looked", "efua"), ("changed", "ama"))


def fail_after_commit(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Any:
    """A middleware: what comes after the command fails once the record has a new entry."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        before = AuditEntry.objects.count()
        response = get_response(request)
        if AuditEntry.objects.count() > before:
            raise RuntimeError("the page failed")
        return response

    return answer


@pytest.fixture
def failing(settings: Any) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.fail_after_commit"]


def forms_of(cutover: Cutover, browser: Client) -> Iterator[PageForm]:
    """The forms of all pages of this cutover, each address once."""
    seen = set[str]()
    announce = item_of(cutover, "announce").get_absolute_url()
    for address in [*addresses(cutover, *KEYS), announce]:
        if not PAGES.match(address):
            continue
        answer = browser.get(address)
        if answer.status_code != 200 or answer.streaming:
            continue
        for form in FormReader(answer.content.decode()).forms:
            form.action = form.action or address
            if form.action not in seen:
                seen.add(form.action)
                yield form


def send(browser: Client, form: PageForm) -> tuple[int, str, bool]:
    """The status, what the next page says, and whether a command was committed; it is taken back."""
    with transaction.atomic():
        before = AuditEntry.objects.count()
        answer = browser.post(form.action, form.fields)
        committed = AuditEntry.objects.count() > before
        said = browser.get(answer["Location"]).content.decode() if answer.status_code == 302 else ""
        transaction.set_rollback(True)
    return answer.status_code, said, committed


def test_every_command_says_that_it_was_carried_out(browser_of: Any, failing: None) -> None:
    done, hidden = set[str](), list[str]()
    for at, name in VISITS:
        browser = browser_of(name)
        browser.raise_request_exception = False
        for form in forms_of(make_cutover(at), browser):
            view = str(resolve(form.action).view_name)
            status, said, committed = (0, "", False) if view in done else send(browser, form)
            if committed:
                done.add(view)
            if committed and "carried out" not in said:
                hidden.append(f"{view}: {status}")
    assert hidden == []
    assert done >= {"cutover-rollback", "gate-sign", "item-claim", "item-note", "item-skip", "item-start"}


def views_that_take_forms(browser: Client) -> set[str]:
    """The names of the panel's own views that do not refuse the method POST; nothing has these addresses."""
    given = {"slug": "no-such", "uuid": str(UUID(int=0)), "int": "1", "path": "x", "str": "x"}
    found = set[str]()
    for prefix, patterns in (("/", pages.urlpatterns), ("/cutovers/no-such/", pages.of_one_cutover)):
        for pattern in patterns:
            if isinstance(pattern, URLPattern):
                rest = re.sub(r"<(\w+):\w+>", lambda part: given[part[1]], str(pattern.pattern))
                if browser.post(prefix + rest).status_code != 405:
                    found.add(str(pattern.name))
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_says_that_it_was_carried_out(name: str, browser_of: Any, failing: None) -> None:
    by, address, fields = COMMANDS[name]()
    assert resolve(address).view_name == name
    browser = browser_of(by)
    browser.raise_request_exception = False
    status, said, committed = send(browser, PageForm(address, dict(fields)))
    assert committed, (status, said[:300])
    assert "carried out" in said


def test_no_command_of_the_urlconf_is_left_out(browser_of: Any) -> None:
    assert views_that_take_forms(browser_of("stranger")) == COMMANDS.keys() | NO_ENTRY.keys()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("broken", [(announcements, "_redis"), (tasks, "_publish")], ids=["redis", "broker"])
def test_a_message_that_fails_after_the_commit_changes_no_answer(
    browser_of: Any, monkeypatch: pytest.MonkeyPatch, broken: tuple[Any, str]
) -> None:
    def fail(*given: Any) -> None:
        raise RuntimeError("nobody expected this")

    cutover = make_cutover("announced")
    browser = browser_of("ama")
    monkeypatch.setattr(*broken, fail)
    there = item_of(cutover, "look").get_absolute_url()
    executor.record_heartbeat("reaper")
    answer = browser.post(f"{there}start/", {"next": there})
    assert (answer.status_code, answer["Location"]) == (302, there)
    assert cutover.attempts.get().status == "QUEUED"
