"""Reads monitoring configuration (Prometheus, Alertmanager, Grafana) and finds whom it names, and where."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from integrations.errors import Problem

YAML, JSON = (".yml", ".yaml"), (".json",)
LARGEST = 5_000_000  # bytes of one file
MOST = 2_000  # files


@dataclass(frozen=True)
class Text:
    """One text of a configuration file: where it stands (file, path inside, line where known) and itself."""

    file: str
    where: str
    line: int | None
    text: str


def texts(folder: Path) -> Iterator[Text]:
    """Every text in every YAML and JSON file below the folder, names of keys among them.

    Raises `Problem` for a file that is not what its name says, with its line, and for too many files.
    """
    files = sorted(file for file in folder.rglob("*") if file.suffix in (*YAML, *JSON) and file.is_file())
    if not files:
        raise Problem(
            f"There is no YAML or JSON file in {folder}.",
            means="Nothing was looked at: nothing is known.",
            next="Name the folder with the rules and dashboards as path: of the system.",
        )
    if len(files) > MOST:
        raise Problem(
            f"There are {len(files):,} YAML and JSON files in {folder}; {MOST:,} are read at most.",
            means="Nothing was looked at: a part of them would prove nothing of the rest.",
            next="Name the folder with the rules and dashboards alone as path: of the system.",
        )
    for file in files:
        name = str(file.relative_to(folder))
        yield from _yaml(file, name) if file.suffix in YAML else _json(file, name)


def _read(file: Path, name: str) -> str:
    if file.stat().st_size > LARGEST:
        raise Problem(f"{name} is larger than {LARGEST:,} bytes.", next="Take it out of the folder.")
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(f"{name} cannot be read: {type(error).__name__}.", next="Mend the file.") from None


def _yaml(file: Path, name: str) -> Iterator[Text]:
    try:
        for document in yaml.compose_all(_read(file, name), Loader=yaml.SafeLoader):
            yield from _nodes(document, name, "")
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise _broken(name, "YAML", line, error.problem or "") from None


def _nodes(node: yaml.Node | None, name: str, where: str) -> Iterator[Text]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _nodes(key, name, where)
            yield from _nodes(value, name, f"{where}.{getattr(key, 'value', '')}".lstrip("."))
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _nodes(value, name, f"{where}[{number}]")
    elif isinstance(node, yaml.ScalarNode):
        yield Text(name, where, node.start_mark.line + 1, str(node.value))


def _json(file: Path, name: str) -> Iterator[Text]:
    try:
        found = json.loads(_read(file, name))
    except json.JSONDecodeError as error:
        raise _broken(name, "JSON", error.lineno, error.msg) from None
    yield from _values(found, name, "")


def _values(value: Any, name: str, where: str) -> Iterator[Text]:
    if isinstance(value, dict):
        title = str(value.get("title", "")) if isinstance(value.get("title"), str) else ""
        inside = f"{where} “{title}”" if title else where
        for key, inner in value.items():
            yield Text(name, inside, None, key)
            yield from _values(inner, name, f"{inside}.{key}".lstrip("."))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _values(inner, name, f"{where}[{number}]")
    elif isinstance(value, str):
        yield Text(name, where, None, value)


def _broken(name: str, kind: str, line: int, why: str) -> Problem:
    return Problem(
        f"{name} is no {kind}: line {line}: {why}.",
        means="Whoever loads it refuses it, too; what it watches is not watched.",
        next="Mend that line, then start this again.",
    )
