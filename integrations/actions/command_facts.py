"""Facts in the output of a program: values of its JSON, and what patterns find in its text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django import forms

from integrations.json_values import MISSING, find_value, parse_json


def read_facts(
    output: str, paths: Mapping[str, str], patterns: Mapping[str, str]
) -> tuple[dict[str, Any], list[str]]:
    """The facts by name, and the names of those that are missing.

    ``paths`` are dotted paths in the output as JSON, ``patterns`` have one group, which is the fact.
    """
    found: Any = MISSING
    if paths:
        try:
            found = parse_json(output)
        except ValueError:
            found = MISSING
    facts = {name: find_value(found, path) for name, path in paths.items()}
    for name, pattern in patterns.items():
        match = re.search(pattern, output, re.MULTILINE)
        facts[name] = MISSING if match is None or match[1] is None else match[1]
    missing = [name for name, value in facts.items() if value is MISSING]
    return {name: value for name, value in facts.items() if value is not MISSING}, missing


def check_names(parameter: str, given: Mapping[Any, Any]) -> dict[str, str]:
    """Names of facts with a text each. Raises ValidationError."""
    for name, value in given.items():
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", str(name)) or not isinstance(value, str) or not value:
            raise forms.ValidationError(
                f"{parameter}: “{name}” has to be a word of small letters, digits and _, with a text."
            )
    return dict(given)


def check_pattern(name: str, pattern: str) -> str:
    """A pattern with exactly one group. Raises ValidationError."""
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise forms.ValidationError(f"{name}: {pattern} is no regular expression: {error}.") from None
    if groups != 1:
        raise forms.ValidationError(f"{name}: {pattern} needs exactly one group ( ), which is the fact.")
    return pattern
