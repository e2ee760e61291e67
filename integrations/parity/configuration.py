"""One file for a whole call: the options of the command line, and the lists of rules, in YAML.

A mistake is named with its line and a remedy. Addresses hold no password there: they come from ``env:``.
"""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from integrations.parity.beyond_rows.spot_checks import parse_spot_checks
from integrations.parity.beyond_rows.sql_rules import parse_sql_rules
from integrations.parity.beyond_rows.totals import parse_totals
from integrations.parity.masked_passwords import mask_passwords
from integrations.parity.model.announced import parse_announced
from integrations.parity.model.declared import parse_rules
from integrations.parity.model.selection import RowCondition, parse_conditions, parse_where

ADDRESSES = ("source", "target", "backup")
#: Section → what reads its entries.
SECTIONS: dict[str, Callable[[Sequence[Any]], Any]] = {
    "declared": parse_rules,
    "announced": parse_announced,
    "totals": parse_totals,
    "checks": parse_sql_rules,
    "spots": parse_spot_checks,
}
WITHOUT = ("help", "version", "config", "declared", "where")  # options that are no keys, or read otherwise


class InvalidConfiguration(ValueError):
    """A mistake in the file; the message names file, line and remedy."""


@dataclass
class Configuration:
    """What a file says: ``arguments`` as on the command line, addresses, conditions and sections of rules."""

    arguments: list[str] = field(default_factory=list)
    addresses: dict[str, str] = field(default_factory=dict)
    where: list[RowCondition] = field(default_factory=list)
    sections: dict[str, list[Any]] = field(default_factory=dict)


def read_configuration(path: str, parser: argparse.ArgumentParser) -> Configuration:
    """The configuration in a file; raises `InvalidConfiguration`, or OSError."""
    return _FileReader(path, parser).read()


class _FileReader:
    def __init__(self, path: str, parser: argparse.ArgumentParser) -> None:
        self.path, self.found = path, Configuration()
        self.actions = {
            name.removeprefix("--").replace("-", "_"): action
            for action in parser._actions
            for name in action.option_strings
            if name.startswith("--") and name.removeprefix("--") not in WITHOUT
        }

    def read(self) -> Configuration:
        text = Path(self.path).read_text(encoding="utf-8")
        loader = yaml.SafeLoader(text)
        try:
            return self._read_document(loader)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise InvalidConfiguration(f"{self.path}:{line}: this is no YAML: {error.problem}") from None
        finally:
            loader.dispose()

    def _read_document(self, loader: yaml.SafeLoader) -> Configuration:
        root = loader.get_single_node()
        if root is None:
            return self.found
        if not isinstance(root, yaml.MappingNode):
            raise self._error(root, "the file must hold keys, such as source: env:OLD")
        seen: set[str] = set()
        for key_node, value_node in root.value:
            key = str(key_node.value).replace("-", "_")
            if key in seen:
                raise self._error(key_node, f"{key_node.value} stands there twice: keep one of them")
            seen.add(key)
            self._read_key(key, key_node, value_node, loader)
        return self.found

    def _error(self, node: yaml.Node, reason: str) -> InvalidConfiguration:
        return InvalidConfiguration(f"{self.path}:{node.start_mark.line + 1}: {mask_passwords(reason)}")

    def _read_key(self, key: str, key_node: yaml.Node, node: yaml.Node, loader: yaml.SafeLoader) -> None:
        value = loader.construct_document(node)
        if key in ADDRESSES:
            self._read_address(key, node, value)
        elif key in SECTIONS:
            self._read_section(key, node, value)
        elif key == "where":
            self._read_conditions(node, value)
        elif key in self.actions:
            self._read_option(key, node, value)
        else:
            known = [*ADDRESSES, *SECTIONS, "where", *self.actions]
            close = difflib.get_close_matches(key, known, 1, 0.6)
            hint = f"did you mean “{close[0]}”?" if close else f"there are: {', '.join(sorted(known))}"
            raise self._error(key_node, f"there is no key “{key_node.value}”; {hint}")

    def _read_address(self, key: str, node: yaml.Node, value: Any) -> None:
        if not isinstance(value, str) or not value:
            raise self._error(node, f"{key} must be an address: env:NAME, or postgresql://user@host/database")
        if mask_passwords(value) != value:
            raise self._error(node, f"{key} holds a password: put the address into a variable, env:NAME")
        self.found.addresses[key] = value

    def _read_section(self, key: str, node: yaml.Node, value: Any) -> None:
        entries = value if value is not None else []
        if not isinstance(entries, list):
            raise self._error(node, f"{key} must be a list, one entry a line, each with a dash")
        for number, one in enumerate(_items(node), 1):
            try:
                SECTIONS[key](entries[:number])  # with those before it: messages name its position
            except ValueError as error:
                raise self._error(one, str(error)) from None
        self.found.sections[key] = entries

    def _read_conditions(self, node: yaml.Node, value: Any) -> None:
        if not isinstance(value, list):
            raise self._error(node, "where must be a list of “table=condition” or {table, condition}")
        for number, one in enumerate(_items(node)):
            given = value[number]
            try:
                self.found.where += (
                    [parse_where(given)] if isinstance(given, str) else parse_conditions([given])
                )
            except ValueError as error:
                raise self._error(one, str(error)) from None

    def _read_option(self, key: str, node: yaml.Node, value: Any) -> None:
        action = self.actions[key]
        option = max(action.option_strings, key=len)
        if action.nargs == 0:
            if not isinstance(value, bool):
                raise self._error(node, f"{key} must be true or false")
            self.found.arguments += [option] if value else []
            return
        is_list = isinstance(action, argparse._AppendAction)
        if isinstance(value, list) != is_list and (isinstance(value, list) or value is None):
            raise self._error(node, f"{key} must be {'a list' if is_list else 'one value'}")
        nodes = _items(node) if isinstance(value, list) else iter([node])
        for one, place in zip(value if isinstance(value, list) else [value], nodes, strict=True):
            self._check_value(action, key, place, one)
            self.found.arguments.append(f"{option}={one}")

    def _check_value(self, action: argparse.Action, key: str, node: yaml.Node, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self._error(node, f"{key} must be a text or a number")
        try:
            converted = action.type(str(value)) if callable(action.type) else str(value)
        except (argparse.ArgumentTypeError, ValueError) as error:
            raise self._error(node, f"{key}: {error}") from None
        if action.choices is not None and converted not in action.choices:
            raise self._error(node, f"{key} is one of {', '.join(map(str, action.choices))}")


def _items(node: yaml.Node) -> Iterator[yaml.Node]:
    return iter(node.value if isinstance(node, yaml.SequenceNode) else [])


def parse_call(parser: argparse.ArgumentParser, given: Sequence[str]) -> argparse.Namespace:
    """The arguments of a call, with those of its file of ``--config``: what the command line says comes
    later, so that it replaces single values and adds to lists."""
    arguments = parser.parse_args(given)
    if not arguments.config:
        return arguments
    found = read_configuration(arguments.config, parser)
    arguments = parser.parse_args([*found.arguments, *given])
    for name, address in found.addresses.items():
        setattr(arguments, name, getattr(arguments, name) or address)
    arguments.where = [*found.where, *arguments.where]
    arguments.sections = found.sections
    return arguments
