"""The type checker and the registration refuse names that an action does not have."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from django import forms

from cutover.data_folder import PROJECT
from integrations import actions
from integrations.actions import AnyAction, Context, registry
from integrations.actions.gift_fields import GiftApiField
from integrations.actions.named_people import PeopleField
from integrations.actions.parity_fields import ColumnsField, EntriesField, KindsField
from integrations.actions.path_fields import PathTemplateField
from integrations.systems import Systems
from tests.integrations.actions.annotations import plain_types

SNIPPET = """
from dataclasses import dataclass
from typing import Any, TypedDict

from integrations import actions
from integrations.actions.dns_lower_ttl import DnsLowerTtlEvidence


@dataclass(frozen=True)
class SnippetParams(actions.ActionParams):
    days: int | None
    lowered: actions.EarlierItem[DnsLowerTtlEvidence]


class SnippetEvidence(TypedDict, total=False):
    counted: int


class Snippet(actions.ReadOnlyAction[SnippetParams, SnippetEvidence]):
    key, title = "snippet.check", "Check the snippet"

    def preview(self, params: SnippetParams) -> actions.Preview:
        return actions.Preview([f"{params.days}"])

    def run(self, params: SnippetParams, report: actions.RunReport[SnippetEvidence]) -> actions.Outcome:
        earlier = params.lowered.evidence.get("lowered")
        latest = params.lowered.latest_evidence["lowered"]
        ttl = earlier["after"]["ttl"] if earlier else latest["before"]["ttl"]
        report.evidence({"counted": ttl})
        return actions.Outcome(True, "counted")
