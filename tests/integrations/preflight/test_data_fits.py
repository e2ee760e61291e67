"""Rows in the way of migrations are red with table, column, number and keys; rows that fit are green."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from integrations.preflight import Verdict
from tests.integrations.preflight.projects import DEPLOY, make_project, project_scope, run_on
from tests.integrations.preflight.scopes import planned, run_check

TABLES = """
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE TABLE clients (id int PRIMARY KEY, email text, name varchar(50), code text, mood text,
                      born text, age bigint);
CREATE TABLE visits (id int PRIMARY KEY, client_id int, at timestamp, place text, notes json, fee numeric);
CREATE TABLE settings (name text PRIMARY KEY, value json);
"""
GOOD_ROWS = """
INSERT INTO clients VALUES (1, 'ann@x.invalid', 'Ann', '7f1cf2a0-0000-4000-8000-000000000001', 'glad',
                            '2001-02-03', 30);
INSERT INTO visits VALUES (1, 1, '2024-01-01 10:00:00.0001', 'here', '{"a": 1}', 12.5);
INSERT INTO settings VALUES ('a', '{}');
"""
BAD_ROWS = """
INSERT INTO clients VALUES (2, 'ANN@x.invalid', 'Somebody with a long name', 'no uuid', 'angry', 'in May',
                            3000000000);
INSERT INTO visits VALUES (2, 1, '2024-01-01 10:00:00.0002', 'here', '{"a": "\\u0000"}', 123456),
                          (3, 9, '2024-01-02', NULL, '{"n": 1e400000}', 1),
                          (4, 1, '2024-01-03', 'x', '"\\ud800"', 2);
INSERT INTO settings VALUES ('b', '"\\u0000"');
"""
CHANGES = """
CREATE UNIQUE INDEX clients_email_key ON clients (lower(email));
ALTER TABLE clients ALTER name TYPE varchar(10), ALTER code TYPE uuid USING code::uuid, ALTER age TYPE int,
    ALTER mood TYPE mood USING mood::mood, ALTER born TYPE date USING born::date;
ALTER TABLE visits ALTER notes TYPE jsonb, ALTER at TYPE timestamp(3), ALTER place SET NOT NULL,
    ALTER fee TYPE numeric(5, 2);
