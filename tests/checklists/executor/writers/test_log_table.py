"""Lines belong to an attempt that exists, although no foreign key looks each of them up."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from checklists.models import Attempt, LogLine
from tests.by_hand import past_rights

Queue = Callable[..., Attempt]


def line(attempt: UUID, number: int) -> LogLine:
    return LogLine(attempt_id=attempt, number=number, at=timezone.now(), text=f"line {number}")


def test_one_line_of_an_unknown_attempt_refuses_the_whole_statement(queue: Queue) -> None:
    known = queue("test.pure").pk
    with pytest.raises(IntegrityError, match="belongs to an attempt that does not exist"):
        LogLine.objects.bulk_create([line(known, 1), line(uuid4(), 2), line(known, 3)])
    assert not LogLine.objects.exists()
    LogLine.objects.bulk_create([line(known, number) for number in (1, 2, 3)])
    assert LogLine.objects.filter(attempt=known).count() == 3


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ("DELETE FROM checklists_attempt", "annot delete"),
        ("UPDATE checklists_attempt SET id = gen_random_uuid()", "written once"),
    ],
)
def test_the_attempt_of_lines_is_neither_deleted_nor_given_another_key(
    queue: Queue, change: str, refused: str
) -> None:
    attempt = queue("test.pure")
    line(attempt.pk, 1).save()
    with (
        pytest.raises(DatabaseError, match=refused),
        past_rights(),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"{change} WHERE id = %s", [attempt.pk])
    assert LogLine.objects.get().attempt == attempt


def test_the_lines_of_an_attempt_are_found_by_one_index(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE tablename = 'checklists_logline'")
        found = [definition for (definition,) in cursor.fetchall() if "(attempt_id" in definition]
    assert found == [
        "CREATE UNIQUE INDEX log_line_once ON public.checklists_logline USING btree (attempt_id, number)"
    ]
