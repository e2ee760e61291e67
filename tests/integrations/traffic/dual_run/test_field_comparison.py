"""Every difference between two answers is found, named by its place, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.traffic.dual_run.field_comparison import MissingRows, compare_answers
from integrations.traffic.dual_run.read_rules import parse_read_rules

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def differences(old: Any, new: Any, **rules: Any) -> list[str]:
    (read,) = parse_read_rules([{"old": "/api/gifts", "new": "/gifts", **rules}])
    return [one.describe() for one in compare_answers(read, old, new).differences]


@pytest.mark.property
@given(JSON)
def test_an_answer_does_not_differ_from_itself(answer: Any) -> None:
    assert differences(answer, answer) == []


@pytest.mark.property
@given(JSON, JSON)
def test_two_answers_differ_exactly_when_json_does(old: Any, new: Any) -> None:
    def exact(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: exact(inner) for name, inner in value.items()}
        return [exact(v) for v in value] if isinstance(value, list) else (type(value).__name__, value)

    assert bool(differences(old, new)) is (exact(old) != exact(new))


def test_the_place_of_a_difference_is_named_by_position_or_by_key() -> None:
    old, new = (
        [{"id": 1, "amount": 1}, {"id": 2, "amount": 2}],
        [{"id": 1, "amount": 1}, {"id": 2, "amount": 3}],
    )
    assert differences(old, new) == ["gifts[1].amount: 2 → 3"]
    assert differences(old, new, key="id") == ["gifts[id=2].amount: 2 → 3"]
    assert differences({"items": old}, new, key="id", old_at="items") == ["items[id=2].amount: 2 → 3"]


def test_rows_that_only_one_side_has_and_another_order_are_differences() -> None:
    old, new = [{"id": 1}, {"id": 2}], [{"id": 2}, {"id": 1}, {"id": 3}]
    assert differences(old, new, key="id") == [
        "gifts[id=3]: (not there) → •••",
        "gifts: order, from row 0: 1 → 2",
    ]
    assert differences(old, new[:2], key="id", ordered=False) == []
    assert differences(old, [*old, {"id": 2}], key="id") == ["gifts[id]: each row once → 1 row(s) twice"]


def test_declared_names_and_forms_are_no_difference_and_undeclared_ones_are() -> None:
    old = {"paid": 12.5, "at": "2026-01-01T10:00:00.123456", "tags": None, "n": 3}
    new = {"amount": "12.50", "at": "2026-01-01T10:00:00.123Z", "tags": [], "n": "3"}
    fields = {
        "paid": {"name": "amount", "as": "money"},
        "at": {"as": "time"},
        "tags": {"as": "empty"},
        "n": {"as": "number"},
    }
    assert differences(old, new, fields=fields) == []
    assert len(differences(old, new)) == 5
    assert differences(old, {**new, "at": "2026-01-01T10:00:00.125Z"}, fields=fields) != []
    assert differences(old, {**new, "amount": "12.51"}, fields=fields) == ['gifts.paid: 12.5 → "12.51"']
    assert differences(old, {**new, "amount": "a lot"}, fields=fields) == ['gifts.paid: 12.5 → "a lot"']


def test_of_a_list_of_objects_the_named_fields_are_compared_by_their_new_names() -> None:
    fields = {"plan": {"name": "segments", "as": "empty", "each": {"title": "name"}}}
    old = {"plan": [{"title": "Song", "leader": "x"}, {"title": "Word"}]}
    right = [{"id": "r1", "name": "Song"}, {"id": "r2", "name": "Word"}]
    assert differences(old, {"segments": right}, fields=fields) == []
    found = differences(old, {"segments": [right[0], {"id": "r3", "name": "Segment"}]}, fields=fields)
    assert found == ['gifts.plan[1].title: "Word" → "Segment"']
    assert differences(old, {"segments": right[:1]}, fields=fields) == ["gifts.plan[1]: ••• → (not there)"]
    assert differences({"plan": None}, {"segments": []}, fields=fields) == []
    with pytest.raises(ValueError, match="needs names under each"):
        differences(old, old, fields={"plan": {"each": ["title"]}})


def test_a_field_that_one_side_lacks_differs_unless_it_is_ignored() -> None:
    assert differences({"a": 1}, {"b": None}) == ["gifts.a: 1 → (not there)", "gifts.b: (not there) → null"]
    assert differences({"a": 1}, {"b": 2}, ignore=["a", "b"]) == []


def test_personal_values_are_masked_wherever_they_stand() -> None:
    old = {"donor_name": "Ada", "payment": {"customer": {"code": "x"}}, "free": "write to ada@people.invalid"}
    new = {"donor_name": "Eve", "payment": {"customer": {"code": "y"}}, "free": "else", "pet": "cat"}
    found = differences(old, new, personal=["pet"])
    assert found == [
        "gifts.donor_name: ••• → •••",
        "gifts.payment.customer.code: ••• → •••",
        'gifts.free: ••• → "else"',
        "gifts.pet: (not there) → •••",
    ]
    keyed = differences(
        [{"email": "ada@people.invalid", "n": 1}], [{"email": "ada@people.invalid"}], key="email"
    )
    assert keyed == ["gifts[0].n: 1 → (not there)"]


@pytest.mark.parametrize(
    ("old", "new", "rules"),
    [
        ({"rows": []}, [], {"old_at": "items"}),
        ([{"id": 1}], [{"no": 1}], {"key": "id"}),
        ([1], [1], {"key": "id"}),
    ],
)
def test_an_answer_without_its_rows_is_not_compared(old: Any, new: Any, rules: Any) -> None:
    with pytest.raises(MissingRows):
        differences(old, new, **rules)


@pytest.mark.parametrize(
    ("read", "said"),
    [
        ("x", "must look like"),
        ({"old": "/a"}, "must look like"),
        ({"old": "a", "new": "/a"}, "begin with"),
        ({"old": "/a", "new": "/a", "sort": True}, "no setting sort"),
        ({"old": "/a", "new": "/a", "fields": {"x": {"as": "float"}}}, "cannot be read as “float”"),
        ({"old": "/a", "new": "/a", "fields": [1]}, "fields is a mapping"),
        ({"old": "/a", "new": "/a", "ignore": "id"}, "ignore is a list"),
        ({"old": "/a", "new": "/a", "ordered": 1}, "ordered is true or false"),
    ],
)
def test_a_mistake_in_the_runbook_is_reported_with_its_number(read: Any, said: str) -> None:
    with pytest.raises(ValueError, match=f"read 2: .*{said}"):
        parse_read_rules([{"old": "/a", "new": "/b"}, read])
