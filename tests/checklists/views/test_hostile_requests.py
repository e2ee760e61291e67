"""No request makes the panel fail, whatever is in its address, its fields, its files and its headers."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client, RequestFactory

from checklists.stream import Cursor
from tests.checklists.histories import PASSWORD, make_cutover, person
from tests.checklists.views.hostile_requests import (
    HOSTILE,
    PEOPLE,
    HostileRequest,
    field_names,
    known_values,
    make_request,
    routes,
)

READY = "health/ready"  # 503 is an answer of it
STREAM = "cutovers/<slug:slug>/stream/"  # it closes its connection to the database


def browsers() -> dict[str, Client]:
    """A browser of each person; root is an admin."""
    User.objects.create_superuser("root", password=PASSWORD)
    found = {}
    for name in set(PEOPLE):
        found[name] = Client(raise_request_exception=False)
        if name:
            found[name].force_login(person(name), backend="django.contrib.auth.backends.ModelBackend")
    return found


def status_of(browser: Client, request: HostileRequest) -> int:
    """The status of the answer; what the request changed is taken back."""
    with transaction.atomic():
        answer = browser.generic(
            request.method,
            request.path,
            request.body,
            request.content_type,
            headers=request.headers,
            QUERY_STRING=request.query.decode("latin-1"),
        )
        transaction.set_rollback(True)
    return answer.status_code


@pytest.mark.property
@pytest.mark.django_db
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # files of cut-off uploads
def test_no_request_makes_the_panel_fail(request: pytest.FixtureRequest) -> None:
    run = request.config.getoption("--property-round")
    known, names = known_values(make_cutover("looked")), field_names()
    every = sorted(set(routes()) - {STREAM, READY})
    people: dict[str, Any] = browsers()
    assert len(every) > 60
    assert len(names) > 30
    failed = []
    for number in range(4000 if run else 150):
        seed = f"{run or 'suite'} {number}"
        sent = make_request(seed, every, names, known)
        if status_of(people[sent.person], sent) >= 500:
            failed.append(f"{seed}: {sent}")
    assert failed == []


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value[:20]))
def test_no_cursor_makes_a_stream_fail(value: bytes) -> None:
    text = value.decode("latin-1")
    for headers, query in (({"Last-Event-ID": text}, {}), ({}, {"since": text, "after": text, "log": text})):
        cursor = Cursor.parse(RequestFactory().get("/", query, headers=headers))
        assert 0 <= cursor.line < 2**63
        assert str(cursor)
