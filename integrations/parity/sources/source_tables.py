"""Tables and columns of a source of another kind, and their counterparts in the target."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from integrations.parity.model.declared import DeclaredRule
from integrations.parity.server.catalog import CatalogColumn, CatalogTable


@dataclass(frozen=True)
class SourceColumn:
    """A column as its own server describes it.

    ``type`` is as the server writes it, ``kind`` its name without length. ``digits`` are those of a second,
    ``scale`` those after the point. ``charset`` is empty for what is no text; ``labels`` are those of a set.
    """

    name: str
    type: str
    kind: str
    required: bool = False
    digits: int = 0
    scale: int = 0
    length: int = 0
    charset: str = ""
    is_json: bool = False
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class SourceTable:
    """A table or view. ``key`` are columns that identify a row, () when there are none.

    ``mark`` changes when the table is altered, truncated or exchanged; ``estimate`` is a number of rows.
    """

    name: str
    columns: tuple[SourceColumn, ...]
    key: tuple[str, ...] = ()
    is_view: bool = False
    estimate: int = 0
    mark: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Adjustment:
    """A difference that is declared by a rule of the runbook or follows from the types, and is counted.

    ``kind``: ``default`` (NULL is the declared default), ``rounded`` (digits of a second are lost), ``zero``
    (a zero date is NULL), ``padding`` (blanks at the end are lost). Where the target may hold what should
    not be left there, rows have to tell it (``is_tracked``).
    """

    kind: str
    description: str
    default: str = ""
    digits: int = 6
    is_tracked: bool = False


@dataclass(frozen=True)
class MatchedColumn:
    """Two columns that are compared: ``form`` is the name of their common form (`value_forms`)."""

    source: SourceColumn
    target: CatalogColumn
    form: str
    adjustments: tuple[Adjustment, ...] = ()
    note: str = ""

    @property
    def name(self) -> str:
        """The name in results: that of the target."""
        return self.target.name

    def adjustment(self, kind: str) -> Adjustment | None:
        """The adjustment of that kind, or None."""
        return next((each for each in self.adjustments if each.kind == kind), None)


@dataclass(frozen=True)
class MatchedTable:
    """How one table is compared, decided before any row is read."""

    source: SourceTable
    target: CatalogTable
    columns: tuple[MatchedColumn, ...]
    key: tuple[str, ...]
    unsound: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    new_rows: DeclaredRule | None = None

    @property
    def label(self) -> str:
        """The name for people and rules."""
        return self.target.label

    @property
    def key_columns(self) -> tuple[MatchedColumn, ...]:
        """The columns of the key, in its order."""
        by_name = {column.name: column for column in self.columns}
        return tuple(by_name[name] for name in self.key)

    @property
    def hashed(self) -> tuple[MatchedColumn, ...]:
        """The columns that a server can hash; JSON is compared by its meaning, and hashed here."""
        return tuple(column for column in self.columns if column.form != "json")

    @property
    def documents(self) -> tuple[MatchedColumn, ...]:
        """The columns that hold JSON."""
        return tuple(column for column in self.columns if column.form == "json")

    @property
    def adjusted(self) -> tuple[tuple[MatchedColumn, Adjustment], ...]:
        """Every adjustment with its column, in a fixed order."""
        return tuple((column, each) for column in self.columns for each in column.adjustments)

    @property
    def notes(self) -> Iterator[str]:
        """What follows from the types, in words."""
        yield from self.source.notes
        yield from (f"{column.name}: {column.note}" for column in self.columns if column.note)
