"""Reads every text in monitoring configuration (Prometheus, Alertmanager, Grafana), with its place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from integrations.environment.monitoring_yaml import walk_documents
from integrations.errors import Problem

YAML_SUFFIXES, JSON_SUFFIXES = (".yml", ".yaml", ".rules"), (".json",)
DOCUMENTATION = (".md", ".rst", ".adoc", ".png", ".svg", ".jpg", ".gif", ".pdf")  # nothing loads these
IGNORED_FOLDERS = frozenset({".git", ".svn", "node_modules", "__pycache__"})
LARGEST_FILE = 5_000_000  # bytes
MOST_FILES = 2_000


@dataclass(frozen=True)
class ConfigText:
    """One text of a configuration file: the file, the path inside, the line where known, and the text."""

    file: str
    where: str
    line: int | None
    text: str


@dataclass
class ReadFolder:
    """All texts below a folder; ``unread``: file → why it is not known; ``skipped``: documentation,
    which is not opened."""

    texts: list[ConfigText] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)


def read_folder(folder: Path) -> ReadFolder:
    """Reads every file below the folder: YAML and JSON with the place of each text, names of keys included;
    other files line by line.

    A file that is not what its name says is read line by line as well, and counts as unread. Raises `Problem`
    for a folder without such files, and for too many.
    """
    files = sorted(file for file in folder.rglob("*") if file.is_file() and not _is_ignored(file, folder))
    if not any(file.suffix in (*YAML_SUFFIXES, *JSON_SUFFIXES) for file in files):
        raise Problem(
            f"There is no YAML or JSON file in {folder}.",
            means="Nothing was checked, so nothing is known.",
            next="Name the folder with the rules and dashboards as path: of the system.",
        )
    if len(files) > MOST_FILES:
        raise Problem(
            f"There are {len(files):,} files in {folder}; {MOST_FILES:,} are read at most.",
            means="Nothing was checked: some of the files would prove nothing about the rest.",
            next="Name the folder with the rules and dashboards alone as path: of the system.",
        )
    found = ReadFolder()
    for file in files:
        name = str(file.relative_to(folder))
        if file.suffix.lower() in DOCUMENTATION:
            found.skipped.append(name)
        else:
            _read_file(found, file, name)
    return found


def _is_ignored(file: Path, folder: Path) -> bool:
    return not IGNORED_FOLDERS.isdisjoint(file.relative_to(folder).parts[:-1])


def _read_file(found: ReadFolder, file: Path, name: str) -> None:
    try:
        text = _read_text(file)
    except ValueError as error:
        found.unread[name] = str(error)
        return
    try:
        found.texts += _parse(text, file.suffix, name)
    except ValueError as error:
        found.unread[name] = str(error)
        found.texts += _read_lines(text, name)


def _read_text(file: Path) -> str:
    """The file's text. Raises ValueError with the reason."""
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise ValueError(f"it is larger than {LARGEST_FILE:,} bytes")
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("it is no text (UTF-8)") from None
    except OSError as error:
        raise ValueError(error.strerror or "it cannot be opened") from None


def _parse(text: str, suffix: str, name: str) -> list[ConfigText]:
    """The texts of a file by its suffix. Raises ValueError with the reason when it is something else."""
    if suffix in YAML_SUFFIXES:
        return [ConfigText(name, *each) for each in _read_yaml(text)]
    if suffix in JSON_SUFFIXES:
        return list(_read_json(text, name))
    return _read_lines(text, name)


def _read_lines(text: str, name: str) -> list[ConfigText]:
    lines = enumerate(text.splitlines(), 1)
    return [ConfigText(name, "", number, line) for number, line in lines if line.strip()]


def _read_yaml(text: str) -> list[tuple[str, int | None, str]]:
    try:
        return list(walk_documents(text))
    except yaml.MarkedYAMLError as error:
        if "{{" in text:
            raise ValueError("it is a template (“{{”): render it first (helm template)") from None
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ValueError(f"it is no YAML, line {line}: {error.problem or error.context or ''}") from None
    except yaml.YAMLError as error:
        raise ValueError(f"it is no YAML: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _read_json(text: str, name: str) -> Iterator[ConfigText]:
    try:
        found = json.loads(text)
        yield from _walk_json(found, name, "")
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON, line {error.lineno}: {error.msg}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _walk_json(value: Any, name: str, where: str) -> Iterator[ConfigText]:
    if isinstance(value, dict):
        title = str(value.get("title", "")) if isinstance(value.get("title"), str) else ""
        inside = f"{where} “{title}”" if title else where
        for key, inner in value.items():
            yield ConfigText(name, inside, None, key)
            yield from _walk_json(inner, name, f"{inside}.{key}".lstrip("."))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _walk_json(inner, name, f"{where}[{number}]")
    elif isinstance(value, str):
        yield ConfigText(name, where, None, value)
