"""Rows that differ: filtered, searched, and read page by page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from django.db import connection
from django.db.models import Count, Q, QuerySet

from checklists.comparisons.masking import PersonalMask, ShownRow
from checklists.models import Attempt, RowDifference

ROWS_ON_PAGE = 50
MAX_SEARCH_LENGTH = 200
KINDS = dict(RowDifference.KINDS)


@dataclass(frozen=True)
class RowFilter:
    """Which rows: of a table, of a kind, changed in a column, containing a text; empty fields allow all."""

    table: str = ""
    kind: str = ""
    column: str = ""
    words: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, str], table: str = "") -> RowFilter:
        """The filter in the query of an address; an unknown kind is ignored."""
        kind = query.get("kind", "")
        words = query.get("q", "").replace("\0", "").strip()[:MAX_SEARCH_LENGTH]
        return cls(table, kind if kind in KINDS else "", query.get("column", "").replace("\0", ""), words)

    @property
    def query(self) -> str:
        """The filter as the query of an address, without the table; empty when it allows every row."""
        parts = {"kind": self.kind, "column": self.column, "q": self.words}
        return urlencode({name: value for name, value in parts.items() if value})

    def find_rows(self, attempt: Attempt, mask: PersonalMask) -> QuerySet[RowDifference]:
        """The rows of a comparison that pass the filter, ordered by number."""
        rows = RowDifference.objects.filter(attempt=attempt).order_by("number")
        if self.table:
            rows = rows.filter(table=self.table)
        if self.kind:
            rows = rows.filter(kind=self.kind)
        if self.column:
            rows = rows.filter(names__contains=[self.column])
        return mask.search(rows, self.words) if self.words else rows


@dataclass(frozen=True)
class RowPage:
    """One page of rows; ``first`` is the position of its first row among the ``found`` rows, from 1."""

    rows: list[ShownRow]
    found: int
    first: int
    has_earlier: bool
    has_later: bool

    @property
    def last(self) -> int:
        """The position of the last row."""
        return self.first + len(self.rows) - 1


def get_row_page(
    attempt: Attempt,
    wanted: RowFilter,
    mask: PersonalMask,
    *,
    after: int = 0,
    before: int = 0,
    size: int = ROWS_ON_PAGE,
) -> RowPage:
    """The page of rows after the row with that number, or the page before it.

    Pages are found by row numbers and an index, not by OFFSET: a late page is as fast as the first.
    """
    rows = wanted.find_rows(attempt, mask)
    if before:
        page = list(rows.filter(number__lt=before).order_by("-number")[:size])[::-1]
    else:
        page = list(rows.filter(number__gt=after)[:size])
    first, last = (page[0].number, page[-1].number) if page else (after + 1, after)
    counts = rows.order_by().aggregate(
        found=Count("pk"),
        earlier=Count("pk", filter=Q(number__lt=first)),
        later=Count("pk", filter=Q(number__gt=last)),
    )
    position = counts["earlier"] + 1
    return RowPage(mask.mask_rows(page), counts["found"], position, position > 1, counts["later"] > 0)


def get_neighbours(
    attempt: Attempt, wanted: RowFilter, mask: PersonalMask, number: int
) -> tuple[int | None, int | None]:
    """The numbers of the rows before and after this one, among those that pass the filter."""
    rows = wanted.find_rows(attempt, mask).values_list("number", flat=True)
    earlier = rows.filter(number__lt=number).order_by("-number").first()
    return earlier, rows.filter(number__gt=number).first()


def count_changed_columns(attempt: Attempt, table: str) -> dict[str, int]:
    """Column → the number of stored rows in which it changed, the highest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, count(*) FROM checklists_rowdifference, unnest(names) AS name "
            'WHERE attempt_id = %s AND "table" = %s GROUP BY name ORDER BY 2 DESC, 1',
            [attempt.pk, table],
        )
        return dict(cursor.fetchall())


def count_kinds(attempt: Attempt, table: str) -> dict[str, int]:
    """Kind → the number of stored rows."""
    rows = RowDifference.objects.filter(attempt=attempt, table=table).order_by()
    return dict(rows.values_list("kind").annotate(Count("pk")))
