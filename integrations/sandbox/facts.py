"""The recorded facts of the customer's system (`customer/`), for the programs that behave like it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("customer")


@cache
def load_facts(name: str) -> Any:
    """One of the files, by its name."""
    return json.loads((FOLDER / name).read_text())
