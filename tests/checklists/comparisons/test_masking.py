"""Personal values, and any hint of them, are hidden from stakeholders."""

from __future__ import annotations

import pytest

from checklists.comparisons.masking import MASK, PersonalMask, ValueState, get_mask
from checklists.models import RowDifference
from checklists.states import AttemptStatus
from tests.checklists.histories import ended, make_cutover

NARROW = PersonalMask(sees_personal=False, patterns=("members.email", "*.phone"), harmless=("*.*",))
CLOSED = PersonalMask(sees_personal=False)
ALL = PersonalMask(sees_personal=True, patterns=("members.email",))
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
    (row,) = NARROW.mask_rows([ROW])
    assert row.key == f"email {MASK}, id 7"
    assert [cell.before.state for cell in row.cells] == [ValueState.HIDDEN, ValueState.NULL, ValueState.VALUE]
    assert [cell.after.state for cell in row.cells] == [ValueState.HIDDEN, ValueState.VALUE, ValueState.VALUE]
    assert [list(cell.paths) for cell in row.cells] == [[], [], ["$.a"]]
    assert "example.org" not in repr(row)


def test_people_who_work_on_the_cutover_see_everything() -> None:
    (row,) = ALL.mask_rows([ROW])
    assert row.key == "email a@example.org, id 7"
    assert row.cells[0].before.text == "a@example.org"


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [("missing", ValueState.VALUE, ValueState.NO_ROW), ("extra", ValueState.NO_ROW, ValueState.NULL)],
)
def test_a_missing_row_is_shown_as_no_row_and_not_as_null(
    kind: str, before: ValueState, after: ValueState
) -> None:
    columns = [["bio", "x" if kind == "missing" else None, None]]
    (row,) = ALL.mask_rows([RowDifference(number=1, table="t", kind=kind, columns=columns)])
    assert (row.cells[0].before.state, row.cells[0].after.state) == (before, after)


WHOLE = {
    "digest": "d",
    "totals": [{"table": "members", "sum": "gift", "by": ["email", "currency"],
                "groups": [{"group": ["a@example.org", "GHS"], "source": [1, "5.00"], "target": None}]}],
    "checks": [{"name": "n", "sql": "select 1", "equal": False, "source": [["a@example.org"]], "target": []}],
    "spots": [{"table": "members", "key": {"email": "a@example.org"}, "columns": {"bio": ["x", "y"]}}],
    "tables": [{"table": "members", "examples": ["a@example.org"]}],
}  # fmt: skip


def test_personal_values_beyond_the_rows_are_hidden_too() -> None:
    shown = NARROW.mask_summary(WHOLE)
    assert "a@example.org" not in str(shown)
    assert shown["digest"] == "d"
    assert shown["totals"][0]["groups"][0]["group"] == [MASK, "GHS"]
    assert shown["checks"][0]["equal"] is False
    assert shown["spots"][0]["columns"] == {"bio": ["x", "y"]}


@pytest.mark.parametrize("mask", [ALL, PersonalMask(sees_personal=True)])
def test_the_summary_has_everything_but_the_tables_where_nothing_is_hidden(mask: PersonalMask) -> None:
    assert mask.mask_summary(WHOLE) | {"tables": []} == {**WHOLE, "tables": []}


def test_a_table_with_personal_columns_shows_only_counts_and_reasons() -> None:
    facts = {
        "changed": 3,
        "places": ["a@example.org to z"],
        "key": ["email"],
        "repair": ["UPDATE"],
        "new": "x",
    }
    assert NARROW.mask_table("members", facts) == {"changed": 3, "key": ["email"]}
    assert (
        NARROW.mask_table("gifts", facts)["places"] == facts["places"]
    )  # another table's key is not personal
    assert ALL.mask_table("members", facts) == facts


@pytest.mark.django_db
def test_personal_columns_come_from_the_evidence_and_until_then_from_the_parameters() -> None:
    cutover = make_cutover("announced")
    running = ended(cutover, "look", AttemptStatus.RUNNING, params={"personal": ["members.email"]})
    assert get_mask(running, sees_personal=False).hides("members", "email")
    assert not get_mask(running, sees_personal=True).hides("members", "email")
    other = make_cutover("announced")
    done = ended(other, "look", facts={"parity": {"personal": ["*.email"]}})
    assert get_mask(done, sees_personal=False).patterns == ("*.email",)


def test_without_any_declaration_a_stakeholder_sees_no_value() -> None:
    assert CLOSED.hides("members", "bio")
    assert CLOSED.is_hiding
    shown = CLOSED.mask_summary(WHOLE)
    assert shown["spots"][0]["columns"] == {"bio": [MASK, MASK]}
    assert CLOSED.mask_table(
        "gifts", {"changed": 3, "places": ["7 to 9"], "key": ["id"], "repair": ["U"]}
    ) == {
        "changed": 3,
        "key": ["id"],
    }


def test_a_harmless_column_is_shown_unless_it_is_personal_too() -> None:
    mask = PersonalMask(sees_personal=False, patterns=("*.email",), harmless=("members.bio", "members.e*"))
    assert not mask.hides("members", "bio")
    assert mask.hides("members", "email")
    assert mask.hides("gifts", "bio")


@pytest.mark.django_db
def test_harmless_columns_come_from_the_parameters() -> None:
    made = ended(make_cutover("announced"), "look", params={"harmless": ["members.bio"]})
    mask = get_mask(made, sees_personal=False)
    assert not mask.hides("members", "bio")
    assert mask.hides("members", "name")
