"""What pages.check expects of a page: texts that people see, and figures that the database has, too."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

QUERY = re.compile(r"\s*(select|with)\b", re.IGNORECASE)
NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
NEAR = 60  # characters between a text and the number that belongs to it
PRECISION = Decimal("0.005")  # pages round to two decimals
PLACES = ("after", "before", "times")
PAGE_SETTINGS = ("path", "status", "shows", "figures", "signed_in", "max_mb")
FIGURE_SETTINGS = (*PLACES, "query")
EXAMPLE = '{path: /, shows: [Welcome], figures: [{after: "Items", query: select count(*) from items}]}'
UNSEEN = frozenset({"script", "style", "template", "head", "noscript"})


class _TextReader(HTMLParser):
    """Collects the text that people see. Comments between two texts leave no gap, tags do."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # The end tag of head may be left out.
        self.hidden = 0 if tag == "body" else self.hidden + (tag in UNSEEN)
        self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self.hidden = max(0, self.hidden - (tag in UNSEEN))
        self.parts.append(" ")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.parts.append(data)


def visible_text(page: str) -> str:
    """The text of an HTML page, without scripts, in one line."""
    reader = _TextReader()
    reader.feed(page)
    reader.close()
    return " ".join("".join(reader.parts).split())


@dataclass(frozen=True)
class ExpectedFigure:
    """A number beside a text, or how often a text stands on the page, and the query with the same number."""

    place: str  # one of PLACES
    text: str
    query: str

    @classmethod
    def parse(cls, path: str, given: Any) -> ExpectedFigure:
        """Reads one entry. Raises ValueError with a sentence."""
        places = [name for name in PLACES if isinstance(given, Mapping) and given.get(name)]
        if len(places) != 1 or set(given) - set(FIGURE_SETTINGS):
            raise ValueError(f"{path}: a figure has query: and one of {', '.join(PLACES)}, as in {EXAMPLE}.")
        query = given.get("query")
        if not isinstance(query, str) or not QUERY.match(query):
            raise ValueError(f"{path}: the query of a figure begins with select or with.")
        return cls(places[0], str(given[places[0]]), query)

    def read(self, text: str) -> Decimal | None:
        """The number on a page of this text; None where there is none."""
        if self.place == "times":
            return Decimal(text.count(self.text))
        at = text.find(self.text)
        while at >= 0:
            end = at + len(self.text)
            around = text[end : end + NEAR] if self.place == "after" else text[max(0, at - NEAR) : at]
            if found := NUMBER.findall(around):
                number = found[0] if self.place == "after" else found[-1]
                return Decimal(number.replace(",", ""))
            at = text.find(self.text, end)
        return None

    def find_wrong(self, shown: Decimal | None, before: Decimal, after: Decimal) -> str:
        """What is wrong, in a sentence. Rows may be added while the page is made: a number between the two
        that the database had then is right."""
        if shown is None:
            return f"shows no number {self.place} “{self.text}”."
        if min(before, after) - PRECISION <= shown <= max(before, after) + PRECISION:
            return ""
        how = f"{shown:,} {self.place} “{self.text}”"
        if self.place == "times":
            how = f"“{self.text}” {shown:,} times"
        return f"shows {how}, and the database has {after:,}."


@dataclass(frozen=True)
class ExpectedPage:
    """One page. ``status``: None is any 2xx. ``signed_in``: it is opened with a sign-in."""

    path: str
    status: int | None
    shows: tuple[str, ...]
    figures: tuple[ExpectedFigure, ...]
    signed_in: bool
    max_mb: int

    @classmethod
    def parse(cls, given: Any) -> ExpectedPage:
        """Reads one entry. Raises ValueError with a sentence."""
        if not isinstance(given, Mapping) or not is_path(given.get("path")):
            raise ValueError(f"each must have a path that begins with “/”, as in {EXAMPLE}.")
        path = str(given["path"])
        if unknown := sorted(map(str, set(given) - set(PAGE_SETTINGS))):
            raise ValueError(f"{path}: there is no setting {', '.join(unknown)}.")
        shows, figures = given.get("shows", []), given.get("figures", [])
        if not isinstance(shows, list) or not isinstance(figures, list) or not (shows or figures):
            raise ValueError(f"{path}: shows: and figures: are lists, and one of them says what is expected.")
        numbers = {name: given.get(name, usual) for name, usual in (("status", None), ("max_mb", 1))}
        if wrong := [name for name, value in numbers.items() if not isinstance(value, int | None)]:
            raise ValueError(f"{path}: {', '.join(wrong)} must be a whole number.")
        return cls(
            path,
            numbers["status"],
            tuple(map(str, shows)),
            tuple(ExpectedFigure.parse(path, one) for one in figures),
            bool(given.get("signed_in", False)),
            numbers["max_mb"] or 1,
        )


def is_path(given: Any) -> bool:
    """Whether this is a path of the system's own host."""
    return isinstance(given, str) and given.startswith("/") and not given.startswith("//")
