"""Accounts that the new sign-in cannot find are counted by the runbook's own rule of how it looks them up."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from integrations.preflight import Verdict
from tests.integrations.preflight.scopes import planned, run_check, scope_of

DATABASE = """
CREATE TABLE people (id int PRIMARY KEY, mail text, hash text);
INSERT INTO people VALUES (1, 'ann@x.invalid', ''), (2, 'Bob@x.invalid', ''), (3, ' eve@x.invalid', ''),
                          (4, NULL, '');
"""
RED, AMBER, GREEN = Verdict.RED, Verdict.AMBER, Verdict.GREEN


@pytest.fixture
def url(new_database: Callable[[], str]) -> str:
    made = new_database()
    with psycopg.connect(made, autocommit=True) as connection:
        connection.execute(DATABASE.encode())
    return made


def ask(url: str, lookup: str) -> dict[str, tuple[Verdict, str]]:
    accounts = {"table": "people", "id": "id", "email": "mail", "password": "hash", "lookup": lookup}
    items = planned(canary=("login.canary", {"database": "live", "accounts": accounts}))
    found = run_check("data.emails", scope_of({"live": {"kind": "postgres", "url": url}}, items=items))
    assert all(each.items == ("canary",) for each in found.values())
    return {subject.rpartition(": ")[2]: (each.verdict, each.seen) for subject, each in found.items()}


def test_the_runbook_says_how_addresses_are_looked_up(url: str) -> None:
    found = {lookup: ask(url, lookup)["spelling"] for lookup in ("", "lowercase", "insensitive", "exact")}
    verdicts = {lookup: verdict for lookup, (verdict, _) in found.items()}
    assert verdicts == {"": AMBER, "lowercase": RED, "insensitive": RED, "exact": GREEN}
    seen = "1 have capitals, 1 have blanks around them. For example id=2, id=3. It never finds them."
    assert found["lowercase"][1] == seen


def test_addresses_that_fall_together_are_red_however_they_are_looked_up(url: str) -> None:
    assert ask(url, "exact")["the same address"] == (GREEN, "None.")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO people VALUES (5, 'EVE@x.invalid', '')")
    assert ask(url, "exact")["the same address"] == (RED, "2 accounts. For example id=3, id=5.")
