"""The product's own source as the tests of its structure read it: modules, definitions, imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from cutover.data_folder import PROJECT

PACKAGES = ("cutover", "checklists", "integrations")
NOT_OURS = {".venv", "node_modules", "vendor", "var", "__pycache__", ".git"}


def tracked(*patterns: str) -> list[Path]:
    """Files of the project, without what belongs to packages or was made by running it."""
    found = {path for pattern in patterns for path in PROJECT.glob(pattern) if path.is_file()}
    return sorted(path for path in found if not NOT_OURS & set(path.relative_to(PROJECT).parts))


@cache
def python_files() -> tuple[Path, ...]:
    """The product's modules, without migrations."""
    return tuple(p for name in PACKAGES for p in tracked(f"{name}/**/*.py") if "migrations" not in p.parts)


@cache
def modules() -> dict[str, ast.Module]:
    """Dotted name → syntax tree."""
    return {module_name(path): ast.parse(path.read_text()) for path in python_files()}


def module_name(path: Path) -> str:
    """`checklists/board/__init__.py` → `checklists.board`."""
    return ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")


def imports(tree: ast.Module, known: frozenset[str]) -> Iterator[str]:
    """The product's modules that this one imports anywhere: inside functions and for types, too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                if full in known:
                    yield full
                elif node.module in known:
                    yield node.module


def import_cycles() -> list[list[str]]:
    """Groups of modules that import each other in a circle (Tarjan's strongly connected components)."""
    known = frozenset(modules())
    graph = {name: sorted(set(imports(tree, known)) - {name}) for name, tree in modules().items()}
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    cycles: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in graph[name]:
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                cycles.append(sorted(group))

    for name in graph:
        if name not in index:
            visit(name)
    return cycles


def definitions(kind: type[ast.stmt] | tuple[type[ast.stmt], ...]) -> dict[str, list[str]]:
    """Name of a public top-level definition of that kind → the modules that have one."""
    found: dict[str, list[str]] = {}
    for module, tree in modules().items():
        for node in tree.body:
            if isinstance(node, kind):
                name = str(node.name)
                if not name.startswith("_"):
                    found.setdefault(name, []).append(module)
    return found
