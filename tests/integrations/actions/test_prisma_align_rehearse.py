"""A rehearsal needs a restored backup that was kept, and says so; test_prisma_align has its success."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from integrations.actions import registry
from integrations.actions.base import Context, Seen, Values
from integrations.errors import Problem
from tests.integrations.actions.conftest import Databases, name_of
from tests.integrations.recorder import Recorder

pytestmark = [pytest.mark.prisma, pytest.mark.slow]
Make = Callable[..., Context]
ACTION = registry()["prisma.align_rehearse"]


def bound(make: Make, databases: Databases, restored: str) -> Values:
    evidence = {"verify": {"verified": {"database": restored}}}
    more = {"scratch": {"kind": "postgres", "url": databases.server.url()}}
    context = make(databases.server.url("nothing_live"), evidence=evidence, more=more)
    return ACTION.bind({"prisma": "new", "scratch": "scratch", "verified": "verify"}, context)


def test_without_a_kept_backup_the_remedy_is_named(prisma_context: Make, databases: Databases) -> None:
    values = bound(prisma_context, databases, "")
    assert "No restored backup" in ACTION.preview(values).warnings[0]
    with pytest.raises(Problem, match="kept no restored database") as refused:
        ACTION.run(values, Recorder())
    assert "keep" in refused.value.next


def test_a_backup_that_is_in_use_is_left_alone(prisma_context: Make, databases: Databases) -> None:
    url = databases.make()
    values = bound(prisma_context, databases, name_of(url))
    with psycopg.connect(url), pytest.raises(Problem, match="cannot be copied"):
        ACTION.run(values, Recorder())


def test_a_copy_that_a_lost_rehearsal_left_is_seen(prisma_context: Make, databases: Databases) -> None:
    restored = name_of(databases.make())
    values = bound(prisma_context, databases, restored)
    assert "no copy is left" in ACTION.probe(values, {}).saw
    with psycopg.connect(databases.server.url(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {restored}_rehearsal")
    databases.names.append(f"{restored}_rehearsal")
    finding = ACTION.probe(values, {})
    assert finding.seen is Seen.NOT_DONE
    assert "will be replaced" in finding.saw
