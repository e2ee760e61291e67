"""What a comparison tells while it runs is seen at once: masked, bounded, numbered, only from its holder."""

from __future__ import annotations

import json
import secrets
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection

from checklists.executor import comparing, differing
from checklists.executor.announcer import Announcer
from checklists.executor.comparing import Comparing
from checklists.executor.lease import Fenced
from checklists.models import Attempt, RowDifference, TableProgress
from integrations.redact import Redactor
from tests.checklists.executor.conftest import wait_for, wait_until

Queue = Callable[..., Attempt]


def row(number: int, table: str = "members", **more: Any) -> dict[str, Any]:
    columns = {"zip": ["1", "2"], "name": [f"old {number}", f"new {number}"]}
    given = {"table": table, "kind": "changed", "key": {"id": str(number)}, "columns": columns}
    return {**given, "paths": {}, "personal": [], **more}


@pytest.fixture
def attempt(queue: Queue) -> Attempt:
    """An attempt that some executor holds by fence 7."""
    made = queue("test.pure")
    with connection.cursor() as cursor:
        for change in (
            "status = 'CLAIMED', fence = 7, lease_expires_at = now() + interval '1 h'",
            "status = 'RUNNING', effect_started_at = now()",
        ):
            cursor.execute(f"UPDATE checklists_attempt SET {change} WHERE id = %s", [made.pk])
    return Attempt.objects.get(pk=made.pk)


def channel(attempt: Attempt, fence: int = 7, *secret: str) -> Comparing:
    return Comparing(attempt.pk, fence, Redactor(secret), Announcer(attempt.cutover_id))


def test_a_running_comparison_is_seen_table_by_table_and_row_by_row(running_panel, queue: Queue) -> None:
    attempt = queue("test.pure", do="compare", rows=1_200, seconds=20)
    wait_until(lambda: attempt.differences.count() == 1_200)
    assert Attempt.objects.get(pk=attempt.pk).status == "RUNNING"
    told = list(attempt.table_progress.values_list("table", "position", "state", "pages", "pages_done"))
    assert told == [("members", 1, "reading", 100, 40), ("gifts", 2, "waiting", 7, 0)]
    Attempt.objects.filter(pk=attempt.pk).update(cancel_requested_at=attempt.queued_at)
    assert wait_for(attempt).status == "CANCELLED"
    assert attempt.differences.count() == 1_200  # what was found before it was stopped stays


def test_rows_keep_their_order_number_and_columns_and_no_secret(running_panel, queue: Queue) -> None:
    word = secrets.token_hex(8)
    attempt = wait_for(queue("test.pure", do="compare", rows=600, text=word))
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


def test_nonsense_is_the_action_s_own_error_and_ends_no_guard(running_panel, queue: Queue) -> None:
    attempt = wait_for(queue("test.pure", do="compare_nonsense"))
    assert attempt.status == "ERRORED"
    assert "a row cannot be 'moved'; there are: changed, missing, extra" in attempt.problem["what"]


def test_only_the_holder_of_the_fence_writes(attempt: Attempt) -> None:
    stale = channel(attempt, 6)
    stale.set({"table": "members", "state": "reading", "pages": 1, "pages_done": 1, "rows_done": 1,
               "seconds": 1.0, "seconds_left": None, "found": {}})  # fmt: skip
    with pytest.raises(Fenced):
        stale.ship(everything=True)
    stale.parts.clear()
    stale.add(row(1))
    with pytest.raises(Fenced):
        stale.ship(everything=True)
    assert not RowDifference.objects.exists()
    assert not TableProgress.objects.exists()


def test_a_batch_whose_answer_was_lost_is_not_written_twice(attempt: Attempt) -> None:
    ours = channel(attempt)
    for number in range(3):
        ours.add(row(number))
    batch = list(ours.rows)
    ours.ship(everything=True)
    ours.rows = batch  # as if the commit's answer had not come
    ours.ship(everything=True)
    assert list(attempt.differences.values_list("number", flat=True)) == [1, 2, 3]


