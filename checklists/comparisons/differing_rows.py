"""Rows that differ, page by page: filtered, searched, and never counted further than they are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from django.db import connection
from django.db.models import Count, Q, QuerySet

from checklists.comparisons.sight import ShownRow, Sight
from checklists.models import Attempt, RowDifference

ROWS_ON_PAGE = 50
LONGEST = 200  # characters that one may search for
KINDS = dict(RowDifference.KINDS)


@dataclass(frozen=True)
class Filter:
    """Which rows: of a table, of a kind, that changed in a column, in which something is written."""

    table: str = ""
    kind: str = ""
    column: str = ""
    words: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str], table: str = "") -> Filter:
        """From an address; a kind that there is not is none."""
        kind = query.get("kind", "")
        words = query.get("q", "").replace("\0", "").strip()[:LONGEST]
        return cls(table, kind if kind in KINDS else "", query.get("column", "").replace("\0", ""), words)

    @property
    def query(self) -> str:
        """As it stands in an address, without the table; “” when it lets everything through."""
        parts = {"kind": self.kind, "column": self.column, "q": self.words}
        return urlencode({name: value for name, value in parts.items() if value})

    @property
    def query_of_kind(self) -> dict[str, str]:
        """For each kind the address that shows only it, the rest of the filter kept."""
        return {kind: replace(self, kind=kind).query for kind in KINDS}

    def rows(self, attempt: Attempt, sight: Sight) -> QuerySet[RowDifference]:
        """Those rows, in their order."""
        rows = RowDifference.objects.filter(attempt=attempt).order_by("number")
        if self.table:
            rows = rows.filter(table=self.table)
        if self.kind:
            rows = rows.filter(kind=self.kind)
        if self.column:
            rows = rows.filter(names__contains=[self.column])
        return sight.having(rows, self.words) if self.words else rows


@dataclass(frozen=True)
class Page:
    """Some rows of many: ``first`` is the place of the first among the ``found`` ones, from 1."""

    rows: list[ShownRow]
    found: int
    first: int
    has_earlier: bool
    has_later: bool

    @property
    def last(self) -> int:
        """The place of the last row."""
        return self.first + len(self.rows) - 1


def page_of(
    attempt: Attempt, wanted: Filter, sight: Sight, *, after: int = 0, before: int = 0,
    size: int = ROWS_ON_PAGE,
) -> Page:  # fmt: skip
    """The rows after that number (or the last ones before it), by the index, however far in they lie."""
    rows = wanted.rows(attempt, sight)
    if before:
        near = list(rows.filter(number__lt=before).order_by("-number")[:size])[::-1]
    else:
        near = list(rows.filter(number__gt=after)[:size])
    first, last = (near[0].number, near[-1].number) if near else (after + 1, after)
    numbers = rows.order_by().aggregate(
        found=Count("pk"), earlier=Count("pk", filter=Q(number__lt=first)),
        later=Count("pk", filter=Q(number__gt=last)),
    )  # fmt: skip
    place = numbers["earlier"] + 1
    return Page(sight.rows(near), numbers["found"], place, place > 1, numbers["later"] > 0)


def beside(attempt: Attempt, wanted: Filter, sight: Sight, number: int) -> tuple[int | None, int | None]:
    """The numbers of the rows before and after that one, among those of the filter."""
    rows = wanted.rows(attempt, sight).values_list("number", flat=True)
    earlier = rows.filter(number__lt=number).order_by("-number").first()
    return earlier, rows.filter(number__gt=number).first()


def changed_columns(attempt: Attempt, table: str) -> dict[str, int]:
    """Column → in how many of the kept rows it changed, the most first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, count(*) FROM checklists_rowdifference, unnest(names) AS name "
            'WHERE attempt_id = %s AND "table" = %s GROUP BY name ORDER BY 2 DESC, 1',
            [attempt.pk, table],
        )
        return dict(cursor.fetchall())


def kinds_of(attempt: Attempt, table: str) -> dict[str, int]:
    """Kind → how many rows of it are kept."""
    rows = RowDifference.objects.filter(attempt=attempt, table=table).order_by()
    return dict(rows.values_list("kind").annotate(Count("pk")))
