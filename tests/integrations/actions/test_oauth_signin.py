"""A sign-in counts only when the new stack writes a new row for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from integrations.actions import Context, ProbeStatus, registry
from integrations.errors import Cancelled, Problem
from integrations.sandbox.people import People
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.signins import (
    ACCOUNTS,
    AUTHORIZE,
    SESSIONS,
    SIGNINS,
    Signins,
    signins,
    without,
)

ACTION = registry()["oauth.signin"]
QUERIES = {"authorize": AUTHORIZE, "accounts": ACCOUNTS, "sessions": SESSIONS}


@pytest.fixture(scope="module")
def backend(module_database: str) -> Iterator[Signins]:
    with signins(module_database) as running:
        yield running


@pytest.fixture
def bind(backend: Signins, new_context: Callable[..., Context]) -> Callable[..., Any]:
    def bound(
        provider: str,
        minutes: float = 0.5,
        database: str = "",
        queries: dict[str, str] | None = None,
        **changed: str,
    ) -> Any:
        systems = {
            "api": {"kind": "http", "url": backend.api},
            "live": {"kind": "postgres", "url": database or backend.database},
            provider: backend.system(provider, **changed),
        }
        raw = {"api": "api", "database": "live", "provider": provider, "minutes": minutes}
        return ACTION.bind({**raw, **QUERIES, **(queries or {})}, new_context(systems))

    return bound


class Watched(Recorder):
    """A report whose reader opens the address in the log and signs in."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.people = People(folder)

    def log(self, line: str, **of: Any) -> None:
        super().log(line, **of)
        threading.Thread(target=self.people.handle_log_line, args=(line,)).start()


@pytest.mark.parametrize("provider", SIGNINS)
def test_a_sign_in_is_detected_by_its_new_row(
    bind: Any, backend: Signins, tmp_path: Path, provider: str
) -> None:
    values, report = bind(provider), Watched(tmp_path)
    before = ACTION.before(values)
    assert ACTION.probe(values, before).status == ProbeStatus.NOT_DONE
    outcome = ACTION.run(values, report)
    assert outcome.ok, outcome.summary
    with psycopg.connect(backend.database) as connection:
        (subject, email), *_ = connection.execute(
            "select provider_id, email from account_providers a join users u on u.id = a.user_id"
            " where a.id = %s",
            [report.facts["signin"]["row"]],
        ).fetchall()
    assert subject.startswith(provider)
    assert report.facts["signin"]["sessions"] == 1
    assert email not in json.dumps(report.facts), "who it was is nobody's business"
    assert subject not in json.dumps(report.facts)
    assert ACTION.probe(values, before).status == ProbeStatus.DONE


def test_a_row_without_a_session_is_red(bind: Any, tmp_path: Path) -> None:
    report = Watched(tmp_path)
    outcome = ACTION.run(bind("google", queries={"sessions": "select 0 where %(user)s > 0"}), report)
    assert not outcome.ok
    assert "its user has no session" in outcome.summary


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (
            "select id, subject, user_id, created_at from account_providers where provider = %(provider)s",
            "accounts: does not fit this database: column .subject. does not exist",
        ),
        ("select id from account_providers where %(provider)s <> ''", "instead of four"),
    ],
)
def test_a_query_that_does_not_fit_is_an_error(bind: Any, backend: Signins, query: str, said: str) -> None:
    with psycopg.connect(backend.database, autocommit=True) as connection:
        connection.execute("insert into users (email, username) values ('q@x', 'q') on conflict do nothing")
        connection.execute(
            "insert into account_providers (user_id, provider, provider_id)"
            " select id, 'google', 'q' from users where username = 'q' on conflict do nothing"
        )
    with pytest.raises(Problem, match=said):
        ACTION.before(bind("google", queries={"accounts": query}))


@pytest.mark.parametrize("repair", ["provider-addresses", "oauth-state", "oauth-callback"])
def test_a_defect_stops_the_sign_in_before_a_person_is_asked(
    bind: Any, backend: Signins, repair: str
) -> None:
    with without(backend, repair):
        report = Recorder()
        outcome = ACTION.run(bind("google"), report)
    assert not outcome.ok
    assert outcome.summary.startswith("Nobody can sign in: ")
    assert not any("Open in your browser" in line for line in report.lines)


def test_nobody_signing_in_is_a_verdict(bind: Any) -> None:
    outcome = ACTION.run(bind("google", minutes=0.01), Recorder())
    assert not outcome.ok
    assert "Nobody signed in with a new account" in outcome.summary


def test_a_wrong_authorize_url_is_reported_before_a_person_opens_it(bind: Any) -> None:
    report = Recorder()
    outcome = ACTION.run(bind("google", client_id="another"), report)
    assert not outcome.ok
    assert "client_id is “" in outcome.summary
    assert not any("Open in your browser" in line for line in report.lines)


def test_waiting_can_be_cancelled(bind: Any) -> None:
    with pytest.raises(Cancelled):
        ACTION.run(bind("google"), Recorder(cancel_when=lambda report: bool(report.lines)))


def test_a_database_without_the_table_is_an_error(bind: Any, new_database: Any) -> None:
    with pytest.raises(
        Problem, match=r"accounts: does not fit this database: relation .account_providers. does not exist"
    ):
        ACTION.run(bind("google", database=new_database()), Recorder())


def test_the_preview_says_what_a_person_has_to_do(bind: Any) -> None:
    assert "has never done so" in ACTION.preview(bind("apple")).lines[1]
