"""The migrations that were reviewed are in the project, and no others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from integrations.actions import Context, ProbeStatus, registry
from integrations.errors import Problem
from tests.integrations.recorder import Recorder

ACTION = registry()["prisma.present"]
NAMES = ["20250922022205_init", "20251101120000_add_email_providers"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    migrations = tmp_path / "prisma" / "migrations"
    for name in NAMES:
        (migrations / name).mkdir(parents=True)
        (migrations / name / "migration.sql").write_text(f"-- {name}\n")
    (migrations / "migration_lock.toml").write_text('provider = "postgresql"\n')
    return migrations


@pytest.fixture
def bind(folder: Path, new_context: Callable[..., Context]) -> Callable[..., Any]:
    prisma = {
        "kind": "prisma",
        "project": str(folder.parent.parent),
        "command": "prisma",
        "database": "postgresql://127.0.0.1/x",
    }
    context = new_context({"backend": prisma})
    return lambda **raw: ACTION.bind({"prisma": "backend", "migrations": NAMES, **raw}, context)


def test_migrations_are_recorded_with_their_checksums(bind: Any) -> None:
    report = Recorder()
    outcome = ACTION.run(bind(exactly=True), report)
    assert outcome.ok, outcome.summary
    kept = report.facts["present"]["migrations"]
    assert list(kept) == NAMES
    assert all(len(checksum) == 64 for checksum in kept.values())
    assert ACTION.probe(bind(), {}).status == ProbeStatus.NOT_DONE


def test_a_missing_migration_is_named(bind: Any, folder: Path) -> None:
    (folder / NAMES[1] / "migration.sql").unlink()
    (folder / NAMES[1]).rmdir()
    report = Recorder()
    outcome = ACTION.run(bind(), report)
    assert not outcome.ok
    assert f"Not in the project: {NAMES[1]}" in outcome.summary
    assert report.facts["present"]["missing"] == [NAMES[1]]


def test_an_unexpected_migration_is_red_only_with_exactly(bind: Any, folder: Path) -> None:
    (folder / "20260101000000_surprise").mkdir()
    (folder / "20260101000000_surprise" / "migration.sql").write_text("drop table users;\n")
    assert ACTION.run(bind(), Recorder()).ok
    outcome = ACTION.run(bind(exactly=True), Recorder())
    assert not outcome.ok
    assert "Nobody reviewed 20260101000000_surprise" in outcome.summary


def test_the_preview_names_the_folder(bind: Any, folder: Path) -> None:
    preview = ACTION.preview(bind(exactly=True))
    assert str(folder) in preview.lines[0]
    assert "Any other migration" in preview.lines[1]


def test_the_rows_that_a_baseline_does_not_insert_are_those_that_the_runbook_names(
    bind: Any, folder: Path
) -> None:
    (folder / NAMES[0] / "migration.sql").write_text(
        'INSERT INTO "public"."settings" VALUES (1) ON CONFLICT DO NOTHING; -- INSERT INTO nothing\n'
        "INSERT INTO churches (name) VALUES ('INSERT INTO other'); INSERT INTO settings VALUES (2);"
    )
    report = Recorder()
    outcome = ACTION.run(bind(seeds=["settings", "churches"]), report)
    assert outcome.ok, outcome.summary
    assert report.facts["present"]["seeds"] == ["settings", "churches"]
    assert ACTION.run(bind(), Recorder()).ok, "without seeds they are not judged"
    lines = ACTION.preview(bind(seeds=["settings"])).lines
    assert lines[-1] == "Read their INSERT statements: rows go into settings, and no others."


def test_a_seed_that_matches_nothing_or_was_forgotten_is_red(bind: Any, folder: Path) -> None:
    (folder / NAMES[0] / "migration.sql").write_text("INSERT INTO settings VALUES (1);")
    outcome = ACTION.run(bind(seeds=["settings", "church"]), Recorder())
    assert not outcome.ok
    assert "Entry 2 of seeds (church) matches nothing" in outcome.summary
    (folder / NAMES[1] / "migration.sql").write_text("INSERT INTO app.mails VALUES (1);")
    outcome = ACTION.run(bind(seeds=["settings"]), Recorder())
    assert not outcome.ok
    assert "insert rows into app.mails, too" in outcome.summary
    (folder / NAMES[1] / "migration.sql").write_text("INSERT INTO")
    with pytest.raises(Problem, match="is not SQL that PostgreSQL reads"):
        ACTION.run(bind(seeds=["settings"]), Recorder())
    assert ACTION.run(bind(), Recorder()).ok, "without seeds nothing is parsed"
