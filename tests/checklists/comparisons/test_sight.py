"""What is declared personal is not for people who only watch: not its values, and no hint of them."""

from __future__ import annotations

import pytest

from checklists.comparisons.sight import MASK, Sight, State, sight_of
from checklists.models import RowDifference
from checklists.states import AttemptStatus
from tests.checklists.histories import ended, make_cutover

NARROW = Sight(everything=False, patterns=("members.email", "*.phone"))
ALL = Sight(everything=True, patterns=("members.email",))
ROW = RowDifference(
    number=3,
    table="members",
    kind="changed",
    key=[["email", "a@example.org"], ["id", "7"]],
    columns=[["email", "a@example.org", None], ["bio", None, ""], ["data", "{}", '{"a": 1}']],
    paths={"data": ["$.a"], "email": ["$.x"]},
    personal=["email"],
)


def test_a_personal_value_its_null_its_paths_and_its_key_are_hidden() -> None:
    (row,) = NARROW.rows([ROW])
    assert row.key == f"email {MASK}, id 7"
    assert [cell.before.state for cell in row.cells] == [State.HIDDEN, State.NULL, State.VALUE]
    assert [cell.after.state for cell in row.cells] == [State.HIDDEN, State.VALUE, State.VALUE]
    assert [list(cell.paths) for cell in row.cells] == [[], [], ["$.a"]]
    assert "example.org" not in repr(row)


def test_who_works_on_it_sees_everything() -> None:
    (row,) = ALL.rows([ROW])
    assert row.key == "email a@example.org, id 7"
    assert row.cells[0].before.text == "a@example.org"


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [("missing", State.VALUE, State.NO_ROW), ("extra", State.NO_ROW, State.NULL)],
)
def test_where_there_is_no_row_that_is_said_and_not_null(kind: str, before: State, after: State) -> None:
    columns = [["bio", "x" if kind == "missing" else None, None]]
    (row,) = ALL.rows([RowDifference(number=1, table="t", kind=kind, columns=columns)])
    assert (row.cells[0].before.state, row.cells[0].after.state) == (before, after)


def test_totals_by_or_of_a_personal_column_lose_names_and_sums() -> None:
    groups = [{"group": ["a@example.org", "GHS"], "source": [1, "5.00"], "target": None}]
    total = {"table": "members", "sum": "gift", "by": ["email", "currency"], "groups": groups}
    (shown,) = NARROW.totals([total])
    assert shown["groups"] == [{"group": [MASK, "GHS"], "source": [1, "5.00"], "target": None}]
    (of_phones,) = NARROW.totals([{**total, "table": "gifts", "sum": "phone"}])
    assert of_phones["groups"] == [{**groups[0], "source": [1, MASK]}]
    assert ALL.totals([total]) == [total]


def test_rules_in_sql_may_answer_anything_so_their_answers_are_hidden() -> None:
    check = {"name": "n", "sql": "select email from members", "equal": False, "source": [["a"]], "target": []}
    (shown,) = NARROW.checks([check])
    assert (shown["source"], shown["target"], shown["equal"]) == (None, None, False)
    assert ALL.checks([check]) == [check]
    assert Sight(everything=False).checks([check]) == [check]  # nothing is declared personal


def test_rows_looked_at_by_name_lose_what_is_personal() -> None:
    spot = {"table": "members", "key": {"email": "a"}, "columns": {"email": ["a", "b"], "bio": ["x", "y"]}}
    (shown,) = NARROW.spots([spot])
    assert shown["key"] == {"email": MASK}
    assert shown["columns"] == {"email": [MASK, MASK], "bio": ["x", "y"]}


@pytest.mark.django_db
def test_what_is_personal_is_read_from_the_evidence_and_until_then_from_the_parameters() -> None:
    cutover = make_cutover("announced")
    running = ended(cutover, "look", AttemptStatus.RUNNING, params={"personal": ["members.email"]})
    assert sight_of(running, everything=False).hides("members", "email")
    assert not sight_of(running, everything=True).hides("members", "email")
    other = make_cutover("announced")
    done = ended(other, "look", facts={"parity": {"personal": ["*.email"]}})
    assert sight_of(done, everything=False).patterns == ("*.email",)
