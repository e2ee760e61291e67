"""Differences that the runbook declares: they are counted apart and shown, and never fail a comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

#: kind → (what it means, what it needs beside `table`, what else it may have)
KINDS: dict[str, tuple[str, frozenset[str], frozenset[str]]] = {
    "null_is_default": (
        "NULL before, the given default after",
        frozenset({"column", "default"}),
        frozenset(),
    ),
    "null_is_filled": (
        "NULL before, any value after (a time of migration)",
        frozenset({"column"}),
        frozenset(),
    ),
    "rounded": ("a time loses digits of its second", frozenset({"column"}), frozenset({"digits"})),
    "new_column": ("the target has a column more", frozenset({"column"}), frozenset()),
    "dropped_column": ("the target has a column less", frozenset({"column"}), frozenset()),
    "new_table": ("the target has a table more", frozenset(), frozenset()),
    "dropped_table": ("the target has a table less", frozenset(), frozenset()),
    "new_rows": ("the target has rows more", frozenset(), frozenset()),
    "structure": (
        "an index, constraint, trigger or default of the table, by its name, is not the same",
        frozenset(),
        frozenset({"column"}),
    ),
    "not_compared": ("left out on purpose: a column, or a whole table", frozenset(), frozenset({"column"})),
}


class Misdeclared(ValueError):
    """A declared difference that cannot be understood; the message names it by its place."""


@dataclass(frozen=True)
class Rule:
    """One declared difference; ``table`` and ``column`` may hold ``*``. ``digits`` is of a second."""

    kind: str
    table: str
    column: str = ""
    default: Any = None
    digits: int = 3

    def covers(self, table: str, column: str = "") -> bool:
        """Whether it speaks of this column (or, without one, of this table as a whole)."""
        if not fnmatchcase(table, self.table):
            return False
        return (
            fnmatchcase(column, self.column) if column and self.column else bool(column) == bool(self.column)
        )

    @property
    def words(self) -> str:
        """The rule as a person reads it in a result."""
        where = f"{self.table}.{self.column}" if self.column else self.table
        if self.kind == "null_is_default":
            return f"{where}: NULL is {self.default!r}"
        if self.kind == "rounded":
            return f"{where}: rounded to {self.digits} digits of a second"
        return f"{where}: {KINDS[self.kind][0]}"

    def as_facts(self) -> dict[str, Any]:
        """JSON values, in the form that `read_rules` reads."""
        facts = {"kind": self.kind, "table": self.table, "column": self.column}
        more = {"null_is_default": {"default": self.default}, "rounded": {"digits": self.digits}}
        return {name: value for name, value in facts.items() if value} | more.get(self.kind, {})


def read_rules(declared: Iterable[Any]) -> tuple[Rule, ...]:
    """Rules from the runbook's list of mappings; raises `Misdeclared` naming the first mistake."""
    return tuple(_rule(number, given) for number, given in enumerate(declared, 1))


def _rule(number: int, given: Any) -> Rule:
    place = f"declared difference {number}"
    if not isinstance(given, Mapping):
        raise Misdeclared(
            f"{place} must be a mapping such as {{kind: new_column, table: users, column: roles}}"
        )
    kind = given.get("kind")
    if kind not in KINDS:
        raise Misdeclared(f"{place} has kind “{kind}”; there are: {', '.join(KINDS)}")
    _, needed, allowed = KINDS[kind]
    needed = needed | {"table"}
    if missing := sorted(needed - set(given)):
        raise Misdeclared(f"{place} ({kind}) needs {', '.join(missing)}")
    if unknown := sorted(set(map(str, given)) - needed - allowed - {"kind"}):
        raise Misdeclared(f"{place} ({kind}) does not know {', '.join(unknown)}")
    for name in ("table", "column"):
        if not isinstance(given.get(name, ""), str) or given.get(name, "x") == "":
            raise Misdeclared(f"{place}: {name} must be a name, which may hold *")
    digits = given.get("digits", 3)
    if type(digits) is not int or not 0 <= digits <= 5:
        raise Misdeclared(f"{place}: digits must be a number from 0 to 5")
    return Rule(kind, given["table"], given.get("column", ""), given.get("default"), digits)


class Declared:
    """All rules of one comparison; remembers which of them were met."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self._met: set[int] = set()

    def find(
        self, kind: str, table: str, column: str = "", fits: Callable[[Rule], bool] = lambda rule: True
    ) -> Rule | None:
        """The first rule of that kind for this table or column that fits; it thereby counts as met."""
        for rule in self.rules:
            if rule.kind == kind and rule.covers(table, column) and fits(rule):
                self._met.add(id(rule))
                return rule
        return None

    @property
    def unmet(self) -> list[str]:
        """Rules that spoke of nothing in these databases: often a slip of the pen."""
        return [rule.words for rule in self.rules if id(rule) not in self._met]
