"""Settings and parameters take their values from the environment, and say which one is missing."""

from __future__ import annotations

import pytest

from integrations.errors import MissingVariable, Problem
from integrations.systems import Systems

ENVIRON = {"SECONDS": "12", "HOST": "old.invalid", "EMPTY": ""}


def test_variables_in_nested_parameters_are_filled_in() -> None:
    systems = Systems({}, ENVIRON)
    raw = {"seconds": "${SECONDS:-1800}", "every": "${EVERY:-10}", "old": ["${HOST}", {"at": "x-${HOST}"}]}
    assert systems.fill_variables(raw) == {
        "seconds": "12",
        "every": "10",
        "old": ["old.invalid", {"at": "x-old.invalid"}],
    }
    assert systems.fill_variables({"n": 7, "yes": True, "none": None}) == {"n": 7, "yes": True, "none": None}


@pytest.mark.parametrize("name", ["UNSET", "EMPTY"])
def test_a_parameter_without_its_variable_is_refused_with_the_variables_name(name: str) -> None:
    with pytest.raises(MissingVariable, match=f"The variable {name} is not set") as refused:
        Systems({}, ENVIRON).fill_variables({"old": [f"${{{name}}}"]})
    assert "parameter" in refused.value.means


def test_an_empty_default_is_a_default() -> None:
    systems = Systems({"it": {"kind": "platform", "driver": "helm", "file": "${FILE:-}"}}, {})
    assert systems["it"]["file"] == ""


def test_a_setting_names_its_system() -> None:
    systems = Systems({"store": {"kind": "http", "url": "${UNSET}"}}, ENVIRON)
    with pytest.raises(MissingVariable) as refused:
        systems["store"]["url"]
    assert "“store”" in refused.value.means


def test_systems_are_selected_by_kind_and_name() -> None:
    folder = {"kind": "folder", "path": "/x"}
    systems = Systems({"one": folder, "two": folder, "file": {"kind": "env_file", "path": "/y"}}, {})
    assert [system.name for system in systems.select("folder")] == ["one", "two"]
    assert [system.name for system in systems.select("folder", ["two"])] == ["two"]
    with pytest.raises(Problem, match="no system of kind folder called file") as refused:
        systems.select("folder", ["file", "one"])
    assert "one, two" in refused.value.next
    with pytest.raises(Problem, match="no system of kind redis called anything"):
        systems.select("redis")
