"""Each way in which two databases differ apart from their rows is named, with what follows from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from integrations.clients import postgres
from integrations.environment.database_traits import (
    DatabaseTraits,
    RehearsalDifference,
    compare_traits,
    read_traits,
)
from tests.integrations.conftest import AppDatabase

SAME = DatabaseTraits(
    version="16.4",
    locale={"encoding": "UTF8", "collation": "C.UTF-8"},
    settings={"TimeZone": "UTC", "work_mem": "4MB", "lock_timeout": "0"},
    extensions={"plpgsql": "1.0"},
    login="migrator",
    owners=("migrator",),
    grants={"reader": 24},
)


def traits_of(url: str) -> DatabaseTraits:
    with postgres.connect(url, readonly=True) as connection:
        return read_traits(connection)


def by_name(found: list[RehearsalDifference]) -> dict[str, RehearsalDifference]:
    return {each["what"]: each for each in found}


@pytest.mark.parametrize(
    ("changed", "what", "matters"),
    [
        ({"version": "16.9"}, "server version", False),
        ({"version": "18.0"}, "server version", True),
        ({"locale": {"encoding": "UTF8", "collation": "de_DE"}}, "collation", True),
        ({"settings": {**SAME.settings, "TimeZone": "Europe/Berlin"}}, "setting TimeZone", True),
        ({"settings": {**SAME.settings, "lock_timeout": "5s"}}, "setting lock_timeout", True),
        (
            {"settings": {**SAME.settings, "work_mem": "64MB"}},
            "settings of speed",
            False,
        ),
        ({"extensions": {"plpgsql": "1.0", "citext": "1.6"}}, "extension citext", True),
        ({"extensions": {"plpgsql": "1.1"}}, "extension plpgsql", True),
        ({"superuser": True}, "rights of the login that migrates", True),
        ({"owners": ("postgres",)}, "owners of the tables", False),
        ({"grants": {}}, "grants on tables, views and sequences", True),
    ],
)
def test_each_difference_is_named_once(changed: dict[str, Any], what: str, matters: bool) -> None:
    assert compare_traits(SAME, SAME) == []
    found = compare_traits(SAME, replace(SAME, **changed))
    assert [(each["what"], each["matters"]) for each in found] == [(what, matters)]
    assert found[0]["production"] != found[0]["rehearsal"]
    assert bool(found[0]["means"]) is matters


def test_a_table_that_the_login_does_not_own_would_stop_production_only() -> None:
    production = replace(SAME, foreign={"public.events": "somebody"})
    found = by_name(compare_traits(production, SAME))["tables of another owner"]
    assert found["details"] == ["public.events (somebody)"]
    assert "migrator would be refused" in found["means"]


@pytest.fixture
def other(new_database: Callable[[], str]) -> str:
    """A database with a setting, an extension and a locale of its own."""
    url = new_database()
    name = postgres.connection_settings(url)["dbname"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} SET timezone = 'Africa/Accra'".encode())
        connection.execute(f"ALTER DATABASE {name} SET lock_timeout = '7s'".encode())
        connection.execute("CREATE TABLE events (id int)")
    return url


def test_settings_owners_and_grants_are_read_as_the_login_sees_them(
    app_database: AppDatabase, other: str
) -> None:
    application, admin = traits_of(app_database.app_url), traits_of(other)
    assert application.login == app_database.role
    assert not application.superuser
    assert admin.superuser
    assert admin.settings["TimeZone"] == "Africa/Accra"
    assert (application.settings["lock_timeout"], admin.settings["lock_timeout"]) == ("0", "7000ms")
    assert admin.locale["encoding"] == "UTF8"
    assert "plpgsql" in admin.extensions
    found = by_name(compare_traits(application, admin))
    assert "setting TimeZone" in found
    assert found["rights of the login that migrates"]["production"] == f"{app_database.role}, no superuser"
    with psycopg.connect(other, autocommit=True) as connection:
        connection.execute(f"GRANT SELECT ON events TO {app_database.role}".encode())
        granted = traits_of(other).grants
        connection.execute(f"REVOKE SELECT ON events FROM {app_database.role}".encode())
    assert granted == {app_database.role: 1}
