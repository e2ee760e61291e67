"""Differences that the runbook declares: they are counted separately, shown, and never fail a comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

#: Kind → (meaning, required fields besides ``table``, optional fields).
RULE_KINDS: dict[str, tuple[str, frozenset[str], frozenset[str]]] = {
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


class InvalidRule(ValueError):
    """A declared difference with a mistake; the message names it by its position in the list."""


@dataclass(frozen=True)
class DeclaredRule:
    """One declared difference; ``table`` and ``column`` may contain ``*``. ``digits`` are of a second."""

    kind: str
    table: str
    column: str = ""
    default: Any = None
    digits: int = 3

    def matches(self, table: str, column: str = "") -> bool:
        """Whether the rule is about this column or, without ``column``, about this table as a whole."""
        if not fnmatchcase(table, self.table):
            return False
        return (
            fnmatchcase(column, self.column) if column and self.column else bool(column) == bool(self.column)
        )

    @property
    def description(self) -> str:
        """The rule in words, as a result shows it."""
        where = f"{self.table}.{self.column}" if self.column else self.table
        if self.kind == "null_is_default":
            return f"{where}: NULL is {self.default!r}"
        if self.kind == "rounded":
            return f"{where}: rounded to {self.digits} digits of a second"
        return f"{where}: {RULE_KINDS[self.kind][0]}"

    def as_facts(self) -> dict[str, Any]:
        """JSON values that `parse_rules` reads."""
        facts = {"kind": self.kind, "table": self.table, "column": self.column}
        more = {"null_is_default": {"default": self.default}, "rounded": {"digits": self.digits}}
        return {name: value for name, value in facts.items() if value} | more.get(self.kind, {})


def parse_rules(declared: Iterable[Any]) -> tuple[DeclaredRule, ...]:
    """Rules from a list of mappings; raises `InvalidRule` about the first mistake."""
    return tuple(_parse_rule(number, given) for number, given in enumerate(declared, 1))


def _parse_rule(number: int, given: Any) -> DeclaredRule:
    place = f"declared difference {number}"
    if not isinstance(given, Mapping):
        raise InvalidRule(
            f"{place} must be a mapping such as {{kind: new_column, table: users, column: roles}}"
        )
    kind = given.get("kind")
    if kind not in RULE_KINDS:
        raise InvalidRule(f"{place} has kind “{kind}”; there are: {', '.join(RULE_KINDS)}")
    _, needed, allowed = RULE_KINDS[kind]
    needed = needed | {"table"}
    if missing := sorted(needed - set(given)):
        raise InvalidRule(f"{place} ({kind}) needs {', '.join(missing)}")
    if unknown := sorted(set(map(str, given)) - needed - allowed - {"kind"}):
        raise InvalidRule(f"{place} ({kind}) does not know {', '.join(unknown)}")
    for name in ("table", "column"):
        if not isinstance(given.get(name, ""), str) or given.get(name, "x") == "":
            raise InvalidRule(f"{place}: {name} must be a name, which may hold *")
    digits = given.get("digits", 3)
    if type(digits) is not int or not 0 <= digits <= 5:
        raise InvalidRule(f"{place}: digits must be a number from 0 to 5")
    return DeclaredRule(kind, given["table"], given.get("column", ""), given.get("default"), digits)


class DeclaredRules:
    """All rules of one comparison; records which of them applied."""

    def __init__(self, rules: Iterable[DeclaredRule]) -> None:
        self.rules = tuple(rules)
        self._used: set[int] = set()

    def find(
        self,
        kind: str,
        table: str,
        column: str = "",
        fits: Callable[[DeclaredRule], bool] = lambda rule: True,
    ) -> DeclaredRule | None:
        """The first rule of that kind for this table or column that ``fits``; it is marked as used."""
        for rule in self.rules:
            if rule.kind == kind and rule.matches(table, column) and fits(rule):
                self._used.add(id(rule))
                return rule
        return None

    @property
    def unused(self) -> list[str]:
        """Rules that applied to nothing in these databases, often because of a misspelt name."""
        return [rule.description for rule in self.rules if id(rule) not in self._used]
