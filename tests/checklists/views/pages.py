"""Pages as tests read them: their markup, their words, and elements by id with state and words."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from django.http import HttpResponse

VOID = frozenset({"base", "br", "hr", "img", "input", "link", "meta", "path", "polyline", "source"})


def markup_of(response: HttpResponse) -> str:
    """The HTML on one line, with single spaces."""
    return " ".join(response.content.decode().split())


def words_of(response: HttpResponse) -> str:
    """The text that the page shows, without its markup."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


@dataclass
class Element:
    """One element of a page."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)

    @property
    def state(self) -> str:
        """Its ``data-state``; fails when it has none."""
        return self.attributes["data-state"]

    @property
    def words(self) -> str:
        """Its text, with single spaces."""
        return " ".join("".join(self.texts).split())


class Page(HTMLParser):
    """The elements of a response that have an id."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__()
        self.elements: dict[str, Element] = {}
        self._open: list[Element] = []
        self.feed(response.content.decode())
        self.close()

    def __contains__(self, element_id: str) -> bool:
        return element_id in self.elements

    def __getitem__(self, element_id: str) -> Element:
        assert element_id in self.elements, f"No #{element_id}; there are {sorted(self.elements)}"
        return self.elements[element_id]

    @property
    def state(self) -> str:
        """The state of what the page is about."""
        return self["live"].state

    def states(self, prefix: str) -> dict[str, str]:
        """The states of all elements whose id starts with ``prefix``, by the rest of their id."""
        return {
            name.removeprefix(prefix): element.attributes["data-state"]
            for name, element in self.elements.items()
            if name.startswith(prefix) and "data-state" in element.attributes
        }

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        if "id" in element.attributes:
            assert element.attributes["id"] not in self.elements, (
                f"#{element.attributes['id']} is there twice"
            )
            self.elements[element.attributes["id"]] = element
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        opened = self._open.pop()
        assert opened.tag == tag, f"</{tag}> closes <{opened.tag}>"

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.texts.append(data)