CREATE UNIQUE INDEX visits_once ON visits (client_id, at);
ALTER TABLE visits ADD CONSTRAINT of_client FOREIGN KEY (client_id) REFERENCES clients (id);
ALTER TABLE visits ADD CONSTRAINT cheap CHECK (id < 4) NOT VALID;
ALTER TABLE visits VALIDATE CONSTRAINT cheap;
ALTER TABLE settings ALTER value TYPE jsonb;
"""
#: Subject → rows, and the keys that are named.
PLANTED = {
    "clients (lower(email)): is there more than once": ("1 ", "id=1, id=2"),
    "clients.name: does not fit the type": ("1 ", "id=2"),
    "clients.code: does not fit the type": ("1 ", "id=2"),
    "clients.age: does not fit the type": ("1 ", "id=2"),
    "clients.mood: does not fit the type": ("1 ", "id=2"),
    "clients.born: does not fit the type": ("1 ", "id=2"),
    "visits.notes: does not fit the type": ("3 ", "id=2, id=3, id=4"),
    "visits.place: has no value": ("1 ", "id=3"),
    "visits.fee: does not fit the type": ("1 ", "id=2"),
    "visits (client_id, at): is there more than once": ("1 ", "id=1, id=2"),
    "visits (client_id): refers to a row that is not there": ("1 ", "id=3"),
    "visits.id: breaks a CHECK": ("1 ", "id=4"),
    "settings.value: does not fit the type": ("1 ", ""),
}


def test_each_trap_is_named_with_its_rows_and_keys(new_database: Callable[[], str], tmp_path: Path) -> None:
    found = run_on("data.fits", tmp_path / "shop", new_database(), TABLES + GOOD_ROWS + BAD_ROWS, CHANGES)
    assert {subject.removeprefix("shop: ") for subject in found} == set(PLANTED)
    for subject, (rows, keys) in PLANTED.items():
        result = found[f"shop: {subject}"]
        assert result.verdict == Verdict.RED, result
        assert result.seen.startswith(rows), result
        assert (f"For example {keys}." if keys else "The statement fails") in result.seen, result
        assert result.items == ("deploy",)
    texts = " ".join(f"{each.asked} {each.seen} {each.change}" for each in found.values())
    for value in ("ANN@", "Somebody", "no uuid", "angry", "in May", "3000000000"):
        assert value not in texts, "rows are named by their keys, never by what is in them"


def test_rows_that_fit_are_green_and_the_scripts_then_run(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    url = new_database()
    found = run_on("data.fits", tmp_path / "shop", url, TABLES + GOOD_ROWS, CHANGES)
    assert [(each.subject, each.verdict) for each in found.values()] == [("shop: rows", Verdict.GREEN)]
    with psycopg.connect(url) as connection:
        connection.execute(CHANGES.encode())


def test_what_cannot_be_counted_or_understood_is_not_known(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    script = "DO $$ BEGIN PERFORM 1; END $$; ALTER TABLE clients ALTER age SET NOT NULL"
    found = run_on("data.fits", tmp_path / "one", new_database(), TABLES + GOOD_ROWS, script)
    assert {each.verdict for each in found.values()} == {Verdict.UNKNOWN}
    assert "shop: clients.age: has no value" in found
    broken = run_on("data.fits", tmp_path / "two", new_database(), TABLES, "ALTER TABLE clients ALTER nosuch")
    assert broken["shop: 1_change: syntax"].verdict == Verdict.RED
    cannot = run_on(
        "data.fits", tmp_path / "three", new_database(), TABLES, "ALTER TABLE clients ADD age int"
    )
    assert "has a column age already" in cannot["shop: 1_change: ALTER TABLE clients"].seen


def test_an_index_on_an_expression_is_tried_on_every_row(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    good = run_on(
        "data.fits",
        tmp_path / "one",
        new_database(),
        TABLES + GOOD_ROWS,
        "CREATE INDEX ON clients ((lower(name)))",
    )
    assert [each.verdict for each in good.values()] == [Verdict.GREEN]
    script = "CREATE INDEX ON clients ((code::uuid))"
    bad = run_on("data.fits", tmp_path / "two", new_database(), TABLES + BAD_ROWS, script)
    assert bad["shop: clients: rule"].verdict == Verdict.UNKNOWN
    assert "invalid input syntax for type uuid" in bad["shop: clients: rule"].seen
    assert "no uuid" not in bad["shop: clients: rule"].seen


def test_a_count_that_takes_too_long_is_not_known_and_says_what_to_do(
    new_database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.preflight.reviewed_changes.SECONDS", 0.001)
    rows = "INSERT INTO visits SELECT i, 1, NULL, 'x' FROM generate_series(1, 100000) i"
    script = "ALTER TABLE visits ALTER place SET NOT NULL"
    (result,) = run_on("data.fits", tmp_path / "shop", new_database(), TABLES + rows, script).values()
    assert result.verdict == Verdict.UNKNOWN
    assert "counting took too long and was stopped" in result.seen
    assert "By hand: SELECT count(*)" in result.change


def test_a_migration_that_is_only_marked_as_applied_is_not_judged(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    url = new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute((TABLES + GOOD_ROWS + BAD_ROWS).encode())
    baseline = planned(baseline=("prisma.baseline", {"prisma": "shop", "migration": "1"}))
    folder = make_project(tmp_path / "shop", {"1": CHANGES})
    scope = project_scope(folder, url, {**baseline, **DEPLOY})
    baseline = {
        "baseline": type(scope.items["deploy"])(
            "baseline", "", "prisma.baseline", {"prisma": "shop", "migration": "1"}
        )
    }
    scope = project_scope(tmp_path / "shop", url, {**baseline, **scope.items})
    assert [each.verdict for each in run_check("data.fits", scope).values()] == [Verdict.GREEN]
