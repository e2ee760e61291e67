"""How far and how gently a comparison looks: its parameters, the engine's options, the lines of a preview."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django import forms

from integrations.actions.base import ActionForm, Values
from integrations.actions.parity_fields import ColumnsField, EntriesField, NamesField
from integrations.parity.checks import read_checks
from integrations.parity.options import Options
from integrations.parity.spots import read_spots

STRUCTURE = ("told", "judged", "off")
#: what is not said keeps the engine's own value
PLAIN = ("settle", "workers", "page_rate", "snapshot_age", "largest", "sample")


class Bounds(ActionForm):
    """What is looked at beside the tables, how much load it may make, and what is hidden."""

    views = NamesField(help_text="Names of views that are compared like tables, with their schema.")
    checks = EntriesField(
        read_checks, help_text="Questions that both sides must answer alike: `{name, sql}`, one SELECT each."
    )
    spots = EntriesField(
        read_spots, help_text="Rows to be laid side by side: `{table, key: {column: value}, columns: []}`."
    )
    structure = forms.ChoiceField(
        choices=[(one, one) for one in STRUCTURE], required=False,
        help_text="Indexes, constraints, triggers and the like that differ: told (so when nothing is said),"
        " judged, or off.",
    )  # fmt: skip
    workers = forms.IntegerField(
        min_value=1, max_value=16, required=False,
        help_text="Connections a side that read at once; none: as many as the processors allow.",
    )  # fmt: skip
    page_rate = forms.IntegerField(
        min_value=1, required=False, help_text="Pages of 8 kB a second that a side may be asked to read."
    )
    snapshot_age = forms.IntegerField(
        min_value=1, required=False,
        help_text="Seconds that a snapshot may get old, because it holds up VACUUM; none: an hour.",
    )  # fmt: skip
    largest = forms.IntegerField(
        min_value=1, required=False, help_text="Pages of 8 kB of the largest table that may be read."
    )
    sample = forms.FloatField(
        min_value=0.001, max_value=99, required=False, help_text="Percent of the rows to look at."
    )
    personal = ColumnsField(help_text="Columns as table.column; each part may hold *.")


def options(params: Values, **asked: Any) -> Options:
    """The engine's options: what the parameters say, and ``asked``: rules, schemas, what is personal."""
    given = {name: value for name in PLAIN if (value := getattr(params, name)) is not None}
    if params.structure:
        given["structure"] = params.structure
    beside = {name: getattr(params, name) for name in ("views", "checks", "spots")}
    return Options(**asked, **given, **beside)


def lines(params: Values, personal: Sequence[str]) -> Iterator[str]:
    """The lines of a preview that say how far and how gently it goes."""
    if params.settle:
        yield f"Ask rows that differ again after {params.settle:g} s."
    for check in params.checks:
        yield f"Ask both sides “{check.name}”: {check.sql}"
    if params.sample:
        yield f"Look at {params.sample:g} % of the rows only: it can prove a difference, and never equality."
    if params.workers:
        yield f"Read with {params.workers} connections a side at most."
    if params.page_rate:
        yield f"Read {params.page_rate} pages (8 kB) a second and side at most."
    if params.snapshot_age:
        yield f"Keep no snapshot longer than {params.snapshot_age} s; what takes longer is refused."
    if params.largest:
        yield f"Refuse tables of more than {params.largest} pages (8 kB)."
    if personal:
        yield f"Hide from who only watches: {', '.join(personal)}."
