"""Statements inside WITH that write rows."""

from __future__ import annotations

from collections.abc import Iterator

from integrations.sql_review.parser import Node, find_nodes

WRITES = ("InsertStmt", "UpdateStmt", "DeleteStmt")


def find_writes(node: Node) -> Iterator[tuple[str, Node]]:
    """Yields the kind and contents of each write in the WITH of a statement."""
    for entry in find_nodes(node, "CommonTableExpr"):
        for kind in WRITES:
            if kind in entry["ctequery"]:
                yield kind, entry["ctequery"][kind]


def has_writes(node: Node) -> bool:
    """Whether the WITH of a statement writes rows."""
    return any(True for _ in find_writes(node))
