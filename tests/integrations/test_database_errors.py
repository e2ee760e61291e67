"""No handler of a PostgreSQL error cuts what the server said: one function passes it on, masked."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: the function itself; the comparison library, which may import nothing of the project; pretend systems
EXEMPT = ("integrations/clients/postgres_errors.py", "integrations/parity/", "integrations/sandbox/")


def find_cut_errors(source: str) -> Iterator[int]:
    """Lines that read ``error.diag`` themselves, or put a caught error of psycopg into a text."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in ("diag", "pgerror"):
            yield node.lineno
        if isinstance(node, ast.ExceptHandler) and node.name and _is_of_psycopg(node.type):
            yield from _uses_as_text(node)


def _is_of_psycopg(caught: ast.expr | None) -> bool:
    return caught is not None and any(
        isinstance(node, ast.Name) and node.id in ("psycopg", "errors") for node in ast.walk(caught)
    )


def _uses_as_text(handler: ast.ExceptHandler) -> Iterator[int]:
    for node in ast.walk(handler):
        text = node.value if isinstance(node, ast.FormattedValue) else None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("str", "repr"):
            text = node.args[0] if node.args else None
        if isinstance(text, ast.Name) and text.id == handler.name:
            yield node.lineno


@pytest.mark.parametrize(
    "handler",
    ["f'{error}'", "str(error)", "error.diag.message_primary", "print(str(error).splitlines()[0])"],
)
def test_the_search_finds_what_it_is_for(handler: str) -> None:
    source = f"try:\n    run()\nexcept psycopg.errors.LockNotAvailable as error:\n    {handler}\n"
    assert list(find_cut_errors(source)) == [4]


def test_what_postgresql_said_of_an_error_is_passed_on_by_one_function() -> None:
    found = [
        f"{name}:{line}"
        for path in sorted(ROOT.glob("integrations/**/*.py"))
        if not (name := str(path.relative_to(ROOT))).startswith(EXEMPT)
        for line in find_cut_errors(path.read_text())
    ]
    assert not found, "use integrations.clients.postgres_errors.describe_error"