"""
MISSPELT = [
    ("params.days", "params.dayz", '"SnippetParams" has no attribute "dayz"'),
    ('.get("lowered")', '.get("lowred")', 'Value of type "object" is not indexable'),
    ('["lowered"]', '["lowred"]', '"DnsLowerTtlEvidence" has no key "lowred"'),
    ('{"counted":', '{"countd":', 'Extra key "countd" for TypedDict "SnippetEvidence"'),
]


def test_the_type_checker_reports_misspelt_parameters_and_evidence(tmp_path: Path) -> None:
    right, wrong = tmp_path / "right.py", tmp_path / "wrong.py"
    right.write_text(SNIPPET)
    text = SNIPPET
    for name, misspelt, _ in MISSPELT:
        assert name in text
        text = text.replace(name, misspelt)
    wrong.write_text(text)
    said = subprocess.run(  # the project's own cache: from scratch it takes a minute
        [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", str(right), str(wrong)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    assert "right.py" not in said, said
    for _, _, error in MISSPELT:
        assert error in said, said
    assert said.count("error:") == len(MISSPELT), said


#: Kind of field → a valid value, or None where this test cannot make one up: the field needs a system with
#: settings, or has to match a pattern. The first that fits counts.
SAMPLES: list[tuple[Any, Callable[[Any], Any]]] = [
    (EntriesField | GiftApiField | forms.RegexField, lambda field: None),
    (actions.ItemsField | actions.SystemsField, lambda field: []),
    (actions.SystemField, lambda field: f"a-{field.kinds[0]}"),
    (actions.EvidenceField, lambda field: "an-item"),
    (PathTemplateField, lambda field: "/" + "/".join(f"{{{name}}}" for name in field.names)),
    (PeopleField, lambda field: {"header": "X-Pilot: staff"}),
    (ColumnsField, lambda field: ["table.column"]),
    (KindsField, lambda field: ["indexes"]),
    (actions.JSONValueField, lambda field: ["a"] if field.kind is list else {"a": "b"}),
    (forms.ChoiceField, lambda field: next(value for value, _ in field.choices)),
    (forms.BooleanField, lambda field: True),
    (forms.IntegerField, lambda field: field.min_value or 1),  # FloatField, too
    (forms.Field, lambda field: "text"),
]


def sample(field: forms.Field) -> Any:
    """A valid value of a field, or None when this test cannot make one up."""
    return next(make(field) for kind, make in SAMPLES if isinstance(field, kind))


@pytest.mark.parametrize("key", registry())
def test_every_parameter_has_the_type_that_its_field_cleans_to(key: str) -> None:
    action = registry()[key]
    types = get_type_hints(action.params_type)
    fields = action.Params.base_fields.values()
    kinds = {f.kinds[0] for f in fields if isinstance(f, actions.SystemField)}
    systems = Systems({f"a-{kind}": {"kind": kind} for kind in kinds}, environ={})
    form = action.Params({}, context=Context(systems, evidence={}, folder=Path()))
    for name, field in form.fields.items():
        declared = plain_types(types[name])
        if hasattr(form, f"clean_{name}"):
            continue  # the runbook of the customer has values for these: see test_covenant_connect
        cleaned = [] if field.required else [field.clean(None)]
        if (value := sample(field)) is not None:
            cleaned.append(field.clean(value))
        assert all(isinstance(one, declared) for one in cleaned), f"{name}: {types[name]}, but {cleaned}"
        assert field.required is False or NoneType not in declared, f"{name} is never None"


@pytest.mark.parametrize("key", registry())
def test_evidence_that_is_read_has_the_type_of_the_action_that_records_it(key: str) -> None:
    action = registry()[key]
    types = get_type_hints(action.params_type)
    for name, field in action.Params.base_fields.items():
        if isinstance(field, actions.EvidenceField):
            members = [one for one in (types[name], *get_args(types[name])) if get_origin(one)]
            [item] = [one for one in members if get_origin(one) is actions.EarlierItem]
            recorded = registry()[field.action].evidence_type
            assert get_args(item) == (recorded,), name


def action_with(params: type[Any]) -> type[AnyAction]:
    class Refused(actions.ReadOnlyAction[params, dict[str, Any]]):
        key, title = "refused.check", "Check nothing"

        class Params(actions.ActionForm):
            days = forms.IntegerField(required=False)

        def preview(self, params: Any) -> actions.Preview:
            return actions.Preview([])

        def run(self, params: Any, report: Any) -> actions.Outcome:
            return actions.Outcome(True, "")

    return Refused


@dataclass(frozen=True)
class Misspelt(actions.ActionParams):
    dayz: int | None


def test_registration_refuses_parameters_that_are_not_those_of_the_form() -> None:
    with pytest.raises(TypeError, match="the form and Misspelt differ in days, dayz"):
        actions.register(action_with(Misspelt))
    with pytest.raises(TypeError, match="the form and ActionParams differ in days"):
        actions.register(action_with(actions.ActionParams))
    assert "refused.check" not in registry()


@pytest.mark.parametrize("key", [["a", "list"], 7, {"a": "mapping"}])
def test_an_item_is_named_by_text_only(key: Any) -> None:
    field = actions.EvidenceField(action="backup.take")
    field.context = Context(Systems({}, environ={}), evidence={}, folder=Path())
    with pytest.raises(forms.ValidationError, match="must be the key of an item"):
        field.clean(key)


def test_an_earlier_item_has_the_facts_of_its_success_and_of_its_latest_attempt() -> None:
    context = Context(
        Systems({}, environ={}),
        evidence={"take": {"backup": 1}},
        folder=Path(),
        traces={"take": {"path": "/b", "backup": 2}},
    )
    item = actions.EarlierItem[dict[str, Any]]("take", context)
    assert item.evidence == {"backup": 1}
    assert item.latest_evidence["backup"] == 2
    assert item.before["path"] == "/b"
    assert actions.EarlierItem[dict[str, Any]]("other", context).evidence == {}


def test_actions_without_an_effect_are_read_only_actions(only_own_actions: None) -> None:
    pure = {key: one for key, one in registry().items() if one.effect is actions.Effect.PURE}
    assert {key for key, one in pure.items() if not isinstance(one, actions.ReadOnlyAction)} == set()
