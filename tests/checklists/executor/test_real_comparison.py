"""A real comparison of two databases through a real worker: its progress, its rows and its result."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from checklists.models import Cutover, Evidence, ParityResult
from integrations.actions import registry
from tests.by_hand import by_hand
from tests.checklists.executor.actions import ACTIONS
from tests.checklists.executor.conftest import queued_attempt, wait_for_status
from tests.waiting import wait_for

TABLES = """
    CREATE TABLE members (id serial PRIMARY KEY, name text, email text, profile jsonb);
    CREATE TABLE gifts (id bigserial PRIMARY KEY, member_id int, amount numeric(12, 2), currency text);
    INSERT INTO members (name, email, profile)
        SELECT 'Member ' || n, 'm' || n || '@example.org', jsonb_build_object('town', 'Accra', 'n', n)
        FROM generate_series(1, 3000) n;
    INSERT INTO gifts (member_id, amount, currency)
        SELECT n % 3000, n, 'GHS' FROM generate_series(1, 20000) n;
"""
CHANGES = """
    UPDATE members SET email = replace(email, '.org', '.com') WHERE id % 2 = 0;
    UPDATE members SET profile = '{"town": "Tema", "n": 7}' WHERE id = 7;
    DELETE FROM gifts WHERE id IN (5, 6);
"""


@pytest.fixture
def sides(new_database: Callable[[], str], cutover: Cutover) -> dict[str, str]:
    """Two databases that differ, as systems of the cutover."""
    urls = {name: new_database() for name in ("old", "new")}
    for url in urls.values():
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(TABLES)
    with psycopg.connect(urls["new"], autocommit=True) as connection:
        connection.execute(CHANGES)
    cutover.systems = {name: {"kind": "postgres", "url": url} for name, url in urls.items()}
    with by_hand():
        cutover.save()
    return urls


def compare(cutover: Cutover, monkeypatch: pytest.MonkeyPatch, **more: object):
    """A queued attempt of `parity.compare` on the two sides."""
    monkeypatch.setitem(ACTIONS, "parity.compare", registry()["parity.compare"])  # for its effect
    params = {"source": "old", "target": "new", "personal": ["members.email"], **more}
    return queued_attempt(cutover, "parity.compare", params)


def test_every_row_that_differs_is_kept_with_the_result(
    running_panel, cutover: Cutover, sides: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = wait_for_status(compare(cutover, monkeypatch))
    assert attempt.status == "FAILED", (attempt.summary, attempt.problem)
    assert "1\u202f503 rows differ in 2 tables" in attempt.summary
    results = {one.table: one for one in ParityResult.objects.filter(attempt=attempt)}
    assert (results["members"].differing, results["gifts"].facts["missing"]) == (1_501, 2)
    told = {one.table: one for one in attempt.table_progress.all()}
    assert {one.state for one in told.values()} == {"done"}
    assert told["members"].found["differing"] == 1_501
    rows = attempt.differences.filter(table="members")
    numbers = list(attempt.differences.order_by("number").values_list("number", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))
    changed = {row.key[0][1]: row for row in rows}
    assert changed["8"].columns == [["email", "m8@example.org", "m8@example.com"]]
    assert (changed["8"].personal, changed["8"].personal_text) == (
        ["email"],
        "m8@example.org\nm8@example.com",
    )
    assert changed["7"].names == ["profile"]
    assert rows.count() == 1_501
    assert Evidence.objects.get(attempt=attempt).facts["parity"]["personal"] == ["members.email"]
    log = "\n".join(attempt.lines.values_list("text", flat=True))
    assert "members" in log
    assert "@example" not in log


def test_rows_that_were_found_before_a_cancel_are_kept(
    running_panel, cutover: Cutover, sides: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = compare(cutover, monkeypatch, settle=60)  # it waits, to ask the rows that differ again
    wait_for(lambda: attempt.table_progress.filter(state__in=["asking", "done"]).count() == 2)
    with by_hand():
        type(attempt).objects.filter(pk=attempt.pk).update(cancel_requested_at=attempt.queued_at)
    assert wait_for_status(attempt).status == "CANCELLED"
    assert attempt.table_progress.count() == 2
    assert not ParityResult.objects.filter(attempt=attempt).exists()
