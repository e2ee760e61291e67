"""Replaces ``[[item-key]]`` in texts by the item's number, which changes when items move."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from checklists.runbook.document import Document, ItemSpec, PhaseSpec
from checklists.runbook.error_collector import ErrorCollector, suggest

_LINK = re.compile(r"\[\[([a-z0-9-]+)\]\]")


def resolve_item_links(document: Document, errors: ErrorCollector) -> Document:
    """The document with every ``[[key]]`` replaced. A key without an item is an error."""
    links = _Links({item.key: item.number for item in document.items}, document.text.split("\n"), errors)
    return replace(document, phases=tuple(map(links.fill_phase, document.phases)))


@dataclass(frozen=True)
class _Links:
    numbers: dict[str, str]  # item's key → its number
    lines: list[str]  # of the file
    errors: ErrorCollector

    def fill_phase(self, phase: PhaseSpec) -> PhaseSpec:
        """The phase and its items with numbers for links."""
        note = self._fill(phase.note, phase.line, f"phase {phase.key}")
        return replace(phase, note=note, items=tuple(map(self._fill_item, phase.items)))

    def _fill_item(self, item: ItemSpec) -> ItemSpec:
        texts = (item.how, item.irreversible, item.opens)
        how, irreversible, opens = (self._fill(text, item.line, f"item {item.key}") for text in texts)
        return replace(item, how=how, irreversible=irreversible, opens=opens)

    def _fill(self, text: str, begins: int, where: str) -> str:
        def number(match: re.Match[str]) -> str:
            key = match[1]
            if key not in self.numbers:
                what = f"its text names [[{key}]], which is no item."
                self.errors.add(self._line_of(match[0], begins), where, what, suggest(key, self.numbers))
            return self.numbers.get(key, match[0])

        return _LINK.sub(number, text)

    def _line_of(self, link: str, begins: int) -> int:
        """The first line with this link from the line ``begins`` on."""
        found = (number for number, line in enumerate(self.lines[begins - 1 :], begins) if link in line)
        return next(found, begins)
