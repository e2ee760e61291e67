"""The SQL of a compiled query is built once, and gives each cutover its own rows."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F, Model, QuerySet
from django.db.models.sql.compiler import SQLCompiler

from checklists.board.rows import BoardRows
from checklists.compiled_query import compiled_query
from checklists.models import Attempt, Cutover, Evidence, Item, SignOff
from checklists.models.masked_rows import MaskedRow, found_values
from checklists.models.read_rows import ReadRow
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


@compiled_query(values=3)
def ticked_since(cutover: int, key: str, since: datetime) -> QuerySet[Item]:
    return Item.objects.filter(cutover=cutover, key=key, done_at__gte=since)


@pytest.mark.django_db
def test_numbers_texts_and_moments_are_values_and_not_variants() -> None:
    cutover, other = make_cutover("announced"), make_cutover()
    (ticked,) = [item for item in items_of(cutover.pk, "manual") if item.done_at]
    long_ago = ticked.done_at - timedelta(hours=1)
    assert [item.pk for item in ticked_since(cutover.pk, ticked.key, long_ago)] == [ticked.pk]
    assert ticked_since(cutover.pk, ticked.key, ticked.done_at + timedelta(seconds=1)) == []
    assert ticked_since(cutover.pk, "celebrate", long_ago) == []
    assert ticked_since(other.pk, ticked.key, long_ago) == []
    assert ticked_since.first(cutover.pk, ticked.key, long_ago) == ticked
    assert ticked_since.first(other.pk, ticked.key, long_ago) is None
    assert len(ticked_since._compiled) == 1


def as_a_dict(row: Model | None) -> object:
    """All that the row holds, with the rows that came with it."""
    if row is None:
        return None
    own = {name: value for name, value in row.__dict__.items() if name != "_state"}
    beside = {name: as_a_dict(one) for name, one in row._state.fields_cache.items()}
    return type(row), row._state.db, row._state.adding, own, beside


QUERIES: dict[str, Callable[[int], QuerySet[Any]]] = {
    "people of items": lambda pk: Item.objects.filter(cutover=pk).select_related("phase", "done_by"),
    "deferred and annotated": lambda pk: (
        Evidence.objects.filter(item__cutover=pk).defer("facts").annotate(found=F("facts__rows"))
    ),
    "a row behind a row": lambda pk: Attempt.objects.filter(cutover=pk).select_related("item__phase"),
    "other side of a unique key": lambda pk: SignOff.objects.filter(gate__cutover=pk).select_related(
        "person", "answer__by"
    ),
    "only a few fields": lambda pk: Attempt.objects.filter(cutover=pk).only("status", "params"),
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", QUERIES)
def test_its_rows_are_those_that_django_makes(name: str) -> None:
    cutover, make = make_cutover("celebrated"), QUERIES[name]
    rows = compiled_query(make)(cutover.pk)
    assert rows
    assert [as_a_dict(row) for row in rows] == [as_a_dict(row) for row in make(cutover.pk)]


@pytest.mark.django_db
@pytest.mark.parametrize("is_hidden", [False, True])
def test_every_model_reads_its_rows_as_django_does(is_hidden: bool) -> None:
    make_cutover("celebrated")
    of_rows = [
        model for model in apps.get_app_config("checklists").get_models() if issubclass(model, ReadRow)
    ]
    assert len(of_rows) > 10
    with found_values(shown=not is_hidden):
        for model in of_rows:
            names = [field.attname for field in model._meta.concrete_fields]
            for values in model.objects.values_list(*names)[:5]:
                plain = model(*deepcopy(values))
                plain._state.adding, plain._state.db = False, "default"
                if is_hidden and isinstance(plain, MaskedRow):
                    plain.hide_found_values(plain.__dict__)
                read = model.from_db("default", names, deepcopy(values))
                read.__dict__.pop("_hidden", None)
                assert as_a_dict(read) == as_a_dict(plain), model


@pytest.mark.django_db
def test_a_query_that_does_not_depend_on_the_cutover_is_an_error() -> None:
    @compiled_query
    def everybody(cutover: int) -> QuerySet[User]:
        return User.objects.all()

    person("ama")
    with pytest.raises(AssertionError, match="does not depend"):
        everybody(1)
