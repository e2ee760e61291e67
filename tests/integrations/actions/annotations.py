"""What a type annotation allows at run time."""

from __future__ import annotations

from types import UnionType
from typing import Any, Union, get_args, get_origin


def plain_types(annotation: Any) -> tuple[type, ...]:
    """The classes that a value of this annotation may have: ``list[Any] | None`` → list, NoneType."""
    union = get_origin(annotation) in (Union, UnionType)
    members = get_args(annotation) if union else (annotation,)
    return tuple(get_origin(one) or one for one in members)
