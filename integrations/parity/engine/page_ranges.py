"""Ranges of the pages of a table: what is read by one query, and what is left to read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from psycopg import sql


@dataclass(frozen=True)
class PageRange:
    """Some pages of a table, or of each of its partitions: from ``start`` to before ``end``.

    None: from the first page, and to the last one, whatever is added meanwhile. ``pages`` is their number.
    """

    pages: int
    start: int | None = None
    end: int | None = None

    @property
    def condition(self) -> sql.Composable | None:
        """That a row lies in these pages; None for all."""
        bounds = [
            sql.SQL("r.ctid {} {}::tid").format(sql.SQL(operator), sql.Literal(f"({page},0)"))
            for operator, page in ((">=", self.start), ("<", self.end))
            if page is not None
        ]
        return sql.SQL(" AND ").join(bounds) if bounds else None


def split_pages(files: Sequence[int], step: int) -> Iterator[PageRange]:
    """Ranges of ``step`` pages of each file (of a table or its partitions); ``files`` has their sizes."""
    starts = range(0, max(files), step) or range(1)
    for start in starts:
        pages = sum(min(max(size - start, 0), step) for size in files)
        # The last range has no end: it includes pages that were added after the size was read.
        yield PageRange(pages, start, None if start == starts[-1] else start + step)
