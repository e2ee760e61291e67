"""What a comparison reports while it runs is stored at once: masked, limited, numbered, under the fence."""

from __future__ import annotations

import json
import secrets
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from checklists.executor.fence import Fenced
from checklists.executor.writers import comparison, row_differences
from checklists.executor.writers.announcer import Announcer
from checklists.executor.writers.comparison import ComparisonWriter
from checklists.models import Attempt, RowDifference, TableProgress
from integrations.redact import Redactor
from tests.by_hand import by_hand, past_rights
from tests.checklists.executor.conftest import wait_for_status
from tests.waiting import wait_for

Queue = Callable[..., Attempt]


def row(number: int, table: str = "members", **more: Any) -> dict[str, Any]:
    columns = {"zip": ["1", "2"], "name": [f"old {number}", f"new {number}"]}
    given = {"table": table, "kind": "changed", "key": {"id": str(number)}, "columns": columns}
    return {**given, "paths": {}, "personal": [], **more}


@pytest.fixture
def attempt(queue: Queue) -> Attempt:
    """An attempt that some executor holds by fence 7."""
    made = queue("test.pure")
    with transaction.atomic(), by_hand(), connection.cursor() as cursor:
        for change in (
            "status = 'CLAIMED', fence = 7, lease_expires_at = now() + interval '1 h'",
            "status = 'RUNNING', effect_started_at = now()",
        ):
            cursor.execute(f"UPDATE checklists_attempt SET {change} WHERE id = %s", [made.pk])
    return Attempt.objects.get(pk=made.pk)


def writer(attempt: Attempt, fence: int = 7, *secret: str) -> ComparisonWriter:
    return ComparisonWriter(attempt.pk, fence, Redactor(secret), Announcer(attempt.cutover_id))


def test_a_running_comparison_is_seen_table_by_table_and_row_by_row(running_panel, queue: Queue) -> None:
    attempt = queue("test.pure", do="compare", rows=1_200, seconds=20)
    wait_for(lambda: attempt.differences.count() == 1_200)
    assert Attempt.objects.get(pk=attempt.pk).status == "RUNNING"
    told = list(attempt.table_progress.values_list("table", "position", "state", "pages", "pages_done"))
    assert told == [("members", 1, "reading", 100, 40), ("gifts", 2, "waiting", 7, 0)]
    with by_hand():
        Attempt.objects.filter(pk=attempt.pk).update(cancel_requested_at=attempt.queued_at)
    assert wait_for_status(attempt).status == "CANCELLED"
    assert attempt.differences.count() == 1_200  # what was found before it was stopped stays


def test_rows_keep_their_order_number_and_columns_and_no_secret(running_panel, queue: Queue) -> None:
    word = secrets.token_hex(8)
    attempt = wait_for_status(queue("test.pure", do="compare", rows=600, text=word))
    assert attempt.status == "SUCCEEDED", attempt.problem
    rows = list(attempt.differences.order_by("number"))
    assert [one.number for one in rows] == list(range(1, 601))
    assert rows[41].key == [["id", "41"]]
    assert rows[41].columns == [["name", "old 41", "new 41 •••"], ["bio", None, "a␍b"]]
    assert (rows[41].names, rows[41].personal) == (["name", "bio"], ["name"])
    assert rows[41].text.split("\n") == ["41", "a␍b"]
    assert rows[41].personal_text.split("\n") == ["old 41", "new 41 •••"]
    assert word not in json.dumps(list(attempt.differences.values()), default=str)
    done = attempt.table_progress.get(table="members")
    assert (done.state, done.pages_done, done.found) == ("done", 100, {"equal": False, "differing": 600})


def test_an_action_that_reports_nonsense_errors_and_its_guard_survives(running_panel, queue: Queue) -> None:
    attempt = wait_for_status(queue("test.pure", do="compare_nonsense"))
    assert attempt.status == "ERRORED"
    assert "a row cannot be 'moved'; there are: changed, missing, extra" in attempt.problem["what"]


def test_an_executor_with_a_stale_fence_writes_nothing(attempt: Attempt) -> None:
    stale = writer(attempt, 6)
    stale.set_table(
        {
            "table": "members",
            "state": "reading",
            "pages": 1,
            "pages_done": 1,
            "rows_done": 1,
            "seconds": 1.0,
            "seconds_left": None,
            "found": {},
        }
    )
    with pytest.raises(Fenced):
        stale.flush(everything=True)
    stale.tables.clear()
    stale.add_row(row(1))
    with pytest.raises(Fenced):
        stale.flush(everything=True)
    assert not RowDifference.objects.exists()
    assert not TableProgress.objects.exists()


