"""The shipped items move the sandbox's visitors from the old stack to the new one, and count them."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from integrations.actions import Context, registry
from integrations.clients import http
from integrations.errors import Problem, Unreachable
from integrations.sandbox.legacy.access import API, APPLICATION, READER
from integrations.sandbox.variables import build_variables
from integrations.sandbox.world import Sandbox, SandboxProcess
from integrations.systems import Systems
from tests.customer_runbook import customer_runbook
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.environments import SandboxEnvironment
from tests.waiting import wait_for

EVENTS = 30
ROWS = f"""
INSERT INTO events (title, description, start_date, end_date, location, service_segments, ministry_tags)
SELECT 'E' || i, nullif(i % 3, 0)::text, timestamp '2025-01-01 10:00:00.123456' + i * interval '1 day',
  timestamp '2025-01-01 12:00' + i * interval '1 day', nullif('Hall ' || i % 2, 'Hall 0'),
  '[{{"title": "Song", "leader": "A", "duration": "5", "notes": ""}}]',
  CASE i % 3 WHEN 0 THEN 'null'::jsonb WHEN 1 THEN '[]' ELSE '["x"]' END
FROM generate_series(1, {EVENTS}) AS i;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {APPLICATION};
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {APPLICATION};
GRANT SELECT ON ALL TABLES IN SCHEMA public TO {READER}
"""
#: the API as recorded, but that it starts: its reads need no sign-in
RECORDED = ["api-ends-at-start"]
DOORS = ("name-server", "front-door", "cluster", "visitors", "phones")


@contextmanager
def started(process: SandboxProcess, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    environ = {**os.environ, **process.env, **env}
    child = subprocess.Popen(process.argv, env=environ, stderr=subprocess.DEVNULL)
    try:
        yield child
    finally:
        child.terminate()
        child.wait(90)


def answers(url: str) -> bool:
    try:
        http.request(url, "/", timeout=2)
    except (Unreachable, Problem):
        return False
    return True


@dataclass(frozen=True)
class World:
    """The sandbox, the database of both applications, and the process of the old one."""

    sandbox: Sandbox
    reader: str
    old: subprocess.Popen[bytes]
    repairs: Path  # which of the customer's defects are repaired


@pytest.fixture(scope="module")
def world(environment: SandboxEnvironment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Both stacks on one migrated database, all doors and the people who come through them."""
    found, name = environment.sandbox, environment.migrated()
    environment.execute(ROWS, database=name)
    applications = {one.name: one for one in found.applications()}
    repairs = tmp_path_factory.mktemp("repairs") / "repairs.json"
    repairs.write_text(json.dumps(RECORDED))
    settings = {"REPAIRS_FILE": str(repairs), "SKIP_TASKS_QUEUE": "true"}
    with ExitStack() as stack:
        url = environment.url(APPLICATION, name)
        old = stack.enter_context(started(applications["old-app"], DATABASE_URL=url))
        url = environment.url(API, name)
        stack.enter_context(started(applications["new-api"], DATABASE_URL=url, **settings))
        stack.enter_context(started(applications["new-frontend"], REPAIRS_FILE=str(repairs)))
        for process in found.processes():
            if process.name in DOORS:
                stack.enter_context(started(process))
        for listener in ("old-app", "new-api", "new-frontend", "public", "ingress"):
            address = found.listening(listener)
            wait_for(lambda address=address: answers(address))
        yield World(found, environment.url(READER, name), old, repairs)


class Night:
    """Items of the shipped runbook, carried out one after another."""

    def __init__(self, world: World, folder: Path) -> None:
        shipped = customer_runbook()
        self.items = {item["key"]: item for phase in shipped["phases"] for item in phase["items"]}
        self.systems = Systems(shipped["systems"], self._variables(world))
        self.folder, self.evidence = folder, dict[str, Any]()

    def _variables(self, world: World) -> dict[str, str]:
        more = {"QUIET_MINUTES": "0.01", "PARITY_DATABASE_URL": world.reader}
        return {**build_variables(world.sandbox), **more}

    def run(self, key: str, report: Recorder | None = None, **changed: Any) -> tuple[Any, dict[str, Any]]:
        item = self.items[key]
        action = registry()[item["action"]]
        context = Context(
            self.systems, self.evidence, self.folder, cutover="night", traces=dict(self.evidence)
        )
        report = report or Recorder()
        outcome = action.run(action.bind({**item["params"], **changed}, context), report)
        self.evidence[key] = dict(report.facts)
        return outcome, dict(report.facts)


