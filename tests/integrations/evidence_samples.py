"""Evidence of any action, made from its type: every fact is there, every list and mapping has an entry."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any

from tests.integrations.test_moving_facts import evidence_of

#: A text that is a moment, too: what pages do with moments is done with it.
TEXT = "2026-01-02T03:04:05+00:00"
#: What a fact holds of which the type says nothing: each kind of JSON.
ANYTHING = {"some": [{"thing": TEXT, "sum": "150.00", "rows": 3}], "is": True, "none": None}
PLAIN = {str: TEXT, int: 3, float: 1.5, bool: True, bytes: TEXT, object: ANYTHING, Any: ANYTHING}


def sample_evidence(action: Any) -> dict[str, Any]:
    """The facts of an attempt of this action, warnings included."""
    made = sample_of(evidence_of(action))
    return {**(made if isinstance(made, dict) else {}), "warnings": ["A gift of Ama has no receipt."]}


def sample_of(kind: Any) -> Any:
    """A value of this type. Raises TypeError for a type of which no sample is known."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind in PLAIN:
        return PLAIN[kind]
    if origin in (typing.Required, typing.NotRequired, typing.Annotated):
        return sample_of(inner[0])
    if origin in (typing.Union, types.UnionType):
        return sample_of(next(one for one in inner if one is not type(None)))
    if origin is typing.Literal:
        return inner[0]
    return _sample_of_parts(kind, origin or kind, inner)


def _sample_of_parts(kind: Any, origin: Any, inner: tuple[Any, ...]) -> Any:
    if typing.is_typeddict(kind) or dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind, include_extras=True)
        return {name: sample_of(one) for name, one in hints.items()}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"people": sample_of(inner[1])} if inner else ANYTHING
    if isinstance(origin, type) and issubclass(origin, typing.Collection):
        return [sample_of(one) for one in inner if one is not Ellipsis] if inner else [ANYTHING]
    raise TypeError(f"evidence of the type {kind!r}: say in {__name__} what a sample of it is")