def test_a_batch_whose_commit_answer_was_lost_is_not_written_twice(attempt: Attempt) -> None:
    ours = writer(attempt)
    for number in range(3):
        ours.add_row(row(number))
    batch = list(ours.rows)
    ours.flush(everything=True)
    ours.rows = batch  # as if the commit's answer had not come
    ours.flush(everything=True)
    assert list(attempt.differences.values_list("number", flat=True)) == [1, 2, 3]


def test_rows_beyond_the_quota_are_left_out(attempt: Attempt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_differences, "ROWS_MAX_PER_TABLE", 3)
    monkeypatch.setattr(row_differences, "ROWS_MAX_PER_ATTEMPT", 5)
    ours = writer(attempt)
    for table in ("one", "two", "three"):
        for number in range(4):
            ours.add_row(row(number, table))
    ours.flush(everything=True)
    kept = list(attempt.differences.order_by("number").values_list("table", flat=True))
    assert kept == ["one"] * 3 + ["two"] * 2


def test_rows_beyond_the_limit_of_bytes_are_left_out(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_differences, "ROWS_MAX_BYTES", 10_000)
    ours = writer(attempt)
    for number in range(10):
        ours.add_row(row(number, columns={"essay": ["x" * 50_000, None]}))
    ours.flush(everything=True)
    lengths = [len(one.columns[0][1]) for one in attempt.differences.all()]
    assert lengths == [2_001] * 2  # each value cut, and few of them


def test_a_row_with_too_many_columns_says_how_many_were_left_out(attempt: Attempt) -> None:
    ours = writer(attempt)
    ours.add_row(row(1, kind="extra", columns={f"c{n}": [None, str(n)] for n in range(1_600)}))
    ours.flush(everything=True)
    kept = attempt.differences.get()
    assert (len(kept.columns), kept.left_out, kept.names) == (200, 1_400, [])


def test_only_the_newest_progress_of_a_table_is_written(attempt: Attempt) -> None:
    ours = writer(attempt)
    for done in range(1_000):
        ours.set_table(
            {
                "table": "t",
                "state": "reading",
                "pages": 1_000,
                "pages_done": done,
                "rows_done": done,
                "seconds": 1.0,
                "seconds_left": 2.0,
                "found": {},
            }
        )
    assert len(ours.tables) == 1
    ours.flush(everything=True)
    assert attempt.table_progress.get().pages_done == 999


def test_reports_that_the_database_refuses_are_left_out(attempt: Attempt) -> None:
    ours = writer(attempt)
    ours.set_table(
        {
            "table": "t",
            "state": "reading",
            "pages": 1 << 70,
            "pages_done": 0,
            "rows_done": 0,
            "seconds": 1.0,
            "seconds_left": None,
            "found": {},
        }
    )
    ours.flush(everything=True)
    ours.add_row(row(1))
    ours.flush(everything=True)
    assert not attempt.table_progress.exists()
    assert attempt.differences.count() == 1


def test_the_database_refuses_to_edit_a_row_difference(attempt: Attempt) -> None:
    ours = writer(attempt)
    ours.add_row(row(1))
    ours.flush(everything=True)
    with past_rights(), pytest.raises(DatabaseError, match="Cannot update or delete"):
        attempt.differences.update(kind="extra")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb", "a\tb"),
        ("a\rb", "a␍b"),
        ("a\u200bb", "a⟨U+200B⟩b"),
        ("x\x7f", "x␡"),
        ("1\n2", "1\n2"),
        ("", ""),
    ],
)
def test_invisible_characters_are_made_visible(text: str, shown: str) -> None:
    kept = row_differences.row_to_store(row(1, columns={"c": [text, None]}), Redactor())
    assert kept["columns"] == [["c", shown, None]]


def test_a_secret_is_masked_in_every_encoding() -> None:
    word = f"sesame-{uuid.uuid4().hex}"
    given = {"c": [f"a\r{word}", word.encode().hex()], word: ["x", "y"]}
    kept = row_differences.row_to_store(row(1, columns=given), Redactor([word]))
    assert word not in str(kept)
    assert word.encode().hex() not in str(kept)
    assert kept["columns"][0][1] == "a•••"


def test_ten_thousand_rows_are_prepared_within_seconds() -> None:
    redactor, began = Redactor([secrets.token_hex(16) for _ in range(20)]), time.monotonic()
    for number in range(10_000):
        row_differences.row_to_store(row(number), redactor)
    assert time.monotonic() - began < 30


def test_a_writer_with_many_unwritten_rows_is_behind(attempt: Attempt) -> None:
    ours = writer(attempt)
    for number in range(comparison.ROWS_MAX_UNWRITTEN + 1):
        ours.add_row(row(number))
    assert ours.is_behind
    ours.flush()
    assert not ours.is_behind
