"""The pages of the documentation as its tests read them: commands, inline code, prose, headings, examples."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

from cutover.data_folder import PROJECT
from tests.source_tree import tracked

PAGES = sorted(tracked("*.md", "docs/**/*.md"))
#: Texts that tell people what to type: the pages, and files that are read like pages.
GUIDES = [*PAGES, *(PROJECT / name for name in (".env.example", "compose.yaml", "Dockerfile", "panel"))]
ADRS = [page for page in PAGES if page.parent.name == "adr"]
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.M | re.S)
PATH = re.compile(r"(?:cutover|checklists|integrations|templates|static|tests|docs)/[\w./-]*")
PLACEHOLDER = re.compile(r"KEY|NOUN|NAME|FILE")
MODULES_MOVED = re.compile(r"<!-- moved modules -->.*<!-- /moved modules -->", re.S)


def text_of(page: Path) -> str:
    """The page without the table of moved modules, which names what is no longer there."""
    return MODULES_MOVED.sub("", page.read_text())


def shell_lines(text: str) -> list[str]:
    """The commands of the page's shell blocks, without prompts and comments."""
    blocks = [body for language, body in FENCE.findall(text) if language in ("", "console", "sh", "bash")]
    lines = [line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines()]
    return [re.sub(r"\s+#.*", "", line) for line in lines if line and not line.startswith("#")]


def spans(text: str) -> list[str]:
    """The text of inline code."""
    return re.findall(r"`([^`\n]+)`", FENCE.sub("", text))


def prose(text: str) -> Iterator[str]:
    """Lines that can be wrapped: no code, no tables."""
    for line in FENCE.sub("", text).splitlines():
        if not line.startswith(("|", "<!--")):
            yield line


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def imported(tree: ast.Module) -> Iterator[tuple[str, ModuleType]]:
    """Name in an example → module of ours that it imports. Raises ImportError for one that is gone."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.ImportFrom)
            and node.module
            and node.module.startswith(("integrations", "tests"))
        ):
            package = import_module(node.module)
            for each in node.names:
                if not hasattr(package, each.name):
                    import_module(f"{node.module}.{each.name}")
                value = getattr(package, each.name)
                if isinstance(value, ModuleType):
                    yield each.asname or each.name, value
