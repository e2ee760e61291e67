"""The forms of pages, filled in as a person would fill them in."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

#: What is typed into a field, by a part of its name; into every other one a sentence.
TYPED = {"password": "a long enough passphrase", "slug": "another-one", "start": "", "end": "", "code": ""}
SENTENCE = "A reason that is long enough to be taken."


@dataclass
class PageForm:
    """One form with method POST: where it goes, and the fields as they would be sent."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


class FormReader(HTMLParser):
    """Reads the forms of a page: what is chosen stays, what is empty is filled in."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[PageForm] = []
        self._select = ""
        self._is_open = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        name = given.get("name", "")
        if tag == "form":
            self._is_open = given.get("method", "").lower() == "post"
            if self._is_open:
                self.forms.append(PageForm(given.get("action", "")))
        elif not self._is_open:
            return
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and given.get("value"):
            if "selected" in given or self._select not in self.forms[-1].fields:
                self.forms[-1].fields[self._select] = given["value"]
        elif tag in ("input", "textarea", "button") and name:
            self._add(given.get("type", "text"), name, given)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._is_open = False
        elif tag == "select":
            self._select = ""

    def _add(self, kind: str, name: str, given: dict[str, str]) -> None:
        fields = self.forms[-1].fields
        if kind in ("radio", "checkbox", "submit") or "value" in given:
            fields.setdefault(name, given.get("value", "on"))
        elif kind != "file":
            typed = (text for part, text in TYPED.items() if part in name)
            fields.setdefault(name, next(typed, SENTENCE))
