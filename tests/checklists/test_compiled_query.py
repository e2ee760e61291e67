"""The SQL of a compiled query is built once, and gives each cutover its own rows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import QuerySet
from django.db.models.sql.compiler import SQLCompiler

from checklists.board.rows import BoardRows
from checklists.compiled_query import compiled_query
from checklists.models import Cutover, Item
from checklists.states import Direction
from tests.checklists.histories import ended, make_cutover, person


@compiled_query
def items_of(cutover: int, kind: str) -> QuerySet[Item]:
    return Item.objects.filter(cutover=cutover, kind=kind).select_related("phase")


def keys(cutover: Cutover, kind: str) -> set[tuple[int, str, str]]:
    return {(item.cutover_id, item.key, item.phase.key) for item in items_of(cutover.pk, kind)}


@pytest.mark.django_db
def test_two_cutovers_and_two_variants_have_their_own_rows(django_assert_num_queries) -> None:
    first, second = make_cutover(), make_cutover()
    with django_assert_num_queries(3):
        assert keys(first, "gate") == {(first.pk, "go", "prepare")}
        assert keys(second, "gate") == {(second.pk, "go", "prepare")}
        assert keys(first, "manual") == {
            (first.pk, "announce", "prepare"),
            (first.pk, "celebrate", "change"),
        }


@pytest.mark.django_db
def test_the_sql_is_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cutover = make_cutover("signed")
    BoardRows.load(cutover)
    built, build = list[str](), SQLCompiler.as_sql

    def count(self: SQLCompiler, *args: object, **more: object) -> object:
        built.append(self.query.model.__name__)
        return build(self, *args, **more)

    monkeypatch.setattr(SQLCompiler, "as_sql", count)
    BoardRows.load(cutover)
    assert len(built) <= 5, built


@pytest.mark.django_db
def test_a_rollback_has_a_board_of_its_own() -> None:
    """The direction decides which attempts count: each has SQL of its own."""
    cutover = make_cutover("announced")
    attempt = ended(cutover, "restore", ago=timedelta(minutes=1))
    with connection.cursor() as cursor:  # made for the rollback before it was ordered
        cursor.execute("SET ROLE NONE; SET session_replication_role = replica")
        cursor.execute("UPDATE checklists_attempt SET direction = 'FORWARD' WHERE id = %s", [attempt.pk])
        cursor.execute("SET session_replication_role = origin; RESET ROLE")
    assert attempt.item_id in BoardRows.load(cutover).succeeded
    cutover.direction = Direction.ROLLBACK
    assert attempt.item_id not in BoardRows.load(cutover).succeeded
    cutover.direction = Direction.FORWARD
    assert attempt.item_id in BoardRows.load(cutover).succeeded


@pytest.mark.django_db(transaction=True)
def test_another_thread_uses_its_own_connection() -> None:
    cutover = make_cutover()
    here = keys(cutover, "gate")

    def read() -> tuple[set[tuple[int, str, str]], int]:
        try:
            return keys(cutover, "gate"), connection.connection.info.backend_pid
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        there, pid = thread.submit(read).result()
    assert there == here
    assert pid != connection.connection.info.backend_pid


@pytest.mark.django_db
def test_a_query_that_does_not_depend_on_the_cutover_is_an_error() -> None:
    @compiled_query
    def everybody(cutover: int) -> QuerySet[User]:
        return User.objects.all()

    person("ama")
    with pytest.raises(AssertionError, match="does not depend"):
        everybody(1)
