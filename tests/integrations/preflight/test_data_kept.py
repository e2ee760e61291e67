"""Values that change without a word are red, decided ones green, and migrations that write rows are shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from integrations.preflight import CheckResult, Verdict
from tests.integrations.preflight.projects import DEPLOY, make_project, project_scope
from tests.integrations.preflight.scopes import planned, run_check

DATABASE = """
CREATE TABLE visits (id int PRIMARY KEY, at timestamp, seen timestamp, notes json, fee numeric(10, 2),
                     gone text);
INSERT INTO visits
VALUES (1, '2024-01-01 10:00:00.0004', now(), '{"amount": 1, "amount": 2}', 1.25, 'x'),
       (2, '2024-01-01', NULL, '{"a": 1,  "b": 2}', 2.50, NULL);
"""
SCRIPT = """
ALTER TABLE visits ALTER at TYPE timestamp(3), ALTER seen TYPE timestamptz, ALTER notes TYPE jsonb,
                   ALTER fee TYPE numeric(10, 1);
UPDATE visits SET notes = '{}' WHERE id = 2;
ALTER TABLE visits DROP COLUMN gone;
"""
DECLARED = [
    {"kind": "rounded", "table": "*", "column": "*"},
    {"kind": "dropped_column", "table": "visits", "column": "gone"},
    {"kind": "not_compared", "table": "visits", "column": "fee"},
]


def kept(
    new_database: Callable[[], str], folder: Path, script: str, declared: list[Any] | None
) -> dict[str, CheckResult]:
    url = new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(DATABASE.encode())
    compare = {} if declared is None else planned(before=("parity.fingerprint", {"declared": declared}))
    scope = project_scope(make_project(folder, {"1_change": script}), url, {**DEPLOY, **compare})
    found = run_check("data.kept", scope)
    return {subject.removeprefix("shop: "): each for subject, each in found.items()}


def test_undeclared_losses_are_red_with_their_rows(new_database: Callable[[], str], tmp_path: Path) -> None:
    found = kept(new_database, tmp_path / "shop", SCRIPT, [])
    assert {subject: each.verdict for subject, each in found.items()} == {
        "visits.at: is another value afterwards": Verdict.RED,
        "visits.seen: is another value afterwards": Verdict.AMBER,
        "visits.notes: is another value afterwards": Verdict.RED,
        "visits.fee: is another value afterwards": Verdict.RED,
        "1_change, statement 2: would be changed": Verdict.AMBER,
        "1_change, statement 3: would be lost": Verdict.RED,
        "decided changes": Verdict.GREEN,
    }
    doubled = found["visits.notes: is another value afterwards"]
    assert doubled.seen.startswith("1 visits rows whose notes comes out different. For example id=1.")
    assert "keeps the last value only" in doubled.change
    assert "local time of UTC" in found["visits.seen: is another value afterwards"].seen
    assert found["1_change, statement 2: would be changed"].seen.startswith("1 visits rows that it changes.")


def test_what_the_runbook_declares_is_green_and_doubled_keys_never(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    found = kept(new_database, tmp_path / "shop", SCRIPT, DECLARED)
    assert {subject: each.verdict for subject, each in found.items() if each.verdict == Verdict.RED} == {
        "visits.notes: is another value afterwards": Verdict.RED
    }
    decided = found["decided changes"].seen
    assert (
        "1 visits rows whose at comes out different. timestamp becomes timestamp(3), as declared." in decided
    )
    assert "The runbook declares that it is dropped." in decided


def test_a_script_that_touches_no_row_is_green(new_database: Callable[[], str], tmp_path: Path) -> None:
    script = "ALTER TABLE visits ADD COLUMN more text"
    (result,) = kept(new_database, tmp_path / "shop", script, None).values()
    assert (result.verdict, result.subject, result.seen) == (Verdict.GREEN, "shop: decided changes", "None.")
