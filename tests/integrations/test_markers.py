"""A marker fits the answers of its own stack, as they were recorded, and no others."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from integrations.markers import Marker
from tests.customer_runbook import customer_runbook

ROOT = Path(__file__).parents[2]
ANSWERS = ROOT / "integrations" / "sandbox" / "customer" / "answers"


@cache
def shipped(name: str) -> Marker:
    return Marker.parse(customer_runbook()["systems"][name]["marker"])


def recorded(name: str) -> tuple[str, int, dict[str, str], bytes]:
    """Path, status, headers and body of a recorded answer."""
    found = json.loads((ANSWERS / f"{name}.json").read_text())
    headers = {key.lower(): value for key, value in found["response"]["headers"]}
    body = json.dumps(found["response"]["body"]).encode()
    return found["request"]["path"], found["response"]["status"], headers, body


@pytest.mark.parametrize("path", sorted(ANSWERS.glob("old--*.json")), ids=lambda path: path.stem)
def test_the_shipped_markers_know_every_recorded_answer_of_the_old_stack(path: Path) -> None:
    answer = recorded(path.stem)
    assert shipped("old-app").fits(*answer)
    assert not shipped("api").fits(*answer)


@pytest.mark.parametrize(
    "name", ["health-live", "donations-list", "events-list", "not-found", "root", "webhook-stripe-unsigned"]
)
def test_the_shipped_markers_know_recorded_answers_of_the_new_stack(name: str) -> None:
    answer = recorded(name)
    assert shipped("api").fits(*answer)
    assert not shipped("old-app").fits(*answer)


@pytest.mark.parametrize("name", ["frontend--api-up--home", "frontend--api-up--health-live"])
def test_the_frontend_is_neither_of_the_two(name: str) -> None:
    answer = recorded(name)
    assert not shipped("api").fits(*answer)
    assert not shipped("old-app").fits(*answer)


def fits(marker: Any, path: str = "/", status: int = 200, body: Any = None, **headers: str) -> bool:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Marker.parse(marker).fits(path, status, named, json.dumps(body).encode())


def test_each_property_has_to_fit() -> None:
    whole = {
        "path": "/x",
        "status": 200,
        "headers": {"Server": "/^gun/", "via": "absent", "x-a": "present", "x-b": "One"},
        "json": {"a.0.b": "up", "n": 3, "gone": "absent"},
        "text": "up",
    }
    right: dict[str, Any] = {"path": "/x", "body": {"a": [{"b": "up"}], "n": 3}}
    headers = {"server": "gunicorn", "x_a": "", "x_b": "one"}
    assert fits(whole, **right, **headers)
    assert not fits(whole, **{**right, "status": 201}, **headers)
    assert not fits(whole, **right, **{**headers, "server": "nginx gun"})
    assert not fits(whole, **right, **headers, via="1.1 x")
    assert not fits(whole, **right, server="gunicorn", x_b="one")
    assert not fits(whole, **{**right, "body": {"a": [], "n": 3, "up": 1}}, **headers)
    assert not fits(whole, **{**right, "body": {"a": [{"b": "up"}], "n": 3, "gone": 1}}, **headers)
    assert not fits({"text": "^up"}, body="x up")


def test_on_another_path_only_headers_tell() -> None:
    assert fits({"path": "/x", "status": 200, "headers": {"a": "b"}}, path="/y", status=404, a="b")
    assert not fits({"path": "/x", "status": 200}, path="/y", status=200)


def test_the_earlier_form_asks_for_a_part_of_one_header() -> None:
    assert fits("server: New-API", path="/any", server="my new-api 1.0")
    assert not fits("server: new-api", server="nginx")
    assert not fits("server: new-api")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("new-api", "must be “header: value”"),
        ({}, "must be “header: value”"),
        ({"path": "/x"}, "needs status:, headers:, json: or text:"),
        ({"path": "x", "status": 200}, "path begins with"),
        ({"status": "many"}, "status is a number"),
        ({"status": True}, "status is a number"),
        ({"header": {}}, "has no setting header"),
        ({"headers": "server"}, "headers is a mapping"),
        ({"headers": {"server": "/(/"}}, "is no regular expression"),
        ({"text": "("}, "is no regular expression"),
    ],
)
def test_a_mistake_is_named(given: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Marker.parse(given)
