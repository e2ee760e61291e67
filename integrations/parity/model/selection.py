"""Which tables and rows a comparison is restricted to: patterns of names, and conditions on rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from integrations.parity.errors import ParityError


def matches_name(label: str, pattern: str) -> bool:
    """Whether a pattern, which may contain ``*``, means this name; any name means itself."""
    return label == pattern or fnmatchcase(label, pattern)


@dataclass(frozen=True)
class RowCondition:
    """Only rows for which this SQL is true are compared, in the tables that ``table`` (a pattern) means.

    A row for which it is NULL is left out, as in any WHERE. ``source`` and ``target`` are the condition of
    either side.
    """

    table: str
    source: str
    target: str

    def on(self, side: str) -> str:
        """The condition of the ``source`` or the ``target``."""
        return self.source if side == "source" else self.target


@dataclass(frozen=True)
class TableSelection:
    """``tables`` are patterns of those that are compared (() for all), ``exclude`` of those that are not."""

    tables: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    where: tuple[RowCondition, ...] = ()

    @property
    def selects_all(self) -> bool:
        """Whether no table is left out."""
        return not self.tables and not self.exclude

    @property
    def description(self) -> str:
        """What is compared, in words; empty where that is everything."""
        parts = [f"only the tables {', '.join(self.tables)}"] if self.tables else []
        parts += [f"without {', '.join(self.exclude)}"] if self.exclude else []
        # Without the conditions: they may hold values, and this is shown to people who may not see any.
        parts += [
            f"of {name} only rows that meet a condition"
            for name in dict.fromkeys(one.table for one in self.where)
        ]
        return "; ".join(parts)

    def selects(self, label: str) -> bool:
        """Whether the table of this label is compared."""
        wanted = not self.tables or any(matches_name(label, pattern) for pattern in self.tables)
        return wanted and not any(matches_name(label, pattern) for pattern in self.exclude)

    def conditions_of(self, label: str) -> list[RowCondition]:
        """All conditions on the rows of a table; a row has to meet each of them."""
        return [one for one in self.where if matches_name(label, one.table)]

    def require_matches(self, labels: Iterable[str]) -> None:
        """Raises `ParityError` when a pattern means none of these tables, which are those of both sides."""
        known = sorted(set(labels))
        if wrong := list(self._iterate_unmatched(known)):
            raise ParityError(
                f"{wrong[0]} matches nothing.",
                means="Nothing was compared: a wrong name would leave out what it should not.",
                next=_list_known(known),
            )

    def _iterate_unmatched(self, labels: list[str]) -> Iterator[str]:
        for option, patterns in (("--table", self.tables), ("--exclude", self.exclude)):
            for pattern in patterns:
                if not any(matches_name(label, pattern) for label in labels):
                    yield f"{option} {pattern}"
        selected = [label for label in labels if self.selects(label)]
        for one in self.where:
            if not any(matches_name(label, one.table) for label in selected):
                yield f"--where {one.table}=…"
        if not selected and labels:
            yield "What --table and --exclude leave together"


def _list_known(labels: list[str]) -> str:
    if not labels:
        return "There is no table on either side: is it the right database, or --schema?"
    shown = ", ".join(labels[:20]) + (f" and {len(labels) - 20} more" if len(labels) > 20 else "")
    return f"The tables that are compared are {shown}; those of other schemas are written schema.table."


def parse_where(text: str) -> RowCondition:
    """The condition of ``table=condition``, the same for both sides; raises ValueError."""
    table, separator, condition = text.partition("=")
    if not separator or not table.strip() or not condition.strip():
        raise ValueError(f"“{text}” is not table=condition, such as orders=placed_at < '2026-01-01'")
    return RowCondition(table.strip(), condition.strip(), condition.strip())


def parse_conditions(given: Iterable[Any]) -> tuple[RowCondition, ...]:
    """From a list of ``{table, condition}`` or ``{table, source, target}``; raises ValueError."""
    return tuple(_parse_condition(number, one) for number, one in enumerate(given, 1))


def _parse_condition(number: int, given: Any) -> RowCondition:
    shapes = ({"table", "condition"}, {"table", "source", "target"})
    is_valid = isinstance(given, Mapping) and set(given) in shapes
    if not is_valid or not all(isinstance(text, str) and text.strip() for text in given.values()):
        raise ValueError(
            f"where {number} must look like {{table: orders, condition: status <> 'draft'}},"
            " or with source: and target: instead of condition:"
        )
    source, target = (str(given.get(side, given.get("condition"))) for side in ("source", "target"))
    return RowCondition(given["table"], source.strip(), target.strip())
