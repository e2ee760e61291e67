"""A rehearsal carries out the items of production on a copy, and is red where production would be.

Its success with the default items is tested in `test_prisma_align`.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django import forms

from checklists.runbook import read_definitions
from integrations.actions import Context, ProbeStatus, RunbookItem, registry
from integrations.actions.rehearsal_run import PrismaAlignRehearseParams
from integrations.errors import Problem
from integrations.sandbox import services_control
from integrations.sandbox.repairs import AppliedRepairs, Profile
from integrations.sandbox.variables import SPOTS
from integrations.systems import Systems
from tests.allowed import allow
from tests.integrations.actions.conftest import (
    INIT,
    ITEMS,
    Databases,
    database_name,
    project_settings,
)
from tests.integrations.recorder import Recorder

pytestmark = [pytest.mark.prisma]
Make = Callable[..., Context]
ACTION = registry()["prisma.align_rehearse"]
RUNBOOK = Path(__file__).resolve().parents[3] / "checklists/runbooks/covenant-connect.yaml"


def bound(make: Make, databases: Databases, restored: str, **settings: str) -> PrismaAlignRehearseParams:
    evidence = {"verify": {"verified": {"database": restored, "equal": True}}}
    more = {"scratch": {"kind": "postgres", "url": databases.server.url(), **settings}}
    context = make(databases.server.url("nothing_live"), evidence=evidence, more=more)
    return ACTION.bind({"prisma": "new", "scratch": "scratch", "verified": "verify"}, context)


def test_without_a_kept_backup_the_remedy_is_named(prisma_context: Make, databases: Databases) -> None:
    values = bound(prisma_context, databases, "")
    assert "No restored backup" in ACTION.preview(values).warnings[0]
    with pytest.raises(Problem, match="kept no restored database") as refused:
        ACTION.run(values, Recorder())
    assert "keep" in refused.value.next


def test_a_restored_backup_that_is_in_use_is_not_changed(prisma_context: Make, databases: Databases) -> None:
    url = databases.make()
    values = bound(prisma_context, databases, database_name(url), lock_wait="1")
    with psycopg.connect(url) as other:
        with pytest.raises(Problem, match="is still in use: pid") as refused:
            ACTION.run(values, Recorder())
        assert f"Have the owner of pid {other.info.backend_pid} disconnect" in refused.value.next
    assert "Nothing was changed" in refused.value.means


def test_a_probe_finds_the_copy_of_a_lost_rehearsal(prisma_context: Make, databases: Databases) -> None:
    restored = database_name(databases.make())
    values = bound(prisma_context, databases, restored)
    assert "no copy is left" in ACTION.probe(values, {}).observed
    with psycopg.connect(databases.server.url(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {restored}_rehearsal")
    databases.names.append(f"{restored}_rehearsal")
    finding = ACTION.probe(values, {})
    assert finding.status is ProbeStatus.NOT_DONE
    assert "will be replaced" in finding.observed


def rehearse(
    make: Make,
    databases: Databases,
    template: str,
    known: Mapping[str, RunbookItem],
    report: Recorder | None = None,
    **params: Any,
) -> tuple[Any, Recorder]:
    restored = database_name(databases.make(template))
    databases.names.append(f"{restored}_rehearsal")
    more = {name: {"kind": "postgres", "url": databases.server.url()} for name in ("scratch", "live")}
    context = make(databases.server.url("production"), more=more)
    evidence = {"verify": {"verified": {"database": restored, "equal": True}}}
    context = replace(context, items=known, evidence=evidence)
    raw = {"prisma": "new", "scratch": "scratch", "verified": "verify", "may_lose": ["alembic_version"]}
    report = report or Recorder()
    return ACTION.run(ACTION.bind({**raw, **params}, context), report), report


def test_a_difference_that_is_not_declared_is_red_on_the_copy_already(
    prisma_context: Make, databases: Databases, old_template: str
) -> None:
    items = ["fingerprint", "baseline", "deploy", "seeds", "align", "drift", "compare"]
    known = {**ITEMS, "canary": RunbookItem("login.canary", {"database": "live"})}
    named = [*items[:-1], "canary", items[-1]]
    outcome, report = rehearse(prisma_context, databases, old_template, known, items=named)
    assert not outcome.ok
    assert outcome.summary.startswith("On the copy, “compare” ended red: ")
    assert [each["item"] for each in report.facts["rehearsed"]] == items
    measured = next(each for each in report.facts["rehearsed"] if each["action"] == "prisma.deploy")["locks"]
    assert all(lock["ms"] >= 0 and lock["resolution_ms"] > 0 for lock in measured)
    assert {"system live", "system new"} <= {each["what"] for each in report.facts["differences"]}
    assert any(line.startswith("seeds: ✓") for line in report.lines)
    # Nothing says how to start an API there: the sign-in is left out, and that is a difference.
    left_out = next(each for each in report.facts["differences"] if each["what"] == "item canary")
    assert left_out["matters"]
    assert any(each.startswith("Item canary: ") for each in report.facts["warnings"])
    assert "No API runs on the copy" in left_out["means"]


@pytest.fixture
def shipped(
    prisma_context: Make, databases: Databases, old_template: str, project: Path, tmp_path: Path
) -> Context:
    """The shipped runbook on the sandbox's database, with the sandbox's API to run on the copy."""
    document = read_definitions(RUNBOOK.read_text())
    restored = database_name(databases.make(old_template))
    databases.names.append(f"{restored}_rehearsal")
    server = databases.server.url()
    repairs = AppliedRepairs(tmp_path / "repairs.json")
    repairs.begin(Profile.REPAIRED)
    (tmp_path / "new.env").write_text(
        f"DATABASE_URL={server}\nQUEUE_DRIVER=redis\nREDIS_URL=redis://127.0.0.1:1\n"
    )
    module, settings = ["integrations.sandbox.new_api"], {"REPAIRS_FILE": str(repairs.path)}
    command = services_control.write_command(tmp_path, "api-on-copy", module, settings)
    allow(command)
    environ = {"NEW_ENV_FILE": str(tmp_path / "new.env"), "COPY_API_COMMAND": str(command)}
    environ |= {"CANARY_EMAIL": "Canary@people.invalid", "CANARY_PASSWORD": "of this test"}
    environ |= {"API_URL": "http://127.0.0.1:1", **SPOTS}
    databases_of = {name: {"kind": "postgres", "url": server} for name in ("scratch", "reader", "target")}
    backend = project_settings(project, databases.server.url("production"))
    reviewed, diff = Recorder(), registry()["prisma.diff"]
    diff.run(diff.bind({"prisma": "new"}, prisma_context(databases.server.url(restored))), reviewed)
    return replace(
        prisma_context(server),
        systems=Systems({**document.systems, **databases_of, "backend": backend}, environ),
        items={each.key: RunbookItem(each.action, each.params) for each in document.items if each.action},
        evidence={
            "verify-fresh": {"verified": {"database": restored, "equal": True}},
            "diff-schema": reviewed.facts,
        },
    )


def test_the_shipped_runbook_is_rehearsed_with_its_own_items_and_rules(
    shipped: Context, project: Path
) -> None:
    """Every item of the rehearsal is green on the sandbox's database; the project is as before."""
    before = list_files(project)
    report = Recorder()
    outcome = ACTION.run(ACTION.bind(shipped.items["rehearse-frozen"].params, shipped), report)
    assert outcome.ok, outcome.summary
    done = [each["item"] for each in report.facts["rehearsed"]]
    assert done == list(shipped.items["rehearse-frozen"].params["items"])
    assert done[-3:] == ["generate", "sanity", "canary"]
    assert list_files(project) == before
    differences = {each["what"]: each for each in report.facts["differences"]}
    assert differences["variable SKIP_TASKS_QUEUE of the API"]["production"] == "not set"
    assert differences["folder of the Prisma project"]["rehearsal"] == "a private copy"
    left_out = [each for what, each in differences.items() if what.startswith("items ")]
    assert not [each for each in left_out if each["matters"]], left_out
    # The copy stays: a later item reads it with the client that was generated there.
    params = {**shipped.items["sanity-scripts"].params, "copy": "rehearse-frozen"}
    later = replace(shipped, evidence={"rehearse-frozen": report.facts})
    sanity = registry()["prisma.sanity"]
    read = sanity.run(sanity.bind(params, later), Recorder())
    assert read.ok, read.summary
    count = {
        "database": "reader",
        "query": "SELECT count(*) FROM users",
        "at_least": 1,
        "copy": "rehearse-frozen",
    }
    sql_check = registry()["sql.check"]
    asked = sql_check.run(sql_check.bind(count, later), seen := Recorder())
    assert asked.ok
    assert seen.facts["sql"]["where"].endswith(report.facts["copy"])


