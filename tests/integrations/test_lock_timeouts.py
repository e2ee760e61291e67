"""No statement of the product changes a customer's database, or waits for a lock, without a limit.

The source is read: a statement that begins like a change has to be executed by `lock_waits`, and every
connection has to be made by the one function that sets a lock_timeout. The panel's own database has limits in
the settings.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from cutover.data_folder import PROJECT
from tests.source_tree import tracked

#: Words that begin a statement which takes a lock that others may hold, or that changes something.
CHANGE = re.compile(
    r"\s*(insert into|update|delete from|alter|create|drop|truncate|grant|revoke|comment on|lock table"
    r"|reindex|vacuum|analyze|cluster|refresh|merge into|copy|call|do \$)\b",
    re.IGNORECASE,
)
EXECUTES = {"execute", "executemany"}
#: Functions that execute a statement with a lock_timeout of its own.
GUARDED = {"execute_change", "execute_alone"}
#: Statements that are executed as they are, each with the reason.
EXCEPTIONS = {
    ("integrations/prisma/cli_locks.py", "lock table only"): "inside `lock_waits.change`",
    ("integrations/backups/database_swap.py", "alter {} set {} from current"): "inside `lock_waits.change`",
    ("integrations/environment/accounts.py", "UPDATE "): "inside `lock_waits.change`",
    ("integrations/environment/accounts.py", "INSERT INTO "): "inside `lock_waits.change`",
    ("integrations/environment/accounts.py", "DELETE FROM "): "inside `lock_waits.change`",
    ("integrations/writes/write_proof.py", "update {} set"): "tried once and rolled back, with a limit",
    ("integrations/writes/write_proof.py", "create temp table"): "a table of its own session",
}
#: SQL that is shown or written into files, and executed by nobody here.
ONLY_TEXT = (
    "integrations/sandbox/",
    "integrations/sql_review/",
    "integrations/parity/report/repair_sql.py",
    "integrations/prisma/alignment.py",  # a migration, which Prisma executes
    "integrations/prisma/errors.py",
)


def product_files() -> Iterator[tuple[str, Path]]:
    for path in tracked("integrations/**/*.py"):
        name = str(path.relative_to(PROJECT))
        if not name.startswith(ONLY_TEXT):
            yield name, path


def first_text(node: ast.AST) -> str:
    """The text that an expression begins with: of a string, an f-string, ``sql.SQL(…)``, ``….format(…)``."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return first_text(node.values[0]) if node.values else ""
    if isinstance(node, ast.Call):
        return first_text(node.func) or (first_text(node.args[0]) if node.args else "")
    return first_text(node.value) if isinstance(node, ast.Attribute) else ""


def find_changes(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Every text that is given to a call which executes it, also through a variable, with the call's name."""
    named = defaultdict[str, list[str]](list)
    for node in ast.walk(tree):
        for target in node.targets if isinstance(node, ast.Assign) else ():
            if isinstance(target, ast.Name):
                named[target.id].append(first_text(node.value))
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        for argument in call.args if name in EXECUTES | GUARDED else ():
            for text in [first_text(argument), *named[base_name(argument)]]:
                yield text, name


def base_name(node: ast.AST) -> str:
    """The variable of ``statement.format(…)`` or ``text.encode()``."""
    while isinstance(node, ast.Call | ast.Attribute):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def changes_without_a_limit(name: str, tree: ast.AST) -> list[tuple[str, str]]:
    return [
        (name, text)
        for text, call in find_changes(tree)
        if CHANGE.match(text) and call in EXECUTES and not is_excepted(name, text)
    ]


def is_excepted(name: str, text: str) -> bool:
    return any(name == file and text.startswith(begin) for file, begin in EXCEPTIONS)


def test_every_statement_that_changes_a_database_has_a_lock_timeout() -> None:
    found = [
        each
        for name, path in product_files()
        for each in changes_without_a_limit(name, ast.parse(path.read_text()))
    ]
    assert not found, "execute it with integrations.clients.lock_waits, or give the reason"


def test_the_search_finds_a_statement_without_one() -> None:
    planted = """def f(c):
    c.execute(sql.SQL('alter role {} set x = 1').format(1))
    statement = sql.SQL('drop database {}')
    c.execute(statement.format(name))
    lock_waits.execute_change(c, 'drop table t')
"""
    assert [text for _, text in changes_without_a_limit("planted.py", ast.parse(planted))] == [
        "alter role {} set x = 1",
        "drop database {}",
    ]


def test_an_exception_is_still_there() -> None:
    for name, text in EXCEPTIONS:
        assert text in (PROJECT / name).read_text(), name


def test_every_connection_is_made_where_a_lock_timeout_is_set() -> None:
    """`postgres.connect` sets one; the parity library's command line has its own, in `SESSION_SETTINGS`."""
    allowed = {"integrations/clients/watched_connection.py", "integrations/parity/server/snapshot.py"}
    found = {
        name
        for name, path in product_files()
        if re.search(r"psycopg\.(Connection\.)?connect\(", path.read_text())
    }
    assert found <= allowed


def test_no_session_takes_its_limit_away() -> None:
    for name, path in product_files():
        text = path.read_text()
        assert not re.search(r"lock_timeout\s*(=|to)\s*'?0\b|reset lock_timeout", text, re.IGNORECASE), name