def test_rows_beyond_the_bounds_are_left_out(attempt: Attempt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(differing, "ROWS_OF_A_TABLE", 3)
    monkeypatch.setattr(differing, "ROWS_OF_AN_ATTEMPT", 5)
    ours = channel(attempt)
    for table in ("one", "two", "three"):
        for number in range(4):
            ours.add(row(number, table))
    ours.ship(everything=True)
    kept = list(attempt.differences.order_by("number").values_list("table", flat=True))
    assert kept == ["one"] * 3 + ["two"] * 2


def test_so_many_bytes_are_kept_and_no_more(attempt: Attempt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(differing, "ROWS_BYTES", 10_000)
    ours = channel(attempt)
    for number in range(10):
        ours.add(row(number, columns={"essay": ["x" * 50_000, None]}))
    ours.ship(everything=True)
    lengths = [len(one.columns[0][1]) for one in attempt.differences.all()]
    assert lengths == [2_001] * 2  # each value cut, and few of them


def test_a_row_of_very_many_columns_says_how_many_were_not_kept(attempt: Attempt) -> None:
    ours = channel(attempt)
    ours.add(row(1, kind="extra", columns={f"c{n}": [None, str(n)] for n in range(1_600)}))
    ours.ship(everything=True)
    kept = attempt.differences.get()
    assert (len(kept.columns), kept.left_out, kept.names) == (200, 1_400, [])


def test_of_a_table_only_the_newest_word_is_written(attempt: Attempt) -> None:
    ours = channel(attempt)
    for done in range(1_000):
        ours.set({"table": "t", "state": "reading", "pages": 1_000, "pages_done": done, "rows_done": done,
                  "seconds": 1.0, "seconds_left": 2.0, "found": {}})  # fmt: skip
    assert len(ours.parts) == 1
    ours.ship(everything=True)
    assert attempt.table_progress.get().pages_done == 999


def test_words_that_the_database_refuses_are_left_out_and_the_guard_lives(attempt: Attempt) -> None:
    ours = channel(attempt)
    ours.set({"table": "t", "state": "reading", "pages": 1 << 70, "pages_done": 0, "rows_done": 0,
              "seconds": 1.0, "seconds_left": None, "found": {}})  # fmt: skip
    ours.ship(everything=True)
    ours.add(row(1))
    ours.ship(everything=True)
    assert not attempt.table_progress.exists()
    assert attempt.differences.count() == 1


def test_a_row_that_differs_is_never_edited(attempt: Attempt) -> None:
    ours = channel(attempt)
    ours.add(row(1))
    ours.ship(everything=True)
    with pytest.raises(DatabaseError, match="Cannot update or delete"):
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
def test_what_cannot_be_seen_is_made_visible(text: str, shown: str) -> None:
    kept = differing.kept_row(row(1, columns={"c": [text, None]}), Redactor())
    assert kept["columns"] == [["c", shown, None]]


def test_a_secret_is_masked_however_it_is_dressed() -> None:
    word = f"sesame-{uuid.uuid4().hex}"
    given = {"c": [f"a\r{word}", word.encode().hex()], word: ["x", "y"]}
    kept = differing.kept_row(row(1, columns=given), Redactor([word]))
    assert word not in str(kept)
    assert word.encode().hex() not in str(kept)
    assert kept["columns"][0][1] == "a•••"


def test_ten_thousand_rows_are_made_fit_in_seconds() -> None:
    redactor, began = Redactor([secrets.token_hex(16) for _ in range(20)]), time.monotonic()
    for number in range(10_000):
        differing.kept_row(row(number), redactor)
    assert time.monotonic() - began < 30


def test_a_guard_reads_on_only_when_the_database_keeps_up(attempt: Attempt) -> None:
    ours = channel(attempt)
    for number in range(comparing.ROWS_BEHIND + 1):
        ours.add(row(number))
    assert ours.is_behind
    ours.ship()
    assert not ours.is_behind
