"""What http.smoke expects of an answer: its status, values in its JSON, and the records that it returns;
and what must be refused."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations.clients.http import Response
from integrations.json_places import find_value, find_values
from integrations.markers import ExpectedValue

TABLE = re.compile(r"\w+(\.\w+)?")
QUERY = re.compile(r"\s*select\b", re.IGNORECASE)
SETTINGS = ("path", "status", "json", "advice", "rows", "at_least", "total", "count", "signed_in", "max_mb")
REASONS = ("message", "detail", "error", "reason")  # where a part says what is wrong with it
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
EXAMPLE = "{path: /items, rows: data, at_least: 1, total: total, count: items}"


@dataclass(frozen=True)
class ExpectedAnswer:
    """One request, and what its answer must be.

    ``status``: None is any 2xx. ``json``: place → value, ``*`` for each part; ``advice``: what to do when the
    value at a place is another. ``rows``: the place of the records ("" is the whole answer), None where none
    are expected; ``at_least`` so many have to be there. ``total``: the place where the answer reports how
    many there are; ``count``: the table, or the query, that has to have the same number.
    """

    path: str
    status: int | None = None
    json: Mapping[str, ExpectedValue] = field(default_factory=dict)
    advice: Mapping[str, str] = field(default_factory=dict)
    rows: str | None = None
    at_least: int = 0
    total: str = ""
    count: str = ""
    signed_in: bool = False
    max_mb: int = 1  # of the answer: for lists that come whole

    @classmethod
    def parse(cls, given: Any) -> ExpectedAnswer:
        """Reads one entry: a path, or a mapping. Raises ValueError with a sentence."""
        if isinstance(given, str):
            return cls(_path(given))
        if not isinstance(given, Mapping) or "path" not in given:
            raise ValueError(f"each must be a path that begins with “/”, or look like {EXAMPLE}.")
        if unknown := sorted(map(str, set(given) - set(SETTINGS))):
            raise ValueError(f"there is no setting {', '.join(unknown)}; there are: {', '.join(SETTINGS)}.")
        entry = cls(
            _path(given["path"]),
            _whole(given, "status", None),
            {str(place): ExpectedValue(_rule(value)) for place, value in _mapping(given, "json").items()},
            {str(place): str(text) for place, text in _mapping(given, "advice").items()},
            str(given["rows"]) if "rows" in given else None,
            _whole(given, "at_least", 0) or 0,
            str(given.get("total", "")),
            str(given.get("count", "")),
            bool(given.get("signed_in", False)),
            _whole(given, "max_mb", 1) or 1,
        )
        entry.refuse_contradictions()
        return entry

    def refuse_contradictions(self) -> None:
        """Raises ValueError for settings that do not fit each other."""
        if strangers := sorted(set(self.advice) - set(self.json)):
            raise ValueError(f"{self.path}: advice names {', '.join(strangers)}, which json does not have.")
        if self.at_least and self.rows is None:
            raise ValueError(f"{self.path}: at_least needs rows, the place of the records.")
        if self.count and not (TABLE.fullmatch(self.count) or QUERY.match(self.count)):
            raise ValueError(f"{self.path}: count is a table, or a query that begins with select.")
        if self.count and not self.total and self.rows is None:
            raise ValueError(f"{self.path}: count needs total (where the answer reports it) or rows.")

    @property
    def count_query(self) -> str:
        """The query whose one value is the number of records in the database."""
        if TABLE.fullmatch(self.count):
            return f"SELECT count(*) FROM {self.count}"  # noqa: S608 (letters, digits, _ and one dot)
        return self.count

    def find_wrong(self, response: Response) -> str:
        """What is wrong with an answer, in sentences; "" when it is as expected."""
        found, wrong = _parse_json(response), []
        if self.status is None and not response.ok:
            parts = " ".join(self._find_wrong_parts(found))
            return (
                f"answers {response.status}: {parts}"
                if parts
                else (f"answers {response.status} “{response.error_text()}”.")
            )
        if self.status is not None and response.status != self.status:
            wrong.append(f"answers {response.status}, expected is {self.status}.")
        if found is None and (self.json or self.rows is not None or self.status is None):
            kind = response.content_type or "something"
            return " ".join([*wrong, f"answers {response.status} with {kind} that is not JSON."])
        wrong += [text for place in self.json if (text := self._find_wrong_value(found, place))]
        if not wrong and self.rows is not None:
            wrong += self._find_wrong_rows(found)
        return " ".join(wrong)

    def _find_wrong_parts(self, found: Any) -> list[str]:
        """Which parts an error reports as wrong; empty for an error that has none of the expected places."""
        given = [
            place for place in self.json if any(value is not None for _, value in find_values(found, place))
        ]
        return [text for place in given if (text := self._find_wrong_value(found, place))]

    def _find_wrong_value(self, found: Any, place: str) -> str:
        rule = self.json[place]
        values = find_values(found, place)
        return " ".join(
            f"{at} is {_shown(value)}{_reason(found, at)}, expected is {rule.rule}."
            + (f" {self.advice[place]}" if place in self.advice else "")
            for at, value in values
            if not rule.accepts(value)
        )

    def _find_wrong_rows(self, found: Any) -> list[str]:
        rows = find_value(found, self.rows or "")
        where = f"at {self.rows}" if self.rows else "as the whole answer"
        if not isinstance(rows, list):
            return [f"a list of records was expected {where}, and {_shown(rows)} came."]
        if len(rows) < self.at_least:
            return [f"{len(rows)} record(s) came, and at least {self.at_least} were expected."]
        return []

    def rows_in(self, response: Response) -> int | None:
        """How many records came; None where the answer has no list."""
        rows = find_value(_parse_json(response), self.rows or "")
        return len(rows) if isinstance(rows, list) else None

    def total_in(self, response: Response) -> int | None:
        """How many records the answer says there are."""
        if not self.total:
            return self.rows_in(response)
        found = find_value(_parse_json(response), self.total)
        return found if isinstance(found, int) and not isinstance(found, bool) else None


@dataclass(frozen=True)
class RefusedRequest:
    """A request that must be refused without a sign-in: a path, or one that would change something."""

    path: str
    method: str = "GET"
    send: Any = None

    @classmethod
    def parse(cls, given: Any) -> RefusedRequest:
        """Reads one entry: a path, or a mapping. Raises ValueError with a sentence."""
        if isinstance(given, str):
            return cls(_path(given))
        if not isinstance(given, Mapping) or not {"path"} <= set(given) <= {"path", "method", "send"}:
            raise ValueError("each must be a path, or look like {method: PATCH, path: /items/0, send: {…}}.")
        method = str(given.get("method", "GET"))
        if method not in METHODS:
            raise ValueError(f"method is one of {', '.join(METHODS)}.")
        return cls(_path(given["path"]), method, given.get("send"))

    @property
    def label(self) -> str:
        """Its name in results: the path, with the method of one that changes something."""
        return self.path if self.method == "GET" else f"{self.method} {self.path}"


def _parse_json(response: Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def _reason(found: Any, place: str) -> str:
    """What the part itself says about its state, in one line."""
    part = find_value(found, place.rpartition(".")[0])
    texts = [part.get(name) for name in REASONS] if isinstance(part, Mapping) else []
    said = "; ".join(" ".join(text.split()) for text in texts if isinstance(text, str) and text.strip())
    return f" (“{said[:300]}”)" if said else ""


def _shown(value: Any) -> str:
    if value is None:
        return "not there"
    if isinstance(value, str):
        return value[:60] or "empty"
    return (
        f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
        if isinstance(value, dict | list)
        else json.dumps(value)
    )


def _path(given: Any) -> str:
    if not isinstance(given, str) or not given.startswith("/"):
        raise ValueError("each must be a path that begins with “/”: the host is that of the system.")
    return given


def _mapping(given: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = given.get(name) or {}
    if not isinstance(found, Mapping):
        raise ValueError(f"{given['path']}: {name} is a mapping, place → value.")
    return found


def _rule(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _whole(given: Mapping[str, Any], name: str, default: int | None) -> int | None:
    found: Any = given.get(name)
    if found is None:
        return default
    if isinstance(found, bool) or not str(found).isdecimal():
        raise ValueError(f"{given['path']}: {name} is a whole number.")
    return int(found)
