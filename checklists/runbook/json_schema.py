"""Makes the JSON Schema (draft 2020-12) of runbook files, so that editors can help while one is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from checklists.runbook.field_types import KEY, NAME, NAME_KEY, FieldSpec
from checklists.runbook.sections import ITEM, NEEDED, PHASE, RUNBOOK
from integrations import actions
from integrations.actions import (
    AnyAction,
    EvidenceField,
    ItemsField,
    JSONValueField,
    ScalarField,
    SystemField,
    SystemsField,
)
from integrations.system_kinds import STRUCTURED_SETTINGS, system_kinds

#: form field → JSON Schema; the first class that fits counts, so that subclasses stand first
_FORM_FIELDS: tuple[tuple[type[forms.Field], dict[str, Any]], ...] = (
    (forms.BooleanField, {"type": "boolean"}),
    (forms.FloatField, {"type": "number"}),
    (forms.DecimalField, {"type": ["number", "string"]}),
    (forms.IntegerField, {"type": "integer"}),
    (forms.DurationField, {"type": ["string", "integer"]}),
    (forms.MultipleChoiceField, {"type": "array"}),
    (SystemField, {"type": "string"}),
    (ScalarField, {"type": ["string", "number", "boolean"]}),
    (EvidenceField, {"type": "string", "pattern": f"^{KEY.pattern}$"}),
)


def json_schema(registry: Mapping[str, AnyAction] | None = None) -> dict[str, Any]:
    """The schema as JSON-ready data, with the parameters of every registered action."""
    known = actions.registry() if registry is None else registry
    schema = _section(RUNBOOK)
    properties = schema["properties"]
    properties["systems"] = {"type": "object", "additionalProperties": {"oneOf": _systems()}}
    titles = {"type": "object", "propertyNames": NAME_KEY.schema, "additionalProperties": NAME.schema}
    properties["roles"], properties["seats"] = titles, titles
    properties["phases"] = {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/phase"}}
    phase = _section(PHASE)
    phase["properties"]["items"] = {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/item"}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Runbook of a cutover",
        **schema,
        "$defs": {"phase": phase, "item": _item(known)},
    }


def _section(fields: Mapping[str, FieldSpec]) -> dict[str, Any]:
    properties = {name: {"description": each.help, **each.type.schema} for name, each in fields.items()}
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name, each in fields.items() if each.required],
        "additionalProperties": False,
    }


def _systems() -> list[dict[str, Any]]:
    text = {"type": "string", "minLength": 1}
    return [
        {
            "type": "object",
            "properties": {
                "kind": {"const": kind},
                **{
                    name: {"type": ["string", "object"]} if name in STRUCTURED_SETTINGS else text
                    for name in sorted(of_kind.settings)
                },
            },
            "required": ["kind", *sorted(of_kind.required)],
            "additionalProperties": False,
        }
        for kind, of_kind in sorted(system_kinds().items())
    ]


def _item(registry: Mapping[str, AnyAction]) -> dict[str, Any]:
    schema = _section(ITEM)
    schema["properties"]["action"]["enum"] = list(registry)
    by_kind = [
        {
            "if": {"properties": {"kind": {"const": kind}}},
            "then": {
                "required": list(needed),
                "properties": {name: False for name, each in ITEM.items() if kind not in each.only},
            },
        }
        for kind, needed in NEEDED.items()
    ]
    by_action = [
        {
            "if": {"properties": {"action": {"const": key}}, "required": ["action"]},
            "then": _with_params(action),
        }
        for key, action in registry.items()
    ]
    return {**schema, "allOf": by_kind + by_action}


def _with_params(action: AnyAction) -> dict[str, Any]:
    fields = action.Params.base_fields
    required = [name for name, each in fields.items() if each.required]
    params = {
        "description": action.title,
        "properties": {name: _param(each) for name, each in fields.items()},
        "required": required,
        "additionalProperties": False,
    }
    then: dict[str, Any] = {"properties": {"params": params}, "required": ["params"] if required else []}
    if action.risky:
        then["anyOf"] = [{"required": ["undo"]}, {"required": ["irreversible"]}]
    return then


def _param(each: forms.Field) -> dict[str, Any]:
    schema = dict(next((found for kind, found in _FORM_FIELDS if isinstance(each, kind)), _plain(each)))
    choices = [value for value, _ in getattr(each, "choices", ()) if value != ""]
    if choices and schema.get("type") == "array":
        schema["items"] = {"enum": choices}
    elif choices:
        schema = {"enum": choices}
    if each.help_text:
        schema["description"] = str(each.help_text)
    return schema


def _plain(each: forms.Field) -> dict[str, Any]:
    if isinstance(each, JSONValueField):
        return {"type": "array" if each.kind is list else "object"}
    if isinstance(each, SystemsField | ItemsField):
        return {"type": "array", "items": {"type": "string"}}
    return {"type": "string"}
