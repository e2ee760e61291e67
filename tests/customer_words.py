"""The words of the recorded customer, and where the product's own code has one of them.

A word is searched for in the way it could do harm: the name of a table that is also a common word counts
only in SQL, a path counts as a path of its own. String constants (docstrings too: those of the forms are the
reference that teams read) and names of the code are searched; comments compute nothing, and are not.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from cutover.data_folder import PROJECT
from tests.source_tree import modules

FACTS = PROJECT / "integrations" / "sandbox" / "customer"
NOT_PRODUCT = ("cutover.demo", "checklists.runbooks", "integrations.sandbox")
#: No fact has these as a value of its own: the customer's name, the frameworks, and the demo's variables.
NAMED = (
    *("covenant", "flask", "werkzeug", "gunicorn", "sqlalchemy", "alembic", "helmet", "nestjs"),
    *("SANDBOX_", "__next_error__", "fellowship", "sermon", "prayer", "parish", "congregation"),
)
#: Tables whose name is a common word: they count only where SQL names them.
COMMON_TABLES = {
    *("automations", "events", "facilities", "gallery", "members"),
    *("resources", "sessions", "settings", "users"),
}
#: Tables of the migration tools: they are in every database that these tools brought up to date.
TOOL_TABLES = {"_prisma_migrations", "alembic_version"}
#: Variables by which tools and servers of every team go.
COMMON_VARIABLES = {"DATABASE_URL", "NODE_ENV", "REDIS_URL", "SECRET_KEY", "SHADOW_DATABASE_URL"}
SQL_TABLE = r"\b(?:from|join|into|update|table|truncate)\s+\"?(?:public\W+)?{}\b"


def customer_words() -> dict[str, re.Pattern[str]]:
    """Each word that the product's code must not have → the pattern that finds it in a text."""
    found = {
        word: _whole(word) for word in {*_columns(), *_tables() - COMMON_TABLES, *_queue(), *_variables()}
    }
    found |= {word: _whole(word) for word in {*_chart_keys(), *_facts("migrations")["order"]}}
    found |= {table: re.compile(SQL_TABLE.format(table), re.IGNORECASE) for table in COMMON_TABLES}
    found |= {path: re.compile(rf"(?<![\w.}}/-]){re.escape(path)}(?![\w-])") for path in _paths()}
    return found | {word: re.compile(re.escape(word), re.IGNORECASE) for word in NAMED}


@cache
def variable_endings() -> set[str]:
    """Ends that several providers' variables share, such as the one of every secret key."""
    pairs = [name.partition("_") for name in _variables()]
    ends = [f"_{end}" for _, _, end in pairs if "_" in end]
    return {end for end in ends if ends.count(end) > 1}


def find_words(tree: ast.Module) -> set[str]:
    """The customer's words in one module: in its string constants and, for words of their own, its names."""
    nodes = list(ast.walk(tree))
    texts, names = list(_constants(nodes)), " ".join(_names(nodes)).lower()
    found = {
        word
        for word in _words_of_their_own()
        if word.lower() in names and re.search(rf"(?<![a-z]){word.lower()}(?![a-z])", names)
    }
    everything = "\0".join(texts).lower()  # most words are nowhere in it, and need no search in each text
    for word, pattern in _patterns().items():
        if word.lower() in everything and any(map(pattern.search, texts)):
            found.add(word)
    return found | variable_endings().intersection(texts)


def product() -> Iterator[tuple[str, ast.Module]]:
    """The modules that no customer's word belongs in."""
    for name, tree in modules().items():
        if not any(name == part or name.startswith(f"{part}.") for part in NOT_PRODUCT):
            yield name, tree


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    return customer_words()


@cache
def _words_of_their_own() -> set[str]:
    """Words that would be no accident as the name of a function or a variable, either."""
    return {*NAMED, *(_tables() - COMMON_TABLES)}


def _constants(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _names(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        for field in ("name", "id", "attr", "arg"):
            if isinstance(value := getattr(node, field, None), str):
                yield value


def _whole(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])")


@cache
def _facts(name: str) -> Any:
    return json.loads((FACTS / f"{name}.json").read_text())


def _tables() -> set[str]:
    return {*_facts("old_schema")["tables"], *_facts("new_schema")["tables"]} - TOOL_TABLES


def _columns() -> set[str]:
    """Columns of two words or more: one word alone, such as “status”, says nothing about anybody."""
    schemas = (_facts("old_schema"), _facts("new_schema"))
    tables = [table for schema in schemas for name, table in schema["tables"].items() if name in _tables()]
    return {column["name"] for table in tables for column in table["columns"] if "_" in column["name"]}


def _paths() -> set[str]:
    """The fixed part of each recorded path; the root tells nothing."""
    routes = [*_facts("api")["routes"], *_facts("old_app")["routes"], *_facts("frontend")["routes"]]
    fixed = {route["path"].partition("{")[0].rstrip("/") for route in routes}
    return fixed - {""}


def _queue() -> set[str]:
    facts = _facts("queues")
    ids = {entry["jobId_option"] for entry in facts["schedules"]["list"]}
    return ids | {entry["name"] for entry in (*facts["queues"], *facts["jobs"])}


def _variables() -> set[str]:
    """Names of two words or more of both environments."""
    deploy = _facts("deploy")
    old, new = deploy["environment_old"], deploy["environment_new"]
    entries = [*new["read_by_code"], *new["frontend"], *new["required"], *deploy["helm"]["secretEnv"]]
    entries += [*old["env_example"], *old["read_by_code_and_not_in_the_example"]]
    names = {re.match(r"\w+", entry)[0] for entry in entries}
    return {name for name in names if "_" in name} - COMMON_VARIABLES


def _chart_keys() -> set[str]:
    """Keys of the chart with a dot, and the ones in camelCase."""
    entries = [entry for keys in _facts("deploy")["helm"]["value_keys"].values() for entry in keys]
    keys = {re.split(r"[ {\[]", entry)[0].rstrip(".*") for entry in entries}
    return {key for key in keys if re.search(r"\.|[a-z][A-Z]", key)}