def test_a_rule_that_is_taken_out_is_red_on_the_copy(shipped: Context) -> None:
    declared = shipped.items["fingerprint-before"].params["declared"]
    assert declared.pop(0)["kind"] == "new_table"
    outcome = ACTION.run(ACTION.bind(shipped.items["rehearse-frozen"].params, shipped), Recorder())
    assert not outcome.ok


def test_a_killed_rehearsal_leaves_nothing_in_the_project(
    prisma_context: Make, databases: Databases, deployed_template: str, project: Path
) -> None:
    """Killed in the moment after the alignment was written into the migrations, as a lost worker is."""
    before = list_files(project)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:

        def die_when_it_is_written(report: Recorder) -> bool:
            found = list(project.parent.glob("artefacts/rehearsals/**/*_align_with_datamodel"))
            if found:
                os.write(write, str(found[0]).encode())
                os.kill(os.getpid(), signal.SIGKILL)
            return False

        report = Recorder(die_when_it_is_written)
        rehearse(prisma_context, databases, deployed_template, ITEMS, report, items=["align"])
        os._exit(1)
    os.close(write)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    with os.fdopen(read) as told:
        written = Path(told.read())
    assert (written / "migration.sql").is_file(), "it was killed after the alignment was written"
    assert list_files(project) == before


