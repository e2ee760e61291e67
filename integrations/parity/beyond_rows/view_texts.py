"""Compares the texts of views, which PostgreSQL writes in another way since version 16."""

from __future__ import annotations

import re

#: A relation in the text of a view, with its alias: “FROM ONLY app.orders o”.
RELATION = re.compile(
    r'\bFROM (?:ONLY )?(?:(?:[\w$]+|"(?:[^"]|"")+")\.)?(?P<name>[\w$]+|"(?:[^"]|"")+")'
    r'(?: (?P<alias>[a-z_][\w$]*|"(?:[^"]|"")+"))?'
)


def view_differs(source: str | None, target: str | None) -> bool:
    """Whether two views differ.

    Before version 16, columns of a query over a single relation were written with its name (``t.id``), since
    then without (``id``), except in subqueries. So the name of one relation may be taken out of both texts: a
    column without a name can only be one of the single relation that both texts name.
    """
    if source is None or target is None or source == target:
        return source != target
    return all(_without(name, source) != _without(name, target) for name in _relations(source))


def _relations(text: str) -> set[str]:
    found = list(RELATION.finditer(text))
    return {one["name"] for one in found} | {one["alias"] for one in found if one["alias"]} | {""}


def _without(relation: str, text: str) -> str:
    """The text without the name of this relation in front of columns."""
    return re.sub(rf"(?<![\w$.\"]){re.escape(relation)}\.", "", text) if relation else text
