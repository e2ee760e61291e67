"""Walks YAML of monitoring configuration: each text with its place, and files that are kept inside files."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

#: a text under such a name is a file of its own, as in a ConfigMap
NESTED_SUFFIXES = (".yml", ".yaml", ".rules", ".json")
MOST_TEXTS = 200_000  # of one file; aliases of aliases can make any number of a few lines

#: path inside, line where known, text
PlacedText = tuple[str, int | None, str]


def walk_documents(text: str) -> Iterator[PlacedText]:
    """Every scalar of all documents, names of keys included. Places in a second begin with “document 2: ”.

    Raises ``yaml.YAMLError``, RecursionError, and ValueError for an alias that contains itself and for more
    than `MOST_TEXTS` texts.
    """
    count = 0
    for number, document in enumerate(yaml.compose_all(text, Loader=yaml.SafeLoader), 1):
        for where, line, found in _walk(document, "", frozenset()):
            count += 1
            if count > MOST_TEXTS:
                raise ValueError(f"it has more than {MOST_TEXTS:,} texts with its aliases filled in")
            yield (where if number == 1 else f"document {number}: {where}"), line, found


def _walk(node: yaml.Node | None, where: str, above: frozenset[int]) -> Iterator[PlacedText]:
    if id(node) in above:
        raise ValueError("an alias in it contains itself")
    inside = above | {id(node)}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            name = str(getattr(key, "value", ""))
            place = f"{where}.{name}".lstrip(".")
            yield from _walk(key, where, inside)
            nested = list(_walk_nested(value, place)) if name.endswith(NESTED_SUFFIXES) else []
            yield from nested or _walk(value, place, inside)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _walk(value, f"{where}[{number}]", inside)
    elif isinstance(node, yaml.ScalarNode):
        yield where, node.start_mark.line + 1, str(node.value)


def _walk_nested(node: yaml.Node, where: str) -> Iterator[PlacedText]:
    """The texts of a file inside of a text; none where it is no such file. JSON is YAML, too."""
    if not isinstance(node, yaml.ScalarNode) or "\n" not in node.value:
        return
    first = node.start_mark.line + 1
    try:
        for place, line, found in list(walk_documents(node.value)):
            yield f"{where}: {place}", first + (line or 0), found
    except (yaml.YAMLError, ValueError):
        return
