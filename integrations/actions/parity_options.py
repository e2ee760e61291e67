"""What the parity actions share: the options of a comparison, and read-only access to a database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms

from integrations import actions
from integrations.actions.parity_errors import unreachable_as_parity_error
from integrations.actions.parity_fields import ColumnsField, EntriesField, KindsField, NamesField
from integrations.clients import postgres
from integrations.clients.watched_connection import LockWatch, MainThreadReport
from integrations.parity.beyond_rows.object_registry import STRUCTURE_CHOICES
from integrations.parity.beyond_rows.spot_checks import SpotCheck, parse_spot_checks
from integrations.parity.beyond_rows.sql_rules import SqlRule, parse_sql_rules
from integrations.parity.model.selection import TableSelection
from integrations.parity.options import ComparisonOptions
from integrations.parity.server.snapshot import PostgresServer
from integrations.systems import System

FIRST_LOOK = 2.0  # seconds after which a statement that has not ended is looked at
NAMED = 5  # tables of a selection whose names a preview shows
LOCK_SECONDS = 10.0  # the engine's lock_timeout
#: options that keep the engine's own default when the runbook does not set them
OPTIONS_WITH_DEFAULTS = ("settle", "workers", "page_rate", "snapshot_age", "largest", "sample")


class ComparisonOptionsForm(actions.ActionForm):
    """What is compared besides the rows of tables, the load that this may cause, and what is hidden."""

    settle = forms.FloatField(min_value=0, max_value=600, required=False)
    views = NamesField(help_text="Names of views that are compared like tables, with their schema.")
    checks = EntriesField(
        parse_sql_rules,
        help_text="Queries that must return the same on both sides: `{name, sql}`, one SELECT each.",
    )
    spots = EntriesField(
        parse_spot_checks,
        help_text="Rows that are shown side by side: `{table, key: {column: value}, columns: []}`.",
    )
    structure = forms.ChoiceField(
        choices=[(choice, choice) for choice in STRUCTURE_CHOICES],
        required=False,
        help_text="Differing objects beside the rows: levels (the default: each kind by its own level),"
        " judged (all count), told (none counts), or off.",
    )
    judge = KindsField(help_text="Kinds of objects whose differences count as well, such as `indexes`.")
    workers = forms.IntegerField(
        min_value=1,
        max_value=16,
        required=False,
        help_text="Connections per side that read at once (default: as many as the processors allow).",
    )
    page_rate = forms.IntegerField(
        min_value=1, required=False, help_text="Pages of 8 kB per second that one side may be asked to read."
    )
    snapshot_age = forms.IntegerField(
        min_value=1,
        required=False,
        help_text="Greatest age of a snapshot in seconds (default: an hour); a snapshot holds up VACUUM.",
    )
    largest = forms.IntegerField(
        min_value=1, required=False, help_text="Pages of 8 kB of the largest table that may be read."
    )
    sample = forms.FloatField(
        min_value=0.001, max_value=99, required=False, help_text="Percent of the rows to compare."
    )
    personal = ColumnsField(help_text="Columns as table.column; each part may contain *.")
    harmless = ColumnsField(help_text="Columns as table.column; each part may contain *.")


@dataclass(frozen=True)
class ComparisonParams(actions.ActionParams):
    """The values of `ComparisonOptionsForm`."""

    settle: float | None
    views: tuple[str, ...]
    checks: tuple[SqlRule, ...]
    spots: tuple[SpotCheck, ...]
    structure: str
    judge: tuple[str, ...]
    workers: int | None
    page_rate: int | None
    snapshot_age: int | None
    largest: int | None
    sample: float | None
    personal: tuple[str, ...]
    harmless: tuple[str, ...]


def engine_options(params: ComparisonParams, **more: Any) -> ComparisonOptions:
    """Options for the engine: those of the parameters and ``more`` (rules, schemas, personal columns)."""
    given = {name: value for name in OPTIONS_WITH_DEFAULTS if (value := getattr(params, name)) is not None}
    if params.structure:
        given["structure"] = params.structure
    given |= {name: getattr(params, name) for name in ("views", "judge", "checks", "spots", "harmless")}
    return ComparisonOptions(**more, **given)


def table_lines(selection: TableSelection, labels: Sequence[str], sides: str) -> Iterator[str]:
    """The lines of a preview about the tables of one side: how many, and of a selection which ones.

    ``sides`` says of which database, and what they are compared with.
    """
    if not selection.description:
        yield f"Compare {len(labels)} tables {sides}."
        return
    found = [label for label in labels if selection.selects(label)]
    named = f" ({', '.join(found[:NAMED])}{', …' if len(found) > NAMED else ''})" if found else ""
    yield f"Compare {len(found)} of the {len(labels)} tables {sides}{named}."
    yield f"This is a selection: {selection.description}."


def option_lines(params: ComparisonParams, personal: Sequence[str]) -> Iterator[str]:
    """The lines of a preview about the load of the comparison and the values that it hides."""
    if params.settle:
        yield f"Read rows that differ again after {params.settle:g} s."
    for check in params.checks:
        yield f"Run “{check.name}” on both sides: {check.sql}"
    if params.sample:
        yield f"Compare only {params.sample:g} % of the rows: this can prove a difference, never equality."
    if params.workers:
        yield f"Read with at most {params.workers} connections per side."
    if params.page_rate:
        yield f"Read at most {params.page_rate} pages (8 kB) per second and side."
    if params.snapshot_age:
        yield f"Keep no snapshot longer than {params.snapshot_age} s; refuse what takes longer."
    if params.largest:
        yield f"Refuse tables of more than {params.largest} pages (8 kB)."
    if personal:
        yield f"Personal, and never shown to stakeholders: {', '.join(personal)}."
    shown = f"values of {', '.join(params.harmless)}, and no others" if params.harmless else "no values"
    yield f"Stakeholders see {shown}."


def read_only_server(url: str, attempt: str, report: actions.Report | None = None) -> PostgresServer:
    """One side of a comparison. Its sessions only read and carry the attempt's name.

    ``report`` is told who holds a lock that the main thread waits for; for others see `watch_sides`.
    """
    told = MainThreadReport(report) if report else None

    def open_session() -> postgres.Connection:
        with unreachable_as_parity_error():
            connection = postgres.connect(url, attempt=attempt, readonly=True, report=told)
        if connection.watch is not None:
            # Many sessions read at once: only one that waits for long opens another to look why.
            connection.watch.first_look = FIRST_LOOK
        return connection

    return PostgresServer(open_session, postgres.address(url))


def watch_sides(report: actions.Report, attempt: str, *systems: System | None) -> list[LockWatch]:
    """Watches over the sessions of a comparison in the databases of these systems."""
    name = f"cutover:{attempt}" if attempt else "cutover"
    urls = dict.fromkeys(system["url"] for system in systems if system)
    return [postgres.watch_application(url, name, report, LOCK_SECONDS) for url in urls]
