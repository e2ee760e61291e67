"""The customer's runbook as tests read it: parsed once in a process, by the fast parser."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import yaml

from cutover.data_folder import PROJECT

RUNBOOK = PROJECT / "checklists" / "runbooks" / "covenant-connect.yaml"


@cache
def _parsed() -> Any:
    return parse_yaml(RUNBOOK.read_text())


def customer_runbook() -> Any:
    """A copy, which the test may change."""
    return copy.deepcopy(_parsed())


def parse_yaml(text: str) -> Any:
    """What `yaml.safe_load` gives, in a tenth of the time where the wheel has libyaml."""
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
