"""Collects the errors of a file, so that a person sees all of them at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from checklists.runbook.document import RunbookError
from checklists.runbook.field_types import FieldSpec, InvalidValue, describe_value
from checklists.runbook.yaml_source import Node

#: words of other tools → ours, which a likeness of letters does not find
SYNONYMS = {
    "with": "params",
    "args": "params",
    "shell.run": "command.run",
    "script.run": "command.run",
    "ssh.run": "command.run",
    "command": "argv",
    "cmd": "argv",
    "http.request": "http.check",
    "http.get": "http.check",
    "sql.query": "sql.check",
    "mysql.query": "sql.check",
    "depends_on": "needs",
}
#: words whose meaning differs from that of ours, each with what is different
HINTS = {
    "shell.run": "It starts one program without a shell, as argv: [program, word, …]; a pipe or a "
    "redirection belongs in a script of its own, which the installation has to allow.",
    "command": "It is a list of words, which no shell reads; a pipe or a redirection belongs in a script.",
}


def suggest(word: str, known: Iterable[str]) -> str:
    """“Did you mean “owner”?”, or a list of the known words."""
    names = list(known)
    if (meant := SYNONYMS.get(word)) in names:
        return f"Did you mean “{meant}”? {HINTS.get(word, '')}".rstrip()
    close = get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"Did you mean “{close[0]}”?"
    shown = ", ".join(names[:25]) + (", …" if len(names) > 25 else "")
    return f"There is: {shown}." if names else "There is none."


@dataclass
class ErrorCollector:
    """The errors found in one file so far."""

    errors: list[RunbookError] = field(default_factory=list)

    def add(self, line: int, where: str, what: str, remedy: str, *, is_fatal: bool = True) -> None:
        """Adds one error."""
        self.errors.append(RunbookError(line, where, what, remedy, is_fatal))

    def read_section(self, node: Node, fields: Mapping[str, FieldSpec], where: str) -> dict[str, Any]:
        """Reads one section by its table of fields: field → value, or the default."""
        if not isinstance(node.value, dict):
            needed = [f"{name}:" for name, each in fields.items() if each.required]
            what = f"a mapping (key: value) belongs here, not {describe_value(node)}."
            self.add(node.line, where, what, f"Write {', '.join(needed[:-1])} and {needed[-1]}.")
            return {name: each.default for name, each in fields.items()}
        for name in node.value.keys() - fields.keys():
            self.add(node.value[name].line, where, f"“{name}” is no key here.", suggest(name, sorted(fields)))
        return {name: self._read_field(node, name, each, where) for name, each in fields.items()}

    def _read_field(self, section: Node, name: str, each: FieldSpec, where: str) -> Any:
        assert isinstance(section.value, dict)
        node = section.value.get(name)
        if node is None:
            if each.required:
                self.add(section.line, where, f"{name}: is missing.", f"Add it. {each.help}")
            return each.default
        return self.read_value(node, each, where, f"{name}: ")

    def read_value(self, node: Node, each: FieldSpec, where: str, label: str = "") -> Any:
        """Reads one value. An invalid one adds an error and gives the default."""
        try:
            return each.type.read(node)
        except InvalidValue as invalid:
            self.add(invalid.line or node.line, where, f"{label}{invalid.what}", invalid.remedy)
            return each.default
