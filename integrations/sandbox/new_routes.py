"""Which requests the new API has a route for: its guards see only these, and everything else is a 404."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from integrations.sandbox.facts import load_facts
from integrations.sandbox.serving import Asked

Route = tuple[str, str]  # method, and path with names in braces


def has_route(routes: Iterable[Route], asked: Asked) -> bool:
    """Whether one of the routes takes this request."""
    return any(method == asked.method and _pattern(path).fullmatch(asked.path) for method, path in routes)


@cache
def recorded_routes() -> tuple[Route, ...]:
    """Those of `customer/api.json`."""
    return tuple((route["method"], route["path"]) for route in load_facts("api.json")["routes"])


@cache
def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)))
