"""Only copies that this cutover made are dropped, none that somebody uses, and twice does no harm."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg
import pytest

from integrations.actions import Context, ProbeStatus, RunbookItem, registry
from integrations.actions.copies_drop import CopiesDropParams
from integrations.backups.kept_copies import create_copy, drop_unused, make_copy_name
from integrations.backups.scratch_database import drop_database, make_scratch_name
from integrations.clients import postgres
from integrations.errors import Problem
from tests.integrations.recorder import Recorder

ACTION = registry()["copies.drop"]
ITEMS = {
    "verify": RunbookItem("backup.verify", {"backup": "take", "scratch": "scratch", "keep": True}),
    "rehearse": RunbookItem("prisma.align_rehearse", {"scratch": "scratch"}),
}


@dataclass
class Scratch:
    """A scratch server with the copies of two attempts, and one of another cutover."""

    url: str
    context: Context
    attempts: list[str] = field(default_factory=lambda: [str(uuid.uuid4()) for _ in range(2)])

    def __post_init__(self) -> None:
        self.kept = [make_scratch_name(attempt) for attempt in self.attempts]
        self.foreign = make_scratch_name(str(uuid.uuid4()))
        for name in (*self.kept, make_copy_name(self.kept[1]), self.foreign):
            self.execute(f"CREATE DATABASE {name}")

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as admin:
            admin.execute(statement.encode())

    def names(self) -> list[str]:
        wanted = [*self.kept, *map(make_copy_name, self.kept), self.foreign]
        with psycopg.connect(self.url) as admin:
            rows = admin.execute("SELECT datname FROM pg_database WHERE datname = ANY (%s)", [wanted])
            return sorted(row[0] for row in rows)

    def bind(self) -> CopiesDropParams:
        """The first attempt is in the record only; the evidence is that of the second."""
        history = {"items": [{"key": "verify", "attempts": [{"id": each} for each in self.attempts]}]}
        evidence = {"verify": {"verified": {"database": self.kept[1]}}}
        context = replace(self.context, items=ITEMS, history=history, evidence=evidence)
        bound: CopiesDropParams = ACTION.bind({"scratch": "scratch"}, context)
        return bound


@pytest.fixture
def scratch(new_database: Callable[[], str], new_context: Callable[..., Context]) -> Iterator[Scratch]:
    url = postgres.with_database(new_database(), "postgres")
    made = Scratch(url, new_context({"scratch": {"kind": "postgres", "url": url}}))
    yield made
    for name in made.names():
        made.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_every_copy_of_this_cutover_is_dropped_and_none_of_another(scratch: Scratch, tmp_path: Path) -> None:
    params, report = scratch.bind(), Recorder()
    project = params.context.folder / "rehearsals" / make_copy_name(scratch.kept[1])
    project.mkdir(parents=True)
    before = ACTION.before(params)
    assert ACTION.probe(params, before).status is ProbeStatus.NOT_DONE
    assert len(ACTION.preview(params).lines) == 4
    outcome = ACTION.run(params, report)
    assert outcome.ok
    assert outcome.summary.startswith("3 databases dropped")
    assert scratch.names() == [scratch.foreign]
    assert sorted(report.facts["dropped"]) == sorted([*scratch.kept, make_copy_name(scratch.kept[1])])
    assert not project.exists()
    assert ACTION.probe(params, before).status is ProbeStatus.DONE
    again = ACTION.run(params, Recorder())
    assert again.ok
    assert "nothing to drop" in again.summary


def test_a_copy_that_somebody_looks_at_keeps_all_of_them(scratch: Scratch) -> None:
    params = scratch.bind()
    inside = postgres.with_database(scratch.url, make_copy_name(scratch.kept[1]))
    there = scratch.names()
    with psycopg.connect(inside, application_name="psql of Ama"):
        assert any("psql of Ama" in each for each in ACTION.preview(params).warnings)
        with pytest.raises(Problem, match="psql of Ama") as refused:
            ACTION.run(params, Recorder())
        with psycopg.connect(scratch.url, autocommit=True) as admin, pytest.raises(Problem, match="accessed"):
            drop_unused(admin, make_copy_name(scratch.kept[1]))
    assert "Nothing was dropped" in refused.value.means
    assert scratch.names() == there


def test_a_probe_after_a_lost_worker_says_what_is_left(scratch: Scratch) -> None:
    params = scratch.bind()
    before = ACTION.before(params)
    scratch.execute(f"DROP DATABASE {scratch.kept[0]}")
    finding = ACTION.probe(params, before)
    assert finding.status is ProbeStatus.PARTIAL
    assert scratch.kept[1] in finding.observed
    assert finding.facts["dropped"] == [scratch.kept[0]]


def test_a_name_that_the_panel_never_gives_is_never_dropped(scratch: Scratch) -> None:
    evidence = {"verify": {"verified": {"database": "covenant"}}}
    context = replace(scratch.context, items=ITEMS, evidence=evidence)
    assert ACTION.bind({"scratch": "scratch"}, context).names == []
    with psycopg.connect(scratch.url) as admin, pytest.raises(ValueError, match="no copy"):
        drop_unused(admin, "covenant")


def test_a_backup_that_somebody_looks_at_is_copied_once_they_are_gone(scratch: Scratch) -> None:
    """CREATE DATABASE … TEMPLATE obeys no lock_timeout: it refuses a template with sessions after 5 s."""
    inside = postgres.with_database(scratch.url, scratch.kept[0])
    with psycopg.connect(inside, application_name="psql of Ama") as other:
        with pytest.raises(Problem, match="psql of Ama") as refused:
            create_copy(scratch.url, scratch.kept[0], attempt="a", report=Recorder(), lock_wait=0.3)
        assert f"pid {other.info.backend_pid}" in refused.value.what
        assert make_copy_name(scratch.kept[0]) not in scratch.names()
        report = Recorder(cancel_when=lambda report: bool("Waiting until" in report.text and other.close()))
        create_copy(scratch.url, scratch.kept[0], attempt="a", report=report)
    assert make_copy_name(scratch.kept[0]) in scratch.names()


def test_a_prepared_transaction_in_a_copy_is_named_before_anything_is_dropped(scratch: Scratch) -> None:
    inside = postgres.with_database(scratch.url, make_copy_name(scratch.kept[1]))
    with psycopg.connect(inside, autocommit=True) as other:
        other.execute("begin; create table t (); prepare transaction 'of a pooler'")
    there = scratch.names()
    try:
        with pytest.raises(Problem, match="the prepared transaction “of a pooler”"):
            ACTION.run(scratch.bind(), Recorder())
        with (
            psycopg.connect(scratch.url, autocommit=True) as admin,
            pytest.raises(Problem, match="ROLLBACK PREPARED 'of a pooler'"),
        ):
            drop_database(admin, make_copy_name(scratch.kept[1]))
        assert scratch.names() == there
    finally:
        with psycopg.connect(inside, autocommit=True) as other:
            other.execute("rollback prepared 'of a pooler'")
