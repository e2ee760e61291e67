"""The whole alignment: refused, rehearsed, applied byte for byte, proven, and probed afterwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from integrations.actions import Context, ProbeStatus, registry
from tests.integrations.actions.conftest import Databases, database_name
from tests.integrations.recorder import Recorder

pytestmark = [pytest.mark.prisma]
Make = Callable[..., Context]
ALIGN, REHEARSE = registry()["prisma.align"], registry()["prisma.align_rehearse"]
DRIFT = registry()["prisma.drift"]


def rehearsal(make: Make, url: str, restored: str, **params: Any) -> tuple[Any, Recorder, Context]:
    scratch = {"scratch": {"kind": "postgres", "url": url.rpartition("/")[0] + "/postgres"}}
    verified = {"backup-verify": {"verified": {"database": restored, "equal": True}}}
    context = make(url, evidence=verified, more=scratch)
    values = REHEARSE.bind(
        {
            "prisma": "new",
            "scratch": "scratch",
            "verified": "backup-verify",
            "may_lose": ["alembic_version"],
            **params,
        },
        context,
    )
    report = Recorder()
    return REHEARSE.run(values, report), report, context


def test_from_an_old_database_to_an_empty_diff(
    prisma_context: Make, databases: Databases, old_template: str, deployed_database: str, project: Path
) -> None:
    restored = database_name(databases.make(old_template))
    databases.names.append(f"{restored}_rehearsal")
    outcome, report, _ = rehearsal(prisma_context, deployed_database, restored)
    assert outcome.ok, outcome.summary
    facts = report.facts["rehearsal"]
    assert facts["aligned"]
    assert facts["statements"] > 50
    assert facts["seconds"] > 0
    assert {"AccessExclusiveLock"} <= {lock["mode"] for lock in facts["locks"]}
    done = [(each["item"], each["ok"]) for each in report.facts["rehearsed"]]
    assert done == [("baseline", True), ("deploy", True), ("align", True), ("drift", True)]
    differences = {each["what"]: each for each in report.facts["differences"]}
    assert differences["system new"]["rehearsal"].endswith(f"/{restored}_rehearsal")
    assert len(report.facts["warnings"]) == sum(each["matters"] for each in differences.values())
    assert report.facts["copy"] == f"{restored}_rehearsal"
    with psycopg.connect(databases.server.url(f"{restored}_rehearsal")) as connection:
        migrations = connection.execute("SELECT count(*) FROM _prisma_migrations").fetchone()
    assert migrations == (5,), "the copy stays"
    assert not (list(project.glob("prisma/migrations/*_align_*"))), "a rehearsal leaves the project alone"

    context = prisma_context(deployed_database, evidence={"rehearse": report.facts})
    values = ALIGN.bind({"prisma": "new", "rehearsal": "rehearse"}, context)
    preview = "\n".join(ALIGN.preview(values).lines)
    assert "migrate deploy" in preview
    assert 'UPDATE "users" SET "notification_preferences"' in preview
    before = ALIGN.before(values)
    assert ALIGN.probe(values, before).status is ProbeStatus.NOT_DONE
    drift = DRIFT.run(DRIFT.bind({"prisma": "new"}, context), seen := Recorder())
    assert not drift.ok
    assert seen.facts["drift"]["statements"] > 50

    done = ALIGN.run(values, applied := Recorder())
    assert done.ok, done.summary
    assert applied.facts["aligned"]["checksum_equal"]
    assert applied.facts["aligned"]["sha256"] == facts["sha256"]
    assert ALIGN.probe(values, before).status is ProbeStatus.DONE
    again = DRIFT.run(DRIFT.bind({"prisma": "new"}, context), seen := Recorder())
    assert again.ok, again.summary
    assert seen.facts["drift"] | {"statements": 0, "aligned": True} == seen.facts["drift"]
    with psycopg.connect(deployed_database) as connection:
        nulls = connection.execute("SELECT count(*) FROM users WHERE notification_preferences IS NULL")
        assert nulls.fetchone() == (0,)
    folder = next(project.glob("prisma/migrations/*_align_with_datamodel"))
    assert (folder / "migration.sql").read_text() == Path(facts["file"]).read_text()
    repeated = ALIGN.run(values, Recorder())
    assert repeated.ok
    assert "Nothing to do" in repeated.summary
