"""Settings and parameters take their values from the environment, and say which one is missing."""

from __future__ import annotations

import pytest

from integrations.errors import MissingVariable
from integrations.systems import Systems

ENVIRON = {"SECONDS": "12", "HOST": "old.invalid", "EMPTY": ""}


def test_parameters_are_filled_in_however_deep() -> None:
    systems = Systems({}, ENVIRON)
    raw = {"seconds": "${SECONDS:-1800}", "every": "${EVERY:-10}", "old": ["${HOST}", {"at": "x-${HOST}"}]}
    assert systems.filled(raw) == {
        "seconds": "12",
        "every": "10",
        "old": ["old.invalid", {"at": "x-old.invalid"}],
    }
    assert systems.filled({"n": 7, "yes": True, "none": None}) == {"n": 7, "yes": True, "none": None}


@pytest.mark.parametrize("name", ["UNSET", "EMPTY"])
def test_a_parameter_without_its_variable_stops_with_its_name(name: str) -> None:
    with pytest.raises(MissingVariable, match=f"The variable {name} is not set") as refused:
        Systems({}, ENVIRON).filled({"old": [f"${{{name}}}"]})
    assert "parameter" in refused.value.means


def test_an_empty_default_is_a_default() -> None:
    systems = Systems({"it": {"kind": "platform", "driver": "helm", "file": "${FILE:-}"}}, {})
    assert systems.unset_variables() == []
    assert systems["it"]["file"] == ""


def test_a_setting_names_its_system() -> None:
    systems = Systems({"store": {"kind": "http", "url": "${UNSET}"}}, ENVIRON)
    with pytest.raises(MissingVariable) as refused:
        systems["store"]["url"]
    assert "“store”" in refused.value.means
