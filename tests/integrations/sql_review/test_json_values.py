"""What jsonb refuses and shortens is told before it is cast, by the server and, before version 16, by us."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from integrations.sql_review.json_values import ASKS_SERVER, refused_by_jsonb, shortened_by_jsonb

BEFORE_16 = 150004
REFUSED = [
    r'{"a": "\u0000"}',
    r'{"a\u0000": 1}',
    r'{"a": "\\\u0000"}',
    r'["\ud800"]',
    r'["\udc00"]',
    r'["\ud83d\\ude00"]',
    r'["\\ud83d\ude00"]',
    r'["\ud83d\ud83d\ude00"]',
    "[1e400000]",
    "[1e-16384]",
    '{"x": {"y": -2.5E+131072}}',
]
TAKEN = [
    "null",
    "{}",
    r'"\\u0000"',
    r'"\\\\u0000"',
    r'"\ud83d\ude00"',
    r'"\\\ud83d\ude00"',
    r'"\u0001\u00e9\ud7ff\u0100"',
    '"1e400000"',
    r'"\"1e400000"',
    "[1e1000, 1e-1000]",
    '{"a": ":", "b": {"c": "a:b"}}',
    r'{"a": "\u003a\u003A"}',
    '{"b": 1,   "a": [{"c": 1}, {"c": 2}]}',
    '{"a": {"b": [1, {"c": 1, "c": 1.0}]}}',
]
SHORTENED = [
    '{"amount":1,"amount":2}',
    '{"a": {"b": [1, {"c": 1, "c": 2}]}}',
    r'{"a": "\u003a", "a": ""}',
    '[[{"a": {"x": 1, "x": 2}, "a": {"x": 2}}]]',
    r'{"a": 1, "\u0061": 2}',
    '{"a": {"x": 1, "y": 2}, "a": 3}',
    r'{"a": 1, "a": "\u003a\u003a"}',
]


@pytest.fixture(scope="module")
def connection(postgres_server: object) -> psycopg.Connection[tuple[object, ...]]:
    with psycopg.connect(postgres_server.url(), autocommit=True) as made:
        yield made


def select(
    connection: psycopg.Connection[tuple[object, ...]], condition: Callable[[int], str], server: int
) -> list[object]:
    """The values that a condition meets, in one scan: no value may stop it."""
    filled = condition(server).replace("{c}", '"doc"')
    query = f"SELECT doc::text FROM unnest(%s::json[]) WITH ORDINALITY AS rows(doc, n) WHERE {filled}"
    values = [*REFUSED, *TAKEN, *SHORTENED]
    quoted = query.replace("%s", "ARRAY[" + ", ".join("'" + v.replace("'", "''") + "'" for v in values) + "]")
    return [text for (text,) in connection.execute(f"{quoted} ORDER BY n".encode())]


@pytest.mark.parametrize("server", [BEFORE_16, ASKS_SERVER])
def test_every_value_is_told_apart(connection: psycopg.Connection[tuple[object, ...]], server: int) -> None:
    assert select(connection, refused_by_jsonb, server) == REFUSED
    assert select(connection, shortened_by_jsonb, server) == SHORTENED


def test_the_server_agrees_by_casting(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    for value in REFUSED:
        with pytest.raises(psycopg.Error):
            connection.execute("SELECT %s::json::jsonb", [value])
    for value in [*TAKEN, *SHORTENED]:
        connection.execute("SELECT %s::json::jsonb", [value])
