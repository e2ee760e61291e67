"""Builds HTML; every text is escaped unless it is markup already."""

from __future__ import annotations

from html import escape


class Html(str):
    """Text that is markup: it is not escaped again."""

    __slots__ = ()


def join_markup(*inside: object) -> Html:
    """Joins the parts; text that is no markup is escaped, None is skipped."""
    return Html(
        "".join(part if isinstance(part, Html) else escape(str(part)) for part in inside if part is not None)
    )


def tag(name: str, *inside: object, **attributes: str | bool) -> Html:
    """An element. ``class_`` stands for class, ``aria_label`` for aria-label.

    True is an attribute without a value, False none.
    """
    written = "".join(
        _attribute(key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items()
    )
    return Html(f"<{name}{written}>{join_markup(*inside)}</{name}>")


def _attribute(name: str, value: str | bool) -> str:
    if isinstance(value, bool):
        return f" {name}" if value else ""
    return f' {name}="{escape(value)}"'
