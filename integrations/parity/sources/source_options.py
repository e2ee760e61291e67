"""The options of a comparison that a source of another kind knows, and the names that they hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from integrations.parity.errors import ParityError
from integrations.parity.model.personal import PersonalColumns
from integrations.parity.model.unmatched_rules import ColumnShape, SchemaShape
from integrations.parity.options import ComparisonOptions
from integrations.parity.server.catalog import CatalogTable
from integrations.parity.sources.source_tables import SourceTable
from integrations.parity.sources.table_matching import Matching

#: The options that mean something here. Every other one is refused by its name when it is set.
KNOWN_OPTIONS = frozenset(
    {
        "rules", "schemas", "longest", "snapshot_age", "keep", "views", "personal", "harmless", "structure",
        "tables", "exclude", "refuse_personal",
    }
)  # fmt: skip


def refuse_options(options: ComparisonOptions) -> None:
    """Raises `ParityError` about options that would silently do nothing."""
    refused = [
        each.name
        for each in fields(options)
        if each.name not in KNOWN_OPTIONS and getattr(options, each.name) != each.default
    ]
    refused += ["structure: judged"] if options.structure == "judged" else []
    if refused:
        raise ParityError(
            f"Not possible with a source that is no PostgreSQL: {', '.join(refused)}.",
            next="Leave that out: rows, columns and next numbers are compared without it.",
        )


def refuse_kept_pass(*, keep: str | None, again: str | None) -> None:
    """Raises `ParityError` when a pass is to be kept, or taken up again: only PostgreSQL has one."""
    if keep or again:
        raise ParityError(
            "A pass is kept of two PostgreSQL databases only.",
            next="Leave --keep-pass, --resume and --recheck out: this source is read in full each time.",
        )


def shape_of_source(sources: Sequence[SourceTable], matching: Matching) -> SchemaShape:
    """The tables and columns of the source, by the names that they have in the target."""
    matches = {match.source.name: match for match in matching.tables}
    shape: dict[str, dict[str, ColumnShape]] = {}
    for table in sources:
        match = matches.get(table.name)
        pairs = {column.source.name: column for column in match.columns} if match else {}
        shape[match.label if match else matching.labels.get(table.name, table.name)] = {
            pairs[column.name].name if column.name in pairs else column.name: ColumnShape(
                pairs[column.name].target.family if column.name in pairs else "", column.required
            )
            for column in table.columns
        }
    return shape


def require_names(shape: SchemaShape, targets: Sequence[CatalogTable], options: ComparisonOptions) -> None:
    """Raises `ParityError` when the options name tables or personal columns that neither side has."""
    options.selection.require_matches([*shape, *(table.label for table in targets)])
    columns = {(label, name) for label, names in shape.items() for name in names}
    columns |= {(table.label, column.name) for table in targets for column in table.columns}
    for pattern in options.personal if options.refuse_personal else ():
        if not any(PersonalColumns((pattern,)).hides(*place) for place in columns):
            raise ParityError(
                f"The personal column {pattern} is not there.",
                means="Nothing was compared, because a wrong name would show what it was to hide.",
                next="Write table.column, as the target names them; each may hold *.",
            )
