"""Turns the bytes of a file into a tree with line numbers, and refuses YAML that a runbook does not need.

YAML is a big language; a runbook needs little of it. Anchors, tags, several documents, duplicate keys
and sizes without measure are refused while the parser streams, before a tree is built. Plain
words are read by YAML 1.2's core rules: only true, false, null and numbers are not text, so that
a country NO, an answer ``on`` or a time 22:30 stays what was written.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from checklists.runbook.yaml_mistakes import explain_mistake

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20
MAX_NODES = 20_000

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's where the wheel has it: 10 × faster

_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?[0-9]{1,18}\.[0-9]{1,18}")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
# Characters that change the direction of text, so that it looks different from what it is.
_DIRECTION_MARKS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class UnreadableRunbook(Exception):
    """The file is not a runbook: ``line`` (from 1), the reason, and the remedy."""

    def __init__(self, line: int, what: str, remedy: str) -> None:
        super().__init__(what)
        self.line, self.what, self.remedy = line, what, remedy


@dataclass(frozen=True)
class Node:
    """A value and the line it is written at; ``value`` is a scalar, a list or a dict of Nodes.

    In a mapping the line is that of the key, where a person looks first.
    """

    line: int
    value: bool | int | float | str | list[Node] | dict[str, Node] | None

    def plain(self) -> Any:
        """The value without lines: what JSON could hold."""
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        return self.value


def decode(content: bytes) -> str:
    """The text of the file. Raises `UnreadableRunbook` if too large, not UTF-8, or with hidden characters."""
    if len(content) > MAX_BYTES:
        raise UnreadableRunbook(
            1,
            f"The file is larger than {MAX_BYTES // 1024} KB.",
            "A runbook is read by people: split it, or move long texts to pages that it links to.",
        )
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableRunbook(
            content[: error.start].count(b"\n") + 1,
            f"Byte {error.start + 1} is no UTF-8.",
            "Save the file as UTF-8.",
        )
    for number, line in enumerate(text.split("\n"), start=1):
        _refuse_hidden_characters(line.removesuffix("\r"), number)
    return text


def _refuse_hidden_characters(line: str, number: int) -> None:
    if "\t" in line:
        raise UnreadableRunbook(number, "The line holds a tab.", "Indent with spaces.")
    for character in line:
        # Cc: control, Zl and Zp: line ends that editors show but line counts do not
        if character in _DIRECTION_MARKS or unicodedata.category(character) in ("Cc", "Zl", "Zp"):
            raise UnreadableRunbook(
                number, f"The line holds the hidden character U+{ord(character):04X}.", "Take it out."
            )


def parse(text: str) -> Node:
    """The tree of the file's only document. Raises `UnreadableRunbook`."""
    try:
        _check_events(yaml.parse(text, Loader=_LOADER))
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        raise UnreadableRunbook(*explain_mistake(error, text, _LOADER)) from None
    except yaml.YAMLError as error:
        raise UnreadableRunbook(1, f"This is no YAML: {error}.", "Save it as plain UTF-8 text.")
    if root is None:
        raise UnreadableRunbook(1, "The file is empty.", "Begin with name:, title:, timezone: and phases:.")
    return _tree(root, _line(root))


def _line(of: yaml.Event | yaml.Node) -> int:
    return of.start_mark.line + 1 if of.start_mark else 1


def _check_events(events: Iterator[yaml.Event]) -> None:
    """Reads the parser's events as a stream and refuses at the first one over a limit."""
    depth = nodes = documents = 0
    for event in events:
        line = _line(event)
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise UnreadableRunbook(line, "The file holds a second document.", "Keep one runbook a file.")
        elif isinstance(event, yaml.NodeEvent):
            nodes += 1
            _check_node(event, nodes, line)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise UnreadableRunbook(
                line, f"More than {MAX_DEPTH} levels are nested here.", "Make it flatter."
            )


def _check_node(event: yaml.NodeEvent, nodes: int, line: int) -> None:
    if nodes > MAX_NODES:
        raise UnreadableRunbook(line, f"The file has more than {MAX_NODES} values.", "Split the runbook.")
    if event.anchor is not None:
        raise UnreadableRunbook(
            line, f"“{event.anchor}” is an anchor or alias.", "Write the value out where it is needed."
        )
    tag = getattr(event, "tag", None)
    if tag is not None:
        raise UnreadableRunbook(line, f"“{tag}” is a tag.", "Take it out: a runbook holds plain values only.")


def _tree(node: yaml.Node, line: int) -> Node:
    if isinstance(node, yaml.MappingNode):
        return Node(line, _mapping(node))
    if isinstance(node, yaml.SequenceNode):
        return Node(line, [_tree(child, _line(child)) for child in node.value])
    assert isinstance(node, yaml.ScalarNode)
    return Node(line, _scalar(node))


def _mapping(node: yaml.MappingNode) -> dict[str, Node]:
    entries: dict[str, Node] = {}
    for key_node, value_node in node.value:
        line = _line(key_node)
        if not isinstance(key_node, yaml.ScalarNode):
            raise UnreadableRunbook(
                line, "A list or mapping stands where a key belongs.", "Use a plain word."
            )
        key = key_node.value
        if key in entries:
            raise UnreadableRunbook(
                line,
                f"“{key}” stands here a second time, first in line {entries[key].line}.",
                "Keep one of the two: a reader could not know which of them counts.",
            )
        entries[key] = _tree(value_node, line)
    return entries


def _scalar(node: yaml.ScalarNode) -> bool | int | float | str | None:
    text: str = node.value
    if node.style:  # quoted, or a block of text
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def item_entries(root: Node) -> Iterator[tuple[int, dict[str, Node]]]:
    """Every item of a runbook that has entries, each with the line that it stands in."""
    phases = root.value.get("phases") if isinstance(root.value, dict) else None
    for phase in _children(phases):
        for item in _children(phase.value.get("items") if isinstance(phase.value, dict) else None):
            if isinstance(item.value, dict):
                yield item.line, item.value


def _children(node: Node | None) -> list[Node]:
    return node.value if node and isinstance(node.value, list) else []
