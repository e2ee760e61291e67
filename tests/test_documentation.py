"""The documentation: safe to follow twice, and about commands, links, files and settings that exist."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
import textwrap
from collections.abc import Callable
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from cutover import run
from cutover.data_folder import PROJECT
from cutover.demo import __main__ as demo
from integrations.parity.arguments import build_parser
from tests.cutover.test_settings import ELSEWHERE, settings_read
from tests.documentation import (
    ADRS,
    FENCE,
    GUIDES,
    PAGES,
    PATH,
    PLACEHOLDER,
    anchors,
    imported,
    prose,
    shell_lines,
    spans,
    text_of,
)
from tests.source_tree import PACKAGES, tracked

SOURCES = (*PACKAGES, "tests", "docs")
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
each_guide = pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: str(guide.relative_to(PROJECT)))


# ── names of tests ───────────────────────────────────────────────────────────


def test_every_test_that_a_text_names_exists() -> None:
    files = tracked("*.md", *(f"{name}/**/*.{end}" for name in SOURCES for end in ("py", "md")))
    texts = {path: path.read_text() for path in files}
    known = {path.stem for path in files} | {
        name for text in texts.values() for name in re.findall(r"def (test_\w+)", text)
    }
    named = re.compile(r"\btest_[a-z0-9_]{6,}\b")
    lost = {
        f"{path.relative_to(PROJECT)}: {name}"
        for path, text in texts.items()
        for name in named.findall(text)
        if name not in known
    }
    assert lost == set()


# ── safe to follow, twice and beside other panels ────────────────────────────


@each_guide
def test_no_command_ends_processes_by_their_name(guide: Path) -> None:
    assert not re.search(r"\b(pkill|killall)\b", guide.read_text())


@each_guide
def test_no_command_empties_a_file(guide: Path) -> None:
    emptying = r"\b(?:cp|install)\b.*\s/dev/null|\btruncate\b.* -s|^\s*:\s*>"
    assert not re.search(emptying, guide.read_text(), re.M)


@each_page
def test_no_command_overwrites_a_file_by_redirection(page: Path) -> None:
    for line in shell_lines(page.read_text()):
        target = re.search(r"(?<![-=>0-9&])>\s*([^\s>&|]+)", line)
        assert target is None or target[1].startswith("docs/reference/"), line


def test_a_copy_of_the_settings_is_never_overwritten() -> None:
    for guide in GUIDES:
        for line in re.findall(r"\bcp\b.*\.env\.example.*", guide.read_text()):
            assert "--no-clobber" in line, f"{guide}: {line}"


# ── what is named exists ─────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def parts_of_panel() -> dict[str, set[str]]:
    """The commands of ./panel, and the parts of `./panel check`."""
    text = (PROJECT / "panel").read_text()
    commands = text[text.index("\ncase $command in") :]
    parts = re.search(r"^PARTS=\"([a-z ]+)\"$", text, re.M)
    assert parts
    return {"": set(re.findall(r"^    (\w+)\)", commands, re.M)), "check": set(parts[1].split())}


def parse(parser: argparse.ArgumentParser, arguments: list[str], line: str) -> None:
    """Fails when the parser refuses the arguments."""

    def refuse(message: str) -> None:
        raise AssertionError(f"{line}: {message}")

    parser.error = refuse
    parser.parse_args(arguments)


def check_management_command(words: list[str], line: str) -> None:
    if not words or words[0] == "…":
        return
    name = words[0]
    assert name in get_commands(), line
    parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
    if not words[1:]:
        return  # only named
    parse(parser, words[1:], line)


def check_benchmark(words: list[str], line: str) -> None:
    for name in words[:1]:
        assert (
            name.startswith(("-", "[", "NAME")) or (PROJECT / f"tests/benchmarks/bench_{name}.py").exists()
        ), line


def check_test_command(words: list[str], line: str) -> None:
    if words[:1] == ["long"]:
        assert len(words) in (1, 3, 4), line
    for name in words:
        is_path = name.startswith("tests/") and not PLACEHOLDER.search(name)
        assert not is_path or (PROJECT / name.partition("::")[0]).exists(), line


PANEL: dict[str, Callable[[list[str], str], None]] = {
    "manage": check_management_command,
    "demo": lambda words, line: _parse_options(demo.arguments, words, line),
    "run": lambda words, line: _parse_options(run.arguments, words, line),
    "test": check_test_command,
    "bench": check_benchmark,
}


def _parse_options(parse_all: Callable[[list[str]], object], words: list[str], line: str) -> None:
    try:
        parse_all(["1000" if word == "N" else word for word in words])
    except SystemExit:
        raise AssertionError(f"{line}: unknown options") from None


@each_page
def test_every_command_that_is_named_exists_with_its_options(
    page: Path, parts_of_panel: dict[str, set[str]]
) -> None:
    text = text_of(page)
    for line in [*shell_lines(text), *spans(text)]:
        for command in re.split(r"\s(?:&&|\||;)\s", line):
            check_command_line(re.sub(r"\s>\s.*", "", command.strip()), parts_of_panel)


def check_command_line(line: str, parts: dict[str, set[str]]) -> None:
    if "./panel" in line:
        _, *words = shlex.split(line[line.index("./panel") :])
        if not words or words == ["…"]:
            return
        assert words[0] in parts[""], line
        if words[0] == "check":
            assert set(words[1:]) <= parts["check"] | {"PART"}, line
        PANEL.get(words[0], lambda words, line: None)(words[1:], line)
    elif "manage.py " in line:
        check_management_command(shlex.split(line[line.index("manage.py ") :])[1:], line)
    elif "-m integrations.parity" in line:
        words = shlex.split(line[line.index("-m integrations.parity") :])[2:]
        if words:
            parse(build_parser(), words, line)
    elif found := re.search(r"python3? -m ([\w.]+)", line):
        assert find_spec(found[1]) is not None, line


@each_page
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", text_of(page))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file), target


@each_page
def test_every_file_that_is_named_exists(page: Path) -> None:
    for span in spans(text_of(page)):
        if PATH.fullmatch(span) and not PLACEHOLDER.search(span):
            assert (PROJECT / span).exists(), span


def test_every_page_that_the_code_names_exists_with_its_section() -> None:
    files = tracked("*/**/*.py", "*/**/*.html", "*.yaml", "panel", "Dockerfile")
    found = 0
    for file in files:
        if file == Path(__file__):
            continue
        text = re.sub(r"\n\s*#?:? *", " ", file.read_text())
        for name, section in re.findall(r"\b(docs/[\w./-]+\.md)(?:,? “([^”]+)”)?", text):
            found += 1
            assert (PROJECT / name).exists(), f"{file}: {name}"
            if section:
                assert f"## {section}\n" in (PROJECT / name).read_text(), f"{file}: {name}, {section}"
    assert found


@each_page
def test_every_name_that_an_example_in_python_imports_exists(page: Path) -> None:
    for language, body in FENCE.findall(page.read_text()):
        if language == "python":
            tree = ast.parse(textwrap.dedent(body))
            modules = dict(imported(tree))
            for node in ast.walk(tree):
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                    module = modules.get(node.value.id)
                    assert module is None or hasattr(module, node.attr), ast.unparse(node)


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [PROJECT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or not page.exists():
            continue
        reached.add(page)
        targets = re.findall(r"\]\(([^)#\s]+)", page.read_text())
        waiting += [(page.parent / target).resolve() for target in targets if target.endswith(".md")]
    assert not [page for page in PAGES if page not in reached and page.parent.name != "adr"]


# ── settings ─────────────────────────────────────────────────────────────────


def example_settings() -> dict[str, str]:
    """Name → value of .env.example; lines that are commented out included."""
    text = (PROJECT / ".env.example").read_text()
    return dict(re.findall(r"^#?([A-Z_]+)=(.*)$", text, re.M))


def test_the_example_of_settings_names_every_setting_and_no_other() -> None:
    of_compose = set(re.findall(r"\$\{([A-Z_]+)", (PROJECT / "compose.yaml").read_text()))
    assert example_settings().keys() == settings_read() | ELSEWHERE | of_compose


def test_the_example_of_settings_has_no_values_that_could_be_taken_for_secrets() -> None:
    assert {value for value in example_settings().values() if not value.isdigit()} <= {"", "true", "false"}


def test_files_with_settings_stay_out_of_git_and_of_the_image() -> None:
    for ignore in (".gitignore", ".dockerignore"):
        lines = (PROJECT / ignore).read_text().splitlines()
        assert {".env", "systems.env"} <= set(lines), ignore


# ── form ─────────────────────────────────────────────────────────────────────


@each_page
def test_prose_is_wrapped_at_120_characters(page: Path) -> None:
    assert not [line for line in prose(page.read_text()) if len(line) > 120]


@pytest.mark.parametrize("adr", ADRS, ids=lambda adr: adr.name)
def test_a_decision_record_has_the_one_format_and_fits_on_a_page(adr: Path) -> None:
    text, number = adr.read_text(), int(adr.name[:4])
    head = rf"# {number}\. .+\n\nDate: \d{{4}}-\d\d-\d\d\n\nStatus: \w.+\n\n## Context\n"
    assert re.match(head, text)
    assert re.findall(r"^## (.+)$", text, re.M) == ["Context", "Decision", "Consequences"]
    assert len(text.splitlines()) <= 60


def test_decision_records_are_numbered_without_gaps() -> None:
    assert [int(adr.name[:4]) for adr in ADRS] == list(range(1, len(ADRS) + 1))


def test_no_change_is_listed_twice() -> None:
    bullets = re.findall(r"^- (.+?)(?=^- |^#|\Z)", text_of(PROJECT / "CHANGELOG.md"), re.M | re.S)
    assert bullets
    for one, other in combinations(bullets, 2):
        assert len(long_words(one) & long_words(other)) < 6, f"{one}\n{other}"


def long_words(text: str) -> set[str]:
    """Two bullets that share many of these are about the same change."""
    return set(re.findall(r"[a-z]{5,}", text.lower()))
