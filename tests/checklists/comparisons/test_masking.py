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


WHOLE = {
    "digest": "d",
    "totals": [{"table": "members", "sum": "gift", "by": ["email", "currency"],
                "groups": [{"group": ["a@example.org", "GHS"], "source": [1, "5.00"], "target": None}]}],
    "checks": [{"name": "n", "sql": "select 1", "equal": False, "source": [["a@example.org"]], "target": []}],
    "spots": [{"table": "members", "key": {"email": "a@example.org"}, "columns": {"bio": ["x", "y"]}}],
    "tables": [{"table": "members", "examples": ["a@example.org"]}],
}  # fmt: skip


def test_beside_the_rows_what_is_personal_is_hidden_too() -> None:
    shown = NARROW.whole(WHOLE)
    assert "a@example.org" not in str(shown)
    assert shown["digest"] == "d"
    assert shown["totals"][0]["groups"][0]["group"] == [MASK, "GHS"]
    assert shown["checks"][0]["equal"] is False
    assert shown["spots"][0]["columns"] == {"bio": ["x", "y"]}


@pytest.mark.parametrize("sight", [ALL, Sight(everything=False)])
def test_who_works_on_it_or_where_nothing_is_personal_all_is_there_but_the_tables(sight: Sight) -> None:
    assert sight.whole(WHOLE) | {"tables": []} == {**WHOLE, "tables": []}


def test_of_a_table_only_counts_and_reasons_are_left_where_something_is_personal() -> None:
    facts = {
        "changed": 3,
        "places": ["a@example.org to z"],
        "key": ["email"],
        "repair": ["UPDATE"],
        "new": "x",
    }
    assert NARROW.of_table("members", facts) == {"changed": 3, "key": ["email"]}
    assert NARROW.of_table("gifts", facts)["places"] == facts["places"]  # another table's key is not personal
    assert ALL.of_table("members", facts) == facts


@pytest.mark.django_db
def test_what_is_personal_is_read_from_the_evidence_and_until_then_from_the_parameters() -> None:
    cutover = make_cutover("announced")
    running = ended(cutover, "look", AttemptStatus.RUNNING, params={"personal": ["members.email"]})
    assert sight_of(running, everything=False).hides("members", "email")
    assert not sight_of(running, everything=True).hides("members", "email")
    other = make_cutover("announced")
    done = ended(other, "look", facts={"parity": {"personal": ["*.email"]}})
    assert sight_of(done, everything=False).patterns == ("*.email",)
