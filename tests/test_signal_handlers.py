"""Handlers of signals only take note: what they raise can be lost, and a lock that they want may be held."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.source_tree import modules

#: Handlers that raise, each with what mends a lost exception.
RAISING = {
    "checklists.executor.process.action_process:_on_signal": "`raise_if_stopped` repeats it; the guard kills",
}


def handlers(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """The functions of a module that it gives to `signal.signal`."""
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "signal.signal":
            name = ast.unparse(node.args[1]).rpartition(".")[2]
            if name in functions:
                yield functions[name]


def faults(handler: ast.FunctionDef) -> list[str]:
    """What a handler must not do: raise, or set a `threading.Event`, which takes a lock."""
    return [
        ast.unparse(node)
        for node in ast.walk(handler)
        if isinstance(node, ast.Raise)
        or (isinstance(node, ast.Attribute) and node.attr in ("set", "acquire"))
    ]


@pytest.mark.parametrize(
    "body", ["raise SystemExit(0)", "stop.set()", "if not known:\n        raise Stopped"], ids=str.split
)
def test_a_handler_that_raises_or_locks_is_found(body: str) -> None:
    code = f"import signal\ndef stop(number, frame):\n    {body}\nsignal.signal(signal.SIGTERM, stop)"
    (handler,) = handlers(ast.parse(code))
    assert faults(handler)


def test_the_handlers_of_the_product_only_take_note() -> None:
    found = {}
    for name, tree in modules().items():
        for handler in handlers(tree):
            if wrong := faults(handler):
                found[f"{name}:{handler.name}"] = wrong
    assert found.keys() == RAISING.keys(), found
