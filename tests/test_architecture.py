"""The architecture: import directions, names, tests for everything, pinned requirements."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from pathlib import Path

from django.apps import apps
from django.core.management import get_commands, load_command_class

from cutover.data_folder import PROJECT
from cutover.database.rights import RIGHTS
from integrations.actions import registry
from tests.source_tree import definitions, import_cycles, imports, modules, python_files, tracked

COMMAND_APPS = ("checklists", "cutover.database", "cutover.demo")
#: Public functions that more than three modules define, each with the reason.
SHARED_FUNCTION_NAMES = {
    "main": "the entry point of each program that runs as `python -m`",
}

#: A value that SQL casts to text: of a placeholder, or a whole row. Users may define such casts, which leave
#: out a part of the value; its output function is what compares it (parity/server/column_types.py).
CAST_TO_TEXT = re.compile(r"(?:\}|\.\*)\)*::(?:text|varchar)\b(?!\[)|cast\s*\(.*\}.* as text\)", re.I)
#: Modules that cast values on purpose, each with the reason.
CASTS_ON_PURPOSE = {
    "integrations/backups/added_values.py": "schema and name of a table, given as literals",
    "integrations/parity/server/catalog.py": "names in the catalog",
    "integrations/parity/server/column_types.py": "only types whose cast nobody else can define",
    "integrations/preflight/checks/rules_names.py": "whether a spot check has a row; the comparison decides",
    "integrations/sql_review/altered_types.py": "as the script's own cast would write them",
    "integrations/sql_review/column_types.py": "the length that the script's own cast would see",
    "integrations/sql_review/indexes.py": "an anonymous row, for which nobody can define a cast",
    "integrations/sql_review/json_values.py": "json and jsonb, whose casts nobody else can define",
    "integrations/sql_review/tables.py": "keys of built-in types, for display",
    "integrations/sql_review/text_casts.py": "what the script casts by way of text",
    "integrations/sql_review/written_values.py": "the length that the script's own cast would see",
}

SUPPRESSION = re.compile(
    r"# (?:(?:ruff: )?noqa(?:: ?[A-Z]+\d+(?:, ?[A-Z]+\d+)*)?|type: ignore(?:\[[\w, -]+\])?)(?P<reason>.*)"
)


def test_a_class_name_means_one_thing_in_the_product() -> None:
    shared = {
        name: places
        for name, places in definitions(ast.ClassDef).items()
        if len(places) > 1 and name not in {"Command", "Migration"}  # Django asks for these names
    }
    assert not shared


def test_a_function_name_does_not_mean_many_things() -> None:
    found = definitions((ast.FunctionDef, ast.AsyncFunctionDef))
    shared = {name: places for name, places in found.items() if len(places) > 3}
    assert shared.keys() == SHARED_FUNCTION_NAMES.keys(), shared


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert import_cycles() == []


def test_values_that_are_compared_become_text_by_the_output_function_of_their_type() -> None:
    found = {
        str(path.relative_to(PROJECT))
        for path in tracked("integrations/**/*.py")
        if "sandbox" not in path.parts and CAST_TO_TEXT.search(path.read_text())
    }
    assert found == CASTS_ON_PURPOSE.keys()


def test_the_parity_library_stands_alone() -> None:
    for name, tree in modules().items():
        if name.startswith("integrations.parity"):
            outside = set(imports(tree, frozenset(modules())))
            assert all(other.startswith("integrations.parity") for other in outside), name


def test_every_action_has_a_file_of_its_name_and_a_test(only_own_actions: None) -> None:
    for key in registry():
        name = key.replace(".", "_")
        assert (PROJECT / "integrations" / "actions" / f"{name}.py").is_file(), key
        assert (PROJECT / "tests" / "integrations" / "actions" / f"test_{name}.py").is_file(), key


def test_every_command_is_named_in_a_test() -> None:
    commands = [name for name, app in get_commands().items() if app in COMMAND_APPS]
    assert commands
    own = Path(__file__).name
    texts = [p.read_text() for p in tracked("tests/**/*.py") if p.name != own]
    for name in commands:
        named = re.compile(rf"""["']{name}["']|commands\.{name}\b""")
        assert any(named.search(text) for text in texts), f"no test runs manage.py {name}"


def test_every_command_says_what_it_is_for() -> None:
    for name, app in get_commands().items():
        if app in COMMAND_APPS:
            assert load_command_class(app, name).help, name


def test_every_model_can_be_named_to_a_person() -> None:
    for model in apps.get_app_config("checklists").get_models():
        assert "__str__" in vars(model), model


def test_every_table_has_its_rights_in_the_table_of_rights() -> None:
    """Without them the panel's role cannot use it; `migrate` gives exactly what is written there."""
    models = apps.get_models(include_auto_created=True)
    tables = {model._meta.db_table for model in models if model._meta.managed}
    missing = tables - RIGHTS.keys()
    assert not missing, f"add them to cutover/database/rights.py: {sorted(missing)}"
    assert RIGHTS.keys() - tables == {"django_migrations"}


def test_every_module_says_in_a_sentence_what_it_is() -> None:
    for path in python_files():
        text = path.read_text().removeprefix("#!/usr/bin/env python3\n").strip()
        assert not text or text.startswith('"""'), path


def test_files_stay_short() -> None:
    long = {
        str(p.relative_to(PROJECT)): n for p in python_files() if (n := len(p.read_text().splitlines())) > 300
    }
    assert not long


def test_no_signature_is_squeezed_by_hand() -> None:
    """Tables of data are laid out by hand; a long signature is the formatter's, a parameter a line."""
    squeezed = []
    for path in tracked("*/**/*.py"):
        lines = path.read_text().splitlines()
        if not any("fmt: skip" in line for line in lines):
            continue
        for node in ast.walk(ast.parse("\n".join(lines))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                signature = lines[node.lineno - 1 : node.body[0].lineno - 1]
                if any("fmt: skip" in line for line in signature):
                    squeezed.append(f"{path.relative_to(PROJECT)}: {node.name}")
    assert squeezed == []


def test_there_is_no_module_for_things_without_a_name() -> None:
    nameless = {"utils", "helpers", "common", "manager", "misc"}
    assert not [p for p in python_files() if nameless & {p.stem, p.parent.name}]


def test_no_address_of_a_registry_is_committed() -> None:
    """pip and npm know theirs by themselves: locks must work wherever the network lets one through."""
    address = re.compile(
        r"https?://[^\s\"']*(?:pypi|pythonhosted|registry|npmjs|artifact|nexus)[^\s\"']*", re.I
    )
    files = tracked(
        "*", "*/*.json", "**/*.json", "**/*.toml", "**/*.txt", "**/*.yaml", "**/.npmrc", "docs/**/*.md"
    )
    for path in files:
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found = address.search(text)
        assert found is None, f"{path.relative_to(PROJECT)}: {found and found.group()}"


def test_the_npm_lock_holds_hashes_and_no_addresses() -> None:
    lock = json.loads((PROJECT / "integrations/sandbox/prisma/package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    assert not [name for name, entry in packages.items() if "resolved" in entry]
    assert not [
        name for name, entry in packages.items() if "integrity" not in entry and not entry.get("link")
    ]


def pins(name: str) -> dict[str, str]:
    """Package → pinned line, as the lock file has it."""
    lines = (PROJECT / name).read_text().splitlines()
    return {line.split("==")[0]: line.rstrip(" \\") for line in lines if re.match(r"[a-z0-9]", line, re.I)}


def test_what_tests_install_contains_what_the_panel_installs() -> None:
    """`./panel run` after `./panel test` installs nothing again: it relies on this."""
    run, dev = pins("requirements.txt"), pins("requirements-dev.txt")
    assert run
    assert {name: dev.get(name) for name in run} == run


def test_every_pinned_package_has_hashes() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        blocks = re.split(r"\n(?=[a-zA-Z0-9])", (PROJECT / name).read_text().strip())
        assert all("--hash=sha256:" in block for block in blocks), name


def test_a_suppression_has_its_reason_beside_it() -> None:
    """`# noqa: CODE  # why`: who reads it later must see when it can go. mypy does not read the tests."""
    bare = []
    for path in tracked("*/**/*.py"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = SUPPRESSION.search(line)
            if found and "migrations" not in path.parts and not re.search(r"\w{3}", found["reason"]):
                bare.append(f"{path.relative_to(PROJECT)}:{number}: {line.strip()}")
    assert bare == []


def test_what_is_made_from_the_code_is_compared_by_the_check_of_references() -> None:
    """`./panel check references` runs the tests with this mark, and so finds a page that fell behind."""
    marked = "".join(
        part.partition("\n\n\n")[0]
        for path in tracked("tests/**/test_*.py")
        for part in path.read_text().split("@pytest.mark.reference\n")[1:]
    )
    made = [page for page in tracked("docs/reference/*.md") if "<!-- Made by" in page.read_text()]
    assert {"actions.md", "preflight-checks.md"} <= {page.name for page in made}
    for name in [page.name for page in made] + ["runbook.schema.json"]:
        assert name in marked, f"no test with the mark compares docs/reference/{name}"


def test_the_front_door_is_posix_shell() -> None:
    for script in ("panel", ".ci/run", ".ci/nightly"):
        path = PROJECT / script
        assert path.read_text().startswith("#!/bin/sh\n")
        assert path.stat().st_mode & 0o111
        subprocess.run(["sh", "-n", str(path)], check=True)


def test_a_build_server_runs_the_checks_and_every_test() -> None:
    """Some at night: tests/test_nightly.py holds that each run has something instead of them."""
    each_change, nightly = (
        [line for line in (PROJECT / ".ci" / name).read_text().splitlines() if "panel" in line]
        for name in ("run", "nightly")
    )
    assert each_change == ["./panel check", "exec ./panel test"]
    assert nightly[0] == "./panel test nightly"
    panel = (PROJECT / "panel").read_text()
    assert re.findall(r'-m "([^"]+)"', panel) == ["not nightly", "not slow and not nightly"]
    assert "run_pytest -m nightly" in panel


def test_pages_see_only_the_registry_of_actions() -> None:
    """Of `integrations`, pages know the actions, errors, and the one function that formats sizes."""
    allowed = re.compile(r"integrations\.(actions|errors|sizes)\b")
    for path in tracked("checklists/views/*.py", "checklists/forms/*.py", "checklists/templatetags/*.py"):
        for line in path.read_text().splitlines():
            if match := re.match(r"\s*(?:from|import) (integrations[\w.]*)", line):
                assert allowed.match(match[1]), f"{path.relative_to(PROJECT)}: {line.strip()}"


def test_integrations_know_no_models_no_celery_and_no_web_request() -> None:
    banned = ("checklists", "cutover", "celery", "django.http", "django.db", "django.conf")
    for path in tracked("integrations/**/*.py"):
        for line in path.read_text().splitlines():
            if match := re.match(r"\s*(?:from|import) ([\w.]+)", line):
                assert not match[1].startswith(banned), f"{path.relative_to(PROJECT)}: {line.strip()}"


def test_a_clause_for_every_error_has_its_reason_beside_it() -> None:
    """It hides our own mistakes, too. One that raises the error again does not."""
    bare = []
    for path in python_files():
        lines = path.read_text().splitlines()
        for node in ast.walk(ast.parse("\n".join(lines))):
            if not catches_everything(node):
                continue
            if not re.search(r"# \w+ \w+ \w+", "\n".join(lines[node.lineno - 2 : node.lineno])):
                bare.append(f"{path.relative_to(PROJECT)}:{node.lineno}: {lines[node.lineno - 1].strip()}")
    assert bare == []


def catches_everything(node: ast.AST) -> bool:
    """`except Exception` that does not end in `raise`, or `suppress(Exception)`."""
    if isinstance(node, ast.ExceptHandler):
        last, caught = node.body[-1], node.type or ast.Name("Exception")
        return _names_everything(caught) and not (isinstance(last, ast.Raise) and last.exc is None)
    is_suppress = isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress")
    return is_suppress and any(map(_names_everything, node.args))


def _names_everything(caught: ast.expr) -> bool:
    broad = {"Exception", "BaseException"}
    return any(isinstance(part, ast.Name) and part.id in broad for part in ast.walk(caught))
