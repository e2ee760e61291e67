"""Collects mistakes, so that a reader is told all of them at once, and the nearest right word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from checklists.runbook.document import Mistake
from checklists.runbook.kinds import Field, Wrong
from checklists.runbook.source import Node


def nearest(word: str, known: Iterable[str]) -> str:
    """“Did you mean “owner”?”, or the list of what there is."""
    names = list(known)
    close = get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"Did you mean “{close[0]}”?"
    shown = ", ".join(names[:25]) + (", …" if len(names) > 25 else "")
    return f"There is: {shown}." if names else "There is none."


@dataclass
class Notebook:
    """The mistakes of one file so far."""

    mistakes: list[Mistake] = field(default_factory=list)

    def add(self, line: int, where: str, what: str, remedy: str, *, stops: bool = True) -> None:
        """Notes one mistake."""
        self.mistakes.append(Mistake(line, where, what, remedy, stops))

    def section(self, node: Node, fields: Mapping[str, Field], where: str) -> dict[str, Any]:
        """Reads one section by its table: every field with its value, or its default."""
        if not isinstance(node.value, dict):
            self.add(node.line, where, "a mapping (key: value) belongs here.", "Write key: and title:.")
            return {name: each.default for name, each in fields.items()}
        for name in node.value.keys() - fields.keys():
            self.add(node.value[name].line, where, f"“{name}” is no key here.", nearest(name, sorted(fields)))
        return {name: self._value(node, name, each, where) for name, each in fields.items()}

    def _value(self, section: Node, name: str, each: Field, where: str) -> Any:
        assert isinstance(section.value, dict)
        node = section.value.get(name)
        if node is None:
            if each.required:
                self.add(section.line, where, f"{name}: is missing.", f"Add it. {each.help}")
            return each.default
        return self.value(node, each, where, f"{name}: ")

    def value(self, node: Node, each: Field, where: str, label: str = "") -> Any:
        """Reads one value; what is wrong with it is noted and the default given."""
        try:
            return each.kind.read(node)
        except Wrong as wrong:
            self.add(wrong.line or node.line, where, f"{label}{wrong.what}", wrong.remedy)
            return each.default
