"""What was measured, as lines of a table: each a time, what it is held against, and what was wanted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

HEAD = ("what", "seconds", "ratio", "wanted", "")


@dataclass(frozen=True)
class Line:
    """One measurement. ``ratio`` is of what ``of`` says; ``wanted`` is (“at most” or “at least”, number)."""

    what: str
    seconds: float | None
    ratio: float | None = None
    of: str = ""
    wanted: tuple[str, float] | None = None
    note: str = ""

    @property
    def missed(self) -> bool:
        """Whether it is not what was wanted."""
        if self.wanted is None or self.ratio is None:
            return False
        bound, number = self.wanted
        return self.ratio > number if bound == "at most" else self.ratio < number

    @property
    def cells(self) -> tuple[str, ...]:
        """The line's texts."""
        word = "" if self.wanted is None or self.ratio is None else "missed" if self.missed else "as wanted"
        return (
            self.what,
            f"{self.seconds:.3f}" if self.seconds is not None else "",
            f"{self.ratio:.2f} {self.of}".strip() if self.ratio is not None else "",
            f"{self.wanted[0]} {self.wanted[1]:g}" if self.wanted else "",
            "; ".join(filter(None, (word, self.note))),
        )


@dataclass
class Table:
    """The lines of one part, with a title."""

    title: str
    lines: list[Line] = field(default_factory=list)
    said: str = ""

    def unjudged(self) -> Table:
        """The same measurements, held against nothing: for sizes of which nothing is promised."""
        return replace(self, lines=[replace(line, wanted=None) for line in self.lines])

    def as_markdown(self) -> str:
        """A section of a document."""
        rows = [HEAD, ("---", "--:", "--:", "---", "---"), *(line.cells for line in self.lines)]
        body = "\n".join(f"| {' | '.join(row)} |" for row in rows)
        return "\n\n".join(filter(None, (f"## {self.title}", self.said, body))) + "\n"

    def as_text(self) -> str:
        """For a terminal: columns of the same width."""
        rows = [HEAD, *(line.cells for line in self.lines)]
        widths = [max(len(row[place]) for row in rows) for place in range(len(HEAD))]
        body = "\n".join(
            "  ".join(cell.rjust(width) if place in (1,) else cell.ljust(width)
                      for place, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip()
            for row in rows
        )  # fmt: skip
        return "\n".join(filter(None, (self.title, self.said, body))) + "\n"
