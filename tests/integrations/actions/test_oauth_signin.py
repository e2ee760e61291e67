"""A person signs in, and the row that the new stack makes of it is seen; nothing else counts."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from integrations.actions import registry
from integrations.actions.base import Context, Seen
from integrations.errors import Cancelled, Problem
from integrations.sandbox.people import People
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.signins import SIGNINS, Signins, signins

ACTION = registry()["oauth.signin"]


@pytest.fixture(scope="module")
def estate(module_database: str) -> Iterator[Signins]:
    with signins(module_database) as running:
        yield running


@pytest.fixture
def bind(estate: Signins, new_context: Callable[..., Context]) -> Callable[..., Any]:
    def bound(provider: str, minutes: float = 0.5, database: str = "", **changed: str) -> Any:
        systems = {
            "api": {"kind": "http", "url": estate.api},
            "live": {"kind": "postgres", "url": database or estate.database},
            provider: estate.system(provider, **changed),
        }
        raw = {"api": "api", "database": "live", "provider": provider, "minutes": minutes}
        return ACTION.bind(raw, new_context(systems))

    return bound


class Watched(Recorder):
    """Somebody reads the log and does what it asks for."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.people = People(folder)

    def log(self, line: str) -> None:
        super().log(line)
        threading.Thread(target=self.people.saw, args=(line,)).start()


@pytest.mark.parametrize("provider", SIGNINS)
def test_a_sign_in_is_seen_by_its_new_row(bind: Any, estate: Signins, tmp_path: Path, provider: str) -> None:
    values, report = bind(provider), Watched(tmp_path)
    before = ACTION.before(values)
    assert ACTION.probe(values, before).seen == Seen.NOT_DONE
    outcome = ACTION.run(values, report)
    assert outcome.ok, outcome.summary
    with psycopg.connect(estate.database) as connection:
        (subject, email), *_ = connection.execute(
            "select subject, email from account_providers a join users u on u.id = a.user_id where a.id = %s",
            [report.facts["signin"]["row"]],
        ).fetchall()
    assert subject.startswith(provider)
    assert email not in json.dumps(report.facts), "who it was is nobody's business"
    assert subject not in json.dumps(report.facts)
    assert ACTION.probe(values, before).seen == Seen.DONE


def test_nobody_signing_in_is_a_verdict(bind: Any) -> None:
    outcome = ACTION.run(bind("google", minutes=0.01), Recorder())
    assert not outcome.ok
    assert "Nobody signed in with a new account" in outcome.summary


def test_a_wrong_url_is_told_before_anybody_is_sent_there(bind: Any) -> None:
    report = Recorder()
    outcome = ACTION.run(bind("google", redirect="https://elsewhere.invalid/cb"), report)
    assert not outcome.ok
    assert "redirect_uri is “" in outcome.summary
    assert not any("Open in your browser" in line for line in report.lines)


def test_waiting_can_be_cancelled(bind: Any) -> None:
    with pytest.raises(Cancelled):
        ACTION.run(bind("google"), Recorder(cancel_when=lambda report: bool(report.lines)))


def test_a_database_without_the_table_is_said_to_be_another(bind: Any, new_database: Any) -> None:
    with pytest.raises(Problem, match="There is no table account_providers"):
        ACTION.run(bind("google", database=new_database()), Recorder())


def test_the_preview_says_what_a_person_has_to_do(bind: Any) -> None:
    assert "never did before" in ACTION.preview(bind("apple")).lines[1]
