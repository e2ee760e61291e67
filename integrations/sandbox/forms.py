"""The first form of a page, as a person at a browser sees it."""

from __future__ import annotations

from html.parser import HTMLParser


class FormPage(HTMLParser):
    """The first form of a page, with what is filled in already."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Takes the form, its inputs and its first button."""
        given = {name: value or "" for name, value in attributes}
        if tag == "form" and self.action is None:
            self.action = given.get("action", "")
        elif tag in ("input", "button") and self.action is not None and given.get("name"):
            self.fields.setdefault(given["name"], given.get("value", ""))
