"""The migrations that were reviewed are in the project, and no others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from integrations.actions import registry
from integrations.actions.base import Context, Seen
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


def test_those_that_are_there_are_kept_with_their_checksums(bind: Any) -> None:
    report = Recorder()
    outcome = ACTION.run(bind(exactly=True), report)
    assert outcome.ok, outcome.summary
    kept = report.facts["present"]["migrations"]
    assert list(kept) == NAMES
    assert all(len(checksum) == 64 for checksum in kept.values())
    assert ACTION.probe(bind(), {}).seen == Seen.NOT_DONE


def test_one_that_is_missing_is_named(bind: Any, folder: Path) -> None:
    (folder / NAMES[1] / "migration.sql").unlink()
    (folder / NAMES[1]).rmdir()
    report = Recorder()
    outcome = ACTION.run(bind(), report)
    assert not outcome.ok
    assert f"Not in the project: {NAMES[1]}" in outcome.summary
    assert report.facts["present"]["missing"] == [NAMES[1]]


def test_one_more_is_only_red_where_exactly_these_are_asked_for(bind: Any, folder: Path) -> None:
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
