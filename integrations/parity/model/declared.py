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
    "renamed_schema": (
        "the target has this schema under another name",
        frozenset({"schema", "to"}),
        frozenset(),
    ),
    "renamed_table": ("the target has this table under another name", frozenset({"to"}), frozenset()),
    "renamed_column": (
        "the target has this column under another name",
        frozenset({"column", "to"}),
        frozenset(),
    ),
    "as": (
        "compared through an SQL expression for either side, or for both",
        frozenset({"column"}),
        frozenset({"source", "target"}),
    ),
    "rounded_number": (
        "compared after both sides were rounded",
        frozenset({"column"}),
        frozenset({"digits"}),
    ),
    "normalised": ("compared after both sides were normalised", frozenset({"column", "form"}), frozenset()),
    "with_children": (
        "compared together with the tables that inherit from it",
        frozenset(),
        frozenset(),
    ),
}
#: Form of `normalised` → SQL, in which ``{}`` is the column as text. NULL stays NULL.
NORMAL_FORMS = {
    "lower": "lower({})",
    "trimmed": "btrim({})",
    "no_trailing_spaces": "rtrim({})",
    "nfc": "normalize({}, nfc)",
    "empty_is_null": "nullif({}, '')",
    "null_is_empty": "coalesce({}, '')",
    # A string is matched as a whole, and put back as it is: the numbers in it are letters.
    "json_numbers": (
        'regexp_replace(textin(jsonb_out(({})::jsonb)), \'("(?:[^"\\\\]|\\\\.)*")|\\.0+(?![0-9])'
        "|(\\.[0-9]*[1-9])0+(?![0-9])', '\\1\\2', 'g')"
    ),
}
SQL_KINDS = ("as", "rounded_number", "normalised")
RENAMES = ("renamed_schema", "renamed_table", "renamed_column")
TEXT_FIELDS = ("table", "column", "schema", "to", "source", "target")


class InvalidRule(ValueError):
    """A declared difference with a mistake; the message names it by its position in the list."""


@dataclass(frozen=True)
class DeclaredRule:
    """One declared difference; ``table`` and ``column`` may contain ``*``, except in renames.

    ``digits`` are of a second, or after the point. ``to`` is the name in the target of a ``schema``, table or
    column; ``source`` and ``target`` are SQL expressions, ``form`` is one of `NORMAL_FORMS`.
    """

    kind: str
    table: str
    column: str = ""
    default: Any = None
    digits: int = 3
    schema: str = ""
    to: str = ""
    source: str = ""
    target: str = ""
    form: str = ""

    def matches(self, table: str, column: str = "") -> bool:
        """Whether the rule is about this column or, without ``column``, about this table as a whole."""
        if not fnmatchcase(table, self.table):
            return False
        return (
            fnmatchcase(column, self.column) if column and self.column else bool(column) == bool(self.column)
        )

    @property
    def is_sql(self) -> bool:
        """Whether it replaces a column by SQL."""
        return self.kind in SQL_KINDS

    @property
    def description(self) -> str:
        """The rule in words, as a result shows it."""
        where = f"{self.table}.{self.column}" if self.column else self.table
        if self.kind == "null_is_default":
            return f"{where}: NULL is {self.default!r}"
        if self.kind == "rounded":
            return f"{where}: rounded to {self.digits} digits of a second"
        if self.kind == "rounded_number":
            return f"{where}: rounded to {self.digits} digits after the point"
        if self.kind in RENAMES:
            return f"{where or self.schema} is {self.to} in the target"
        return f"{where}: {RULE_KINDS[self.kind][0]}"

    def as_facts(self) -> dict[str, Any]:
        """JSON values that `parse_rules` reads."""
        facts = {"kind": self.kind, "table": self.table, "column": self.column}
        digits = {"digits": self.digits}
        more = {"null_is_default": {"default": self.default}, "rounded": digits, "rounded_number": digits}
        facts |= {name: getattr(self, name) for name in ("schema", "to", "source", "target", "form")}
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
    needed = needed if "schema" in needed else needed | {"table"}
    if missing := sorted(needed - set(given)):
        raise InvalidRule(f"{place} ({kind}) needs {', '.join(missing)}")
    if unknown := sorted(set(map(str, given)) - needed - allowed - {"kind"}):
        raise InvalidRule(f"{place} ({kind}) does not know {', '.join(unknown)}")
    for name in TEXT_FIELDS:
        if not isinstance(given.get(name, ""), str) or given.get(name, "x").strip() == "":
            hint = "SQL" if name in ("source", "target") else "a name, which may hold *"
            raise InvalidRule(f"{place}: {name} must be {hint}")
    _require_values(place, kind, given)
    texts = {name: given.get(name, "") for name in (*TEXT_FIELDS, "form")}
    return DeclaredRule(kind, default=given.get("default"), digits=given.get("digits", 3), **texts)


def _require_values(place: str, kind: str, given: Mapping[str, Any]) -> None:
    digits, most = given.get("digits", 3), 5 if kind == "rounded" else 30
    if type(digits) is not int or not 0 <= digits <= most:
        raise InvalidRule(f"{place}: digits must be a number from 0 to {most}")
    if kind == "normalised" and given["form"] not in NORMAL_FORMS:
        raise InvalidRule(f"{place}: form must be one of {', '.join(NORMAL_FORMS)}")
    if kind == "as" and not {"source", "target"} & set(given):
        raise InvalidRule(f"{place} (as) needs an expression: source, target, or both")
    exact = {"renamed_table": ("table", "to"), "renamed_column": ("column", "to"), "as": ("column",)}
    if wrong := [name for name in exact.get(kind, ()) if "*" in given[name]]:
        raise InvalidRule(f"{place} ({kind}): {wrong[0]} is one name, without *")


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

    def mark(self, applied: Callable[[DeclaredRule], bool]) -> None:
        """Marks rules that applied before a plan was made, such as renames."""
        self._used.update(id(rule) for rule in self.rules if applied(rule))

    @property
    def unused(self) -> list[str]:
        """Rules that applied to nothing in these databases, often because of a misspelt name."""
        return [rule.description for rule in self.rules if id(rule) not in self._used]