def list_files(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file of the project; of its packages, those that a client is generated into."""
    modules = (folder / "node_modules").resolve()
    files = [*folder.rglob("*"), *(modules / ".prisma").rglob("*"), *(modules / "@prisma").rglob("*")]
    return {str(each): (each.stat().st_size, each.stat().st_mtime_ns) for each in files if each.is_file()}


def test_an_item_that_production_would_refuse_stops_the_rehearsal_with_its_message(
    prisma_context: Make, databases: Databases, old_template: str
) -> None:
    baseline = RunbookItem("prisma.baseline", {"prisma": "new", "migration": INIT})
    with pytest.raises(Problem, match=r"On the copy, “baseline” stopped: .* account_providers") as refused:
        rehearse(prisma_context, databases, old_template, {**ITEMS, "baseline": baseline})
    assert "in the same way in production" in refused.value.means
    assert "may_lack" in refused.value.next


def test_a_runbook_without_an_alignment_has_nothing_to_rehearse(
    prisma_context: Make, databases: Databases
) -> None:
    with pytest.raises(Problem, match=r"No item of this rehearsal does prisma\.align"):
        rehearse(prisma_context, databases, "template0", ITEMS, items=["baseline", "deploy"])


@pytest.mark.parametrize(("key", "message"), [("start", "does service.start"), ("nowhere", "is no item")])
def test_an_item_that_cannot_be_rehearsed_is_a_mistake_in_the_runbook(
    prisma_context: Make, databases: Databases, key: str, message: str
) -> None:
    with pytest.raises(forms.ValidationError, match=message):
        rehearse(prisma_context, databases, "template0", ITEMS, items=[key])
