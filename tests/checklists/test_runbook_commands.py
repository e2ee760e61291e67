"""`manage.py runbook` and `manage.py actions`, as people and editors use them."""

from __future__ import annotations

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from checklists.management.commands.actions import reference_page
from checklists.runbook import json_schema
from checklists.runbook.sections import ITEM, PHASE, RUNBOOK
from integrations.actions import registry
from tests.checklists.runbook_files import GOOD, REGISTRY
from tests.released import release

pytestmark = [pytest.mark.usefixtures("only_own_actions"), pytest.mark.django_db]

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "checklists/runbooks/example.yaml"


def check(file: Path, *options: str) -> tuple[int, str]:
    """The exit code and what was printed."""
    out = StringIO()
    try:
        call_command("runbook", "check", str(file), *options, stdout=out, stderr=StringIO())
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_check_says_in_one_line_that_a_file_is_right():
    code, said = check(EXAMPLE)
    assert code == 0
    assert said.startswith("mail-move is right: 3 phases, 7 items (6 manual, 0 actions, 1 gates)")
    assert said.count("\n") == 1


def test_check_prints_file_line_what_and_remedy_and_ends_with_one(tmp_path):
    file = tmp_path / "wrong.yaml"
    file.write_text(EXAMPLE.read_text().replace("owner: support", "owner: suport", 1))
    line = file.read_text().split("\n").index("        owner: suport") + 1
    assert check(file) == (
        1,
        f"{file}:{line}: item announce: owner: there is no role “suport”. Did you mean “support”?\n",
    )


def test_check_tells_unset_variables_unless_asked_not_to(tmp_path, monkeypatch):
    file = tmp_path / "with-system.yaml"
    system = "systems:\n  shop:\n    kind: http\n    url: ${SHOP_ADDRESS_OF_A_TEST}\nroles:\n"
    file.write_text(EXAMPLE.read_text().replace("roles:\n", system, 1))
    code, said = check(file)
    assert (code, "the variable SHOP_ADDRESS_OF_A_TEST is not set" in said) == (1, True)
    assert check(file, "--no-env")[0] == 0
    monkeypatch.setenv("SHOP_ADDRESS_OF_A_TEST", "http://127.0.0.1:1")
    code, said = check(file)
    assert (code, "not released for runbooks: SHOP_ADDRESS_OF_A_TEST (line" in said) == (1, True)
    release(file.read_text())
    assert check(file)[0] == 0


def test_check_reads_no_more_of_a_huge_file_than_it_needs(tmp_path):
    file = tmp_path / "huge.yaml"
    with file.open("wb") as opened:
        opened.truncate(10_000_000_000)
    code, said = check(file)
    assert (code, said.startswith(f"{file}:1: file: The file is larger than 256 KB.")) == (1, True)


def test_check_of_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(CommandError, match="cannot be read: No such file"):
        check(tmp_path / "none.yaml")


def test_check_ends_the_process_with_one_and_prints_to_the_terminal(tmp_path):
    file = tmp_path / "wrong.yaml"
    file.write_text(GOOD)
    command = [sys.executable, str(ROOT / "manage.py"), "runbook", "check", str(file), "--no-env"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 1
    assert "there is no action “copy.take”" in done.stdout


@pytest.mark.reference
def test_the_schema_in_the_docs_is_that_of_the_code():
    out = StringIO()
    call_command("runbook", "schema", stdout=out)
    kept = (ROOT / "docs/reference/runbook.schema.json").read_text()
    assert kept == out.getvalue(), (
        "make it again: manage.py runbook schema > docs/reference/runbook.schema.json"
    )


def test_the_schema_knows_every_key_and_every_parameter():
    schema = json_schema(REGISTRY)
    item = schema["$defs"]["item"]
    assert set(schema["properties"]) == set(RUNBOOK)
    assert set(schema["$defs"]["phase"]["properties"]) == set(PHASE)
    assert set(item["properties"]) == set(ITEM)
    assert item["properties"]["action"]["enum"] == list(REGISTRY)
    take = next(
        c["then"] for c in item["allOf"] if c["if"]["properties"].get("action") == {"const": "copy.take"}
    )
    params = take["properties"]["params"]
    assert params["properties"]["jobs"] == {"type": "integer", "description": "Tables at once."}
    assert params["properties"]["way"] == {"enum": ["fast", "safe"]}
    assert params["required"] == ["database"]
    assert "anyOf" not in take
    change = next(
        c["then"] for c in item["allOf"] if c["if"]["properties"].get("action") == {"const": "schema.change"}
    )
    assert change["anyOf"] == [{"required": ["undo"]}, {"required": ["irreversible"]}]
    json.dumps(schema)


@pytest.mark.reference
def test_the_page_about_the_file_names_every_key():
    page_text = (ROOT / "docs/reference/runbook-file.md").read_text()
    missing = [key for section in (RUNBOOK, PHASE, ITEM) for key in section if f"`{key}`" not in page_text]
    assert missing == []


def test_actions_lists_key_effect_and_title_of_all():
    out = StringIO()
    call_command("actions", stdout=out)
    lines = out.getvalue().splitlines()
    assert len(lines) == len(registry())
    for line, action in zip(lines, registry().values(), strict=True):
        assert line.split(None, 2) == [action.key, str(action.effect), action.title]


def test_the_reference_page_has_every_action_with_its_parameters():
    out = StringIO()
    call_command("actions", "--markdown", stdout=out)
    said = out.getvalue()
    for action in registry().values():
        section = said.split(f"\n## {action.key}\n")[1].split("\n## ")[0]
        assert all(f"| `{name}` |" in section for name in action.Params.base_fields)


def test_the_reference_page_says_what_values_a_parameter_takes():
    said = "\n".join(reference_page(REGISTRY))
    assert "| `database` | a system of kind postgres | yes | What to copy. |" in said
    assert "| `jobs` | a whole number | no | Tables at once. |" in said
    assert "| `copy` | an item that does copy.take | yes |  |" in said
    assert "| `rules` | a list | no |  |" in said
    assert "It changes production: its item names its undo." in said


@pytest.mark.reference
def test_the_page_of_actions_in_the_docs_is_that_of_the_code():
    out = StringIO()
    call_command("actions", "--markdown", stdout=out)
    kept = (ROOT / "docs/reference/actions.md").read_text()
    assert kept == out.getvalue(), "make it again: manage.py actions --markdown > docs/reference/actions.md"
