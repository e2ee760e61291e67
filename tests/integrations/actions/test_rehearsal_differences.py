"""Each way in which a rehearsal differs from production is produced once, and named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from integrations.actions import Context, RunbookItem
from integrations.actions.rehearsal_differences import (
    RehearsedSetup,
    describe_what_matters,
    leave_out,
    list_differences,
)
from integrations.clients import postgres
from integrations.environment.api_process import ApiProcess
from integrations.environment.database_traits import RehearsalDifference
from integrations.systems import Systems

SCHEMA = """\
datasource db {
  provider = "postgresql"
  url = env("DATABASE_URL")
  directUrl = env("DIRECT_URL")
}
"""
ITEMS = {
    "take": RunbookItem("backup.take", {"database": "live"}),
    "verify": RunbookItem("backup.verify", {"backup": "take"}),
    "verify-later": RunbookItem("backup.verify", {"backup": "take"}),
    "rehearse": RunbookItem("prisma.align_rehearse", {"may_lose": ["old_table"]}),
    "align": RunbookItem("prisma.align", {"prisma": "new", "rehearsal": "rehearse"}),
    "compare": RunbookItem("parity.compare", {"database": "live", "backup": "verify-later"}),
    "drift": RunbookItem("prisma.drift", {"prisma": "new"}),
    "drift-again": RunbookItem("prisma.drift", {"prisma": "new"}),
    "compare-later": RunbookItem("parity.compare", {"database": "live"}),
    "sanity": RunbookItem("prisma.sanity", {"prisma": "new"}),
    "query": RunbookItem("sql.check", {"database": "live"}),
    "start": RunbookItem("service.start", {"platform": "engine"}),
}
STEPS = ["align", "compare", "drift"]


class World:
    """Production and a copy, both empty, and what is compared of them."""

    def __init__(self, folder: Path, production: str, copy: str) -> None:
        self.folder, self.production, self.copy = folder, production, copy
        self.project, self.private = folder / "project", folder / "private"
        for each in (self.project, self.private):
            (each / "prisma").mkdir(parents=True)
            (each / "prisma" / "schema.prisma").write_text(SCHEMA)

    def context(self, url: str, facts: Mapping[str, Any], copy: str = "") -> Context:
        prisma = {"kind": "prisma", "project": str(self.project), "command": "prisma", "database": url}
        sections: dict[str, Any] = {
            "new": {**prisma, **({"copy": copy} if copy else {})},
            "live": {"kind": "postgres", "url": url},
        }
        return Context(Systems(sections, {}), {"take": {"backup": facts}}, self.folder, items=ITEMS)

    def find(self, *, age: timedelta = timedelta(), **more: Any) -> dict[str, RehearsalDifference]:
        """The differences by their names; ``more`` replaces what is compared."""
        facts = {"taken_at": (datetime.now(UTC) - age).isoformat(), "rows": 1234}
        before = self.context(self.production, facts)
        given: dict[str, Any] = {"steps": STEPS, "params": {"may_lose": ["old_table"]}, "api": None, **more}
        setup = RehearsedSetup(
            before,
            self.context(self.copy, facts, str(self.private)),
            before.systems["new"],
            given["steps"],
            "verify",
            given["params"],
        )
        return {each["what"]: each for each in list_differences(setup, given["api"])}


@pytest.fixture
def world(tmp_path: Path, new_database: Callable[[], str]) -> World:
    return World(tmp_path, new_database(), new_database())


def test_addresses_backup_project_and_variables_differ_in_every_rehearsal(world: World) -> None:
    found = world.find()
    assert found["system live"]["production"].endswith(postgres.address(world.production))
    assert found["system new"]["rehearsal"].endswith(postgres.address(world.copy))
    assert (found["restored backup"]["production"], found["restored backup"]["rehearsal"]) == (
        "verify-later",
        "verify",
    )
    assert found["folder of the Prisma project"]["details"] == [str(world.private)]
    assert found["addresses for Prisma"]["details"] == ["variable DATABASE_URL", "variable DIRECT_URL"]
    assert not [what for what, each in found.items() if each["matters"] and "items" not in what]


@pytest.mark.parametrize(("age", "matters"), [(timedelta(hours=2), False), (timedelta(days=2), True)])
def test_rows_of_an_old_backup_matter(world: World, age: timedelta, matters: bool) -> None:
    rows = world.find(age=age)["rows"]
    assert rows["rehearsal"].startswith("1,234 rows of ")
    assert rows["matters"] is matters


def test_settings_and_extensions_of_the_databases_are_compared(world: World) -> None:
    name = postgres.connection_settings(world.production)["dbname"]
    with psycopg.connect(world.production, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} SET timezone = 'Africa/Accra'".encode())
        connection.execute("DROP EXTENSION plpgsql")
    found = world.find()
    assert found["setting TimeZone"]["production"] == "Africa/Accra"
    assert found["extension plpgsql"]["production"] == "not there"
    sentences = describe_what_matters(list(found.values()))
    assert any(each.startswith("Setting timezone: in production Africa/Accra") for each in sentences)


def test_a_production_that_cannot_be_reached_is_a_difference_that_matters(world: World) -> None:
    world.production = postgres.with_database(world.production, "nowhere")
    found = world.find()["server and settings"]
    assert found["matters"]
    assert "nowhere" in found["means"]


def test_other_decisions_than_those_of_productions_alignment_matter(world: World) -> None:
    assert "parameter may_lose" not in world.find()
    as_read = {"may_lose": ["old_table"], "defaults": {}}  # what the text leaves out is read as empty
    assert not [what for what in world.find(params=as_read) if what.startswith("parameter")]
    found = world.find(params={"may_lose": []})["parameter may_lose"]
    assert found["matters"]
    assert "old_table" in found["production"]


def test_items_that_are_left_out_are_listed_by_their_reason(world: World) -> None:
    found = world.find()
    listed = {what: (each["details"], each["matters"]) for what, each in found.items() if "items" in what}
    assert listed == {
        "items that a copy could show": (["sanity"], True),
        "items that are not listed": (["compare-later", "query"], False),
        "items that no copy can show": (["take", "verify", "verify-later", "start"], False),
    }
    assert leave_out("canary", "login.canary", "No API runs")["matters"]


def test_settings_of_the_api_are_named_without_their_values(world: World) -> None:
    settings = world.folder / "new.env"
    settings.write_text(f"DATABASE_URL={world.production}\nQUEUE_DRIVER=redis\nTOKEN=same\n")
    section = {
        "kind": "api_process",
        "stands_for": "api",
        "command": "node",
        "settings": str(settings),
        "database": "DATABASE_URL",
        "port": "PORT",
        "variables": "QUEUE_DRIVER=secret-word TOKEN=same SKIP=true",
    }
    api = ApiProcess(Systems({"on-copy": section}, {})["on-copy"], world.copy, world.copy)
    found = world.find(api=api)
    of_api = {what: each for what, each in found.items() if what.endswith("of the API")}
    assert sorted(of_api) == [
        f"variable {name} of the API" for name in ("DATABASE_URL", "PORT", "QUEUE_DRIVER", "SKIP")
    ]
    assert of_api["variable QUEUE_DRIVER of the API"]["production"] == "set"
    assert of_api["variable SKIP of the API"]["production"] == "not set"
    assert "secret-word" not in str(found)
    settings.unlink()
    assert world.find(api=api)["settings of the API"]["matters"]
