"""A stack's marker: the request and the properties of its answer by which that stack is known."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations.json_values import ABSENT, MISSING, PRESENT, find_value, parse_json, show_value

SETTINGS = ("path", "status", "headers", "json", "text")
EXAMPLE = "{path: /health, status: 200, headers: {server: /nginx/}, json: {status: up}}"
ANY_PATH = "/"  # requested where a marker names a header and no path


@dataclass(frozen=True)
class ExpectedValue:
    """What a header or a JSON value has to be.

    ``rule`` is “present”, “absent”, a regular expression between slashes, or the value itself; the marker of
    one header (“server: name”) asks for a part of the value, whatever its case.
    """

    rule: str
    partial: bool = False

    def accepts(self, value: Any) -> bool:
        """Whether this value is as expected; `MISSING` stands for one that is not there."""
        if value is MISSING or value is None:
            return self.rule == ABSENT
        text = value if isinstance(value, str) else json.dumps(value)
        if self.rule in (PRESENT, ABSENT):
            return self.rule == PRESENT
        if self.partial:
            return self.rule.lower() in text.lower()
        if len(self.rule) > 1 and self.rule.startswith("/") and self.rule.endswith("/"):
            return re.search(self.rule[1:-1], text, re.IGNORECASE) is not None
        return self.rule.lower() == text.lower()


@dataclass(frozen=True)
class Marker:
    """Every property has to fit. ``path`` is what is requested; ``status``, ``json`` (dotted path → value)
    and ``text`` (a pattern in the body) hold for this path only, ``headers`` for every answer."""

    path: str = "/"
    status: int | None = None
    headers: Mapping[str, ExpectedValue] = field(default_factory=dict)
    json: Mapping[str, ExpectedValue] = field(default_factory=dict)
    text: str = ""

    @classmethod
    def parse(cls, given: Any) -> Marker:
        """Reads the setting: a mapping, or “header: value”. Raises ValueError with a sentence."""
        if isinstance(given, str):
            return cls._parse_header(given)
        if not isinstance(given, Mapping) or not given:
            raise ValueError(f"must be “header: value” or look like {EXAMPLE}.")
        if unknown := sorted(map(str, set(given) - set(SETTINGS))):
            raise ValueError(f"has no setting {', '.join(unknown)}; it has: {', '.join(SETTINGS)}.")
        marker = cls(
            _parse_path(given.get("path", "/")),
            _parse_status(given.get("status")),
            _parse_values("headers", given.get("headers")),
            _parse_values("json", given.get("json")),
            _parse_pattern("text", str(given.get("text", ""))),
        )
        if not (marker.status or marker.headers or marker.json or marker.text):
            raise ValueError(f"needs status:, headers:, json: or text:, such as {EXAMPLE}.")
        return marker

    @classmethod
    def _parse_header(cls, text: str) -> Marker:
        name, colon, value = text.partition(":")
        if not colon or not name.strip() or not value.strip():
            raise ValueError(f"must be “header: value” or look like {EXAMPLE}.")
        return cls(ANY_PATH, headers={name.strip().lower(): ExpectedValue(value.strip(), partial=True)})

    def fits(self, path: str, status: int, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether an answer to a request of ``path`` can be this stack's.

        On another path than its own only the headers tell; a marker without headers fits none there.
        ``headers`` are by their names in small letters.
        """
        if not self.knows(path):
            return False
        if not all(value.accepts(headers.get(name, MISSING)) for name, value in self.headers.items()):
            return False
        return path != self.path or self._fits_content(status, body)

    def knows(self, path: str) -> bool:
        """Whether an answer on this path can be judged at all."""
        return path == self.path or bool(self.headers)

    def _fits_content(self, status: int, body: bytes) -> bool:
        if self.status is not None and status != self.status:
            return False
        if self.text and not re.search(self.text, body.decode(errors="replace")):
            return False
        if not self.json:
            return True
        try:
            found = parse_json(body)
        except ValueError:
            return False
        return all(value.accepts(find_value(found, place)) for place, value in self.json.items())

    def differences(self, status: int, headers: Mapping[str, str], body: bytes) -> list[str]:
        """What of an answer to a request of ``path`` does not fit, one part of a sentence each."""
        wrong = [f"status {status} instead of {self.status}"] if self.status not in (None, status) else []
        for name, value in self.headers.items():
            if not value.accepts(headers.get(name, MISSING)):
                wrong.append(f"header {name} “{headers.get(name, ABSENT)[:80]}” instead of “{value.rule}”")
        try:
            found = parse_json(body) if self.json else None
        except ValueError:
            return [*wrong, "a body that is not JSON"]
        for place, value in self.json.items():
            if not value.accepts(seen := find_value(found, place)):
                wrong.append(f"JSON {place} {show_value(seen)} instead of “{value.rule}”")
        if self.text and not re.search(self.text, body.decode(errors="replace")):
            wrong.append(f"no text that fits /{self.text}/")
        return wrong

    def describe(self) -> str:
        """The properties in one line, for messages."""
        parts = [f"status {self.status}"] if self.status else []
        parts += [f"header {name}: {value.rule}" for name, value in self.headers.items()]
        parts += [f"JSON {place}: {value.rule}" for place, value in self.json.items()]
        parts += [f"text /{self.text}/"] if self.text else []
        return f"GET {self.path}: {', '.join(parts)}"


def _parse_path(path: Any) -> str:
    if not isinstance(path, str) or not path.startswith("/"):
        raise ValueError("path begins with “/”: the host is the system's.")
    return path


def _parse_status(status: Any) -> int | None:
    if status is None:
        return None
    if isinstance(status, bool) or not str(status).isdecimal() or not 100 <= int(status) <= 599:
        raise ValueError("status is a number from 100 to 599.")
    return int(status)


def _parse_values(name: str, given: Any) -> dict[str, ExpectedValue]:
    if not isinstance(given, Mapping | None):
        raise ValueError(
            f"{name} is a mapping: {{name: value}}; a value is present, absent, /pattern/ or a text."
        )
    values = {}
    for key, value in (given or {}).items():
        rule = value if isinstance(value, str) else json.dumps(value)
        if len(rule) > 1 and rule.startswith("/") and rule.endswith("/"):
            _parse_pattern(f"{name}: {key}", rule[1:-1])
        values[str(key).lower() if name == "headers" else str(key)] = ExpectedValue(rule)
    return values


def _parse_pattern(name: str, pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{name} is no regular expression: {error}.") from None
    return pattern
