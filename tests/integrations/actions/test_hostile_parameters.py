"""Whatever a runbook gives to an action, a person gets a message: no other exception comes out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from django import forms
from hypothesis import given
from hypothesis import strategies as st

from integrations.actions import AnyAction, Context, RunbookItem, registry
from integrations.errors import Problem
from integrations.systems import Systems
from tests.customer_runbook import customer_runbook


def nested(depth: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


HOSTILE: list[Any] = [
    *(None, True, 0, -1, 10**400, 1e308, float("inf"), float("nan"), "", " ", "\0", "a\0b", "\ud800", "é"),
    *("x" * 100_000, "%" * 10_000, "${UNSET_VARIABLE}", "${", "[", "(", "%s", "%(id)s", "{", "{}", "{0}"),
    *("{a.b}", "{provider!x}", "{provider:>99}", "/{provider}", "../../etc", "//", "http://[", "[::1"),
    *([], [None], [[]], [{}], [1, "a"], ["\0"], ["("], [True], [float("nan")], {}, {"": ""}, {"a": None}),
    *({"a": {"b": []}}, {"a": "("}, {"1": 2}, {"a": float("inf")}, {"\0": "\0"}),
    *(nested(3000), {"a": nested(3000)}),
]  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
SLOW = 2.0  # seconds that no single reading of parameters may take, also on a busy machine


class Environ(dict[str, str]):
    """An environment in which every variable is set but one."""

    def get(self, name: str, default: Any = None) -> Any:
        return default if name == "UNSET_VARIABLE" else "value"


def shipped_items() -> Iterator[Mapping[str, Any]]:
    phases = customer_runbook()["phases"]
    yield from (item for phase in phases for item in phase["items"] if item.get("action"))


@pytest.fixture(scope="module")
def context() -> Context:
    items = {item["key"]: RunbookItem(item["action"], item.get("params", {})) for item in shipped_items()}
    systems = Systems(customer_runbook()["systems"], Environ())
    return Context(systems, evidence={}, folder=Path("/nowhere"), items=items)


BASES = {item["action"]: item.get("params", {}) for item in shipped_items()}


def read(action: AnyAction, raw: Mapping[str, Any], context: Context) -> None:
    """All that the check of a runbook and a preview read of parameters before anything is asked."""
    began = time.process_time()
    action.effect_of(raw)
    action.is_risky_with(raw)
    try:
        params = action.bind(raw, context)
        action.resource(params)
        list(action.list_commands(params))
    except (forms.ValidationError, Problem):
        pass
    assert time.process_time() - began < SLOW, "the time grows with the length of a text"


@pytest.mark.filterwarnings("ignore:Possible nested set:FutureWarning")  # “[[” as a regular expression
@pytest.mark.parametrize("key", sorted(registry()))
def test_every_field_takes_or_refuses_every_hostile_value(key: str, context: Context) -> None:
    action = registry()[key]
    for value in HOSTILE:
        read(action, dict.fromkeys([*action.Params.base_fields, "no such field"], value), context)


@pytest.mark.property
@pytest.mark.filterwarnings("ignore:Possible nested set:FutureWarning")
@given(
    key=st.sampled_from(sorted(registry())),
    place=st.integers(0, 40),
    value=st.sampled_from(HOSTILE) | JSON,
)
def test_one_hostile_value_among_right_ones_is_a_message(
    key: str, place: int, value: Any, context: Context
) -> None:
    action = registry()[key]
    names = [*action.Params.base_fields, "no such field"]
    read(action, {**BASES.get(key, {}), names[place % len(names)]: value}, context)