def test_the_visitors_are_moved_and_counted_at_every_door(world: World, tmp_path: Path) -> None:
    night = Night(world, tmp_path)
    outcome, _ = night.run("lower-ttl", ttl=1)
    assert outcome.ok, outcome.summary

    outcome, facts = night.run("pilot")
    assert outcome.ok, outcome.summary
    arrived = {one["by"]: (one["old"], one["new"]) for one in facts["shift"]["people"]["answers"]}
    assert arrived == {
        "header x-pilot: always": (0, 10),
        "cookie pilot=always": (0, 10),
        "a request without header and cookie": (10, 0),
        "a request with other values": (10, 0),
    }
    assert facts["shift"]["seen"]["old_percent_of_people"] == 100, "all others stay"
    outcome, facts = night.run("pilot-share")
    assert outcome.ok, outcome.summary
    seen = facts["shift"]["seen"]
    assert (seen["unknown"], seen["errors"], seen["warning"], facts["warnings"]) == (0, 0, "", [])
    assert seen["requests"] > 0, "people who come by the front door"

    quick = {"seconds": 0, "providers": [], "redis": None, "queue": None, "login": None}
    quick |= {"platform": None, "services": None}
    outcome, _ = night.run("watch-pilot", **quick)
    assert not outcome.ok, "the new API does not read the plans of the old one"
    assert "30 difference(s) between old and new in events.json[].service_segments[].title" in outcome.summary
    world.repairs.write_text(json.dumps([*RECORDED, "event-segments"]))
    outcome, facts = night.run("watch-pilot", **quick)
    assert outcome.ok, outcome.summary
    ((_, seen),) = facts["dual_run"]["reads"].items()
    assert seen["old_rows"] == seen["new_rows"] == EVENTS
    assert facts["dual_run"]["money"]["totals"]["database"]

    outcome, facts = night.run("switch-traffic")
    assert not outcome.ok, "partners still come by the ingress"
    assert "of the users' requests still reach old-app" in outcome.summary

    assert "something else answers there" in night.run("pages-ingress")[0].summary, "the old application"
    outcome, facts = night.run("switch-ingress")
    assert outcome.ok, outcome.summary
    assert facts["switch"]["seen"]["requests"] > 0
    assert "has “__next_error__”" in night.run("pages-ingress")[0].summary

    outcome, facts = night.run("switch-traffic")
    assert outcome.ok, outcome.summary
    assert facts["shift"]["seen"]["counted_at"] == "“door” and “ingress”"
    world.repairs.write_text(json.dumps([*RECORDED, "event-segments", "pages-read-data"]))
    for key in ("pages-ingress", "pages-public"):
        outcome, _ = night.run(key)
        assert outcome.ok, outcome.summary

    time.sleep(1.5)
    outcome, facts = night.run("switch-dns", ttl=1)
    assert outcome.ok, outcome.summary
    assert facts["switched"]["people"]["old_percent"] == 0
    assert facts["switched"]["people"]["requests"] > 0
    assert night.systems["door"]["log"]


def test_a_stopped_old_stack_is_archived_only_when_nobody_is_led_to_it(world: World, tmp_path: Path) -> None:
    """The doors still lead to the old application that was stopped: their visitors get errors."""
    night = Night(world, tmp_path)
    night.evidence["pilot"] = {"shift": {"before": {"old": 100, "new": 0}}}
    outcome, _ = night.run("point-back")
    assert outcome.ok, outcome.summary
    world.old.terminate()
    world.old.wait(90)
    stopped_at = "2026-01-01T00:00:00+00:00"
    night.evidence["stop-old-writers"] = {"looked_at": stopped_at}
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "app.py").write_text("app = 1\n")
    sections = {name: {"kind": system.kind, **system.settings} for name, system in night.systems.items()}
    sections |= {"source": {"kind": "folder", "path": str(folder)}}
    sections |= {"vault": {"kind": "folder", "path": str(tmp_path)}}
    night.systems = Systems(sections, night.systems.environ)
    params = night.items["archive-flask"]["params"]
    params |= {"source": "source", "place": "vault"}
    del params["platform"], params["services"]
    outcome, facts = night.run("archive-flask", Knocking(world.sandbox.listening("public")))
    assert not outcome.ok
    assert "although it is stopped" in outcome.summary
    assert facts["served"]["after"]["total"] > facts["served"]["before"]["total"]
    outcome, _ = night.run("archive-flask")
    assert outcome.ok, outcome.summary


class Knocking(Recorder):
    """Somebody comes by the front door, which leads to the stopped application."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address

    def progress(self, done: float, total: float, what: str = "") -> None:
        http.request(self.address, "/", timeout=2)
