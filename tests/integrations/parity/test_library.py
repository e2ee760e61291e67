"""The engine is a library of its own, and the exit code of its command line is the verdict."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import yaml

from integrations.parity.__main__ import COULD_NOT, DIFFERENT, EQUAL
from integrations.parity.beyond_rows.object_registry import KINDS
from integrations.parity.beyond_rows.uncompared_objects import NAMES as UNCOMPARED
from integrations.parity.model.declared import RULE_KINDS
from integrations.parity.result import LIMIT, ComparisonResult, DifferingRow, TableResult
from tests.integrations.parity.conftest import Pair

ROOT = Path(__file__).parents[3]


def parity(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "integrations.parity", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120)


def test_it_works_where_there_is_no_django() -> None:
    code = (
        "import sys, pkgutil, importlib\n"
        "class Blocked:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in {'django', 'celery', 'checklists', 'cutover'}:\n"
        "            raise ImportError(f'{name} is blocked')\n"
        "sys.meta_path.insert(0, Blocked())\n"
        "import integrations.parity as p\n"
        "for m in pkgutil.iter_modules(p.__path__): importlib.import_module(f'{p.__name__}.{m.name}')\n"
        "from integrations.parity.__main__ import main\n"
        "sys.exit(main(['env:NOT_SET_HERE', 'env:NOT_SET_HERE']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert (done.returncode, "NOT_SET_HERE is not set" in done.stderr) == (COULD_NOT, True), done.stderr


def test_it_imports_nothing_else_of_the_project() -> None:
    for path in (ROOT / "integrations" / "parity").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            others = [
                name for name in names if name.split(".")[0] in ("integrations", "checklists", "cutover")
            ]
            assert all(name.startswith("integrations.parity") for name in others), path


def test_exit_codes_distinguish_equal_different_and_could_not_compare(pair: Pair) -> None:
    pair.both("create table t (id int primary key, v boolean)", "insert into t values (1, true)")
    urls = pair.source.url, pair.target.url
    assert parity(*urls).returncode == EQUAL
    pair.target.run("update t set v = false")
    different = parity(*urls)
    assert different.returncode == DIFFERENT
    assert "t [id=1] changed: v: 'true' → 'false'" in different.stdout
    assert json.loads(parity(*urls, "--json").stdout)["tables"][0]["changed"] == 1
    pair.target.run("alter table t alter v type integer using 1")
    assert parity(*urls).returncode == COULD_NOT
    assert parity(pair.source.url, pair.target.url + "_none").returncode == COULD_NOT


def test_a_fingerprint_and_declared_differences_come_from_files(pair: Pair, tmp_path: Path) -> None:
    pair.source.run("create table t (id int primary key, v boolean)", "insert into t values (1, null)")
    rules, kept = tmp_path / "declared.yaml", tmp_path / "before.json"
    rules.write_text(
        yaml.safe_dump([{"kind": "null_is_default", "table": "t", "column": "v", "default": False}])
    )
    taken = parity(pair.source.url, "--take", str(kept), "--declared", str(rules))
    assert (taken.returncode, taken.stderr) == (EQUAL, "")
    pair.source.run("update t set v = false")
    assert parity(str(kept), pair.source.url, "--declared", str(rules)).returncode == EQUAL
    assert parity(str(kept), pair.source.url).returncode == COULD_NOT  # other rules than at that time
    rules.write_text("- kind: nonsense")
    wrong = parity(str(kept), pair.source.url, "--declared", str(rules))
    assert (wrong.returncode, "nonsense" in wrong.stderr) == (COULD_NOT, True)


def test_a_kept_pass_makes_the_next_comparison_read_only_what_changed(pair: Pair, tmp_path: Path) -> None:
    pair.both(
        "create table t as select i as id, i as v from generate_series(1, 9000) i",
        "alter table t add primary key (id)",
    )
    urls, kept = (pair.source.url, pair.target.url), str(tmp_path / "pass.json")
    full = parity(*urls, "--keep-pass", kept)
    assert (full.returncode, "SHA-256" in full.stderr) == (EQUAL, True), full.stderr
    pair.target.run("update t set v = 0 where id = 4711")
    again = parity(*urls, "--recheck", kept, "--json")
    facts = json.loads(again.stdout)
    assert (again.returncode, facts["mode"]) == (DIFFERENT, "recheck")
    assert facts["tables"][0]["examples"][0]["key"] == {"id": "4711"}
    lost = parity(*urls, "--recheck", kept + "-lost")
    assert (lost.returncode, "pass.json-lost" in lost.stderr) == (COULD_NOT, True)


def test_rules_in_sql_spot_checks_and_structure_are_judged_and_printed(pair: Pair, tmp_path: Path) -> None:
    pair.both("create table t (id int primary key, v int)", "insert into t values (1, 10)")
    pair.target.run("create index by_v on t (v)")
    urls, rules = (pair.source.url, pair.target.url), tmp_path / "declared.yaml"
    rules.write_text(
        "checks: [{name: sum of v, sql: select sum(v) from t}]\nspots: [{table: t, key: {id: 1}}]\n"
    )
    told = parity(*urls, "--declared", str(rules))
    assert (told.returncode, "by_v" in told.stdout, "told, not judged" in told.stdout) == (EQUAL, True, True)
    assert parity(*urls, "--structure", "judged").returncode == DIFFERENT
    pair.target.run("drop index by_v", "update t set v = 11")
    different = parity(*urls, "--declared", str(rules))
    assert different.returncode == DIFFERENT
    assert "sum of v: not the same" in different.stdout
    assert "t id=1: not the same" in different.stdout


def test_the_reference_names_every_kind_of_declared_difference_and_what_it_needs() -> None:
    text = (ROOT / "docs/reference/parity-declared.md").read_text()
    rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("| `")]
    named = {kind.strip(" `"): (codes(needs), codes(more)) for kind, needs, more, _ in rows}
    assert named == {kind: (set(needs), set(more)) for kind, (_, needs, more) in RULE_KINDS.items()}


def test_the_reference_names_every_kind_of_objects_and_its_level() -> None:
    text = (ROOT / "docs/reference/parity-objects.md").read_text()
    rows = [line.split("|")[1:-1] for line in text.splitlines() if line.count("|") == 4 and "| `" in line]
    named = {kind.strip(" `"): level.strip() for kind, level, _ in rows}
    assert named == {kind.name: "judged" if kind.judged else "reported" for kind in KINDS}
    listed = text[text.index("kinds that are never compared:") : text.index("kinds that could not be read")]
    assert [kind for kind in UNCOMPARED if kind not in " ".join(listed.split())] == []


def codes(pair: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", pair))


def test_a_result_stays_small_whatever_differs() -> None:
    columns = {f"column_{n}": ["x" * 500, "ÿ" * 500] for n in range(8)}
    examples = [DifferingRow({"id": str(n)}, "changed", columns) for n in range(100)]
    tables = [TableResult(f"table_{n}", changed=100, examples=list(examples)) for n in range(40)]
    facts = ComparisonResult("live", {}, {}, tables=tables).as_facts()
    assert len(json.dumps(facts)) <= LIMIT
    assert sum(table["differing"] for table in facts["tables"]) == 4000
    assert all(table["examples_cut"] for table in facts["tables"])
