"""Files of JSON that are written completely or not at all, and checked against their SHA-256 when read."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from integrations.parity.errors import ParityError


def write_facts(facts: dict[str, Any], path: Path) -> str:
    """Writes the file, readable for its owner only; returns its SHA-256."""
    text = json.dumps(facts, ensure_ascii=False).encode()
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    return hashlib.sha256(text).hexdigest()


def read_facts(path: Path, sha256: str, version: int, *, what: str, instead: str) -> dict[str, Any]:
    """Reads the facts of a file; raises `ParityError` when it is gone, was changed or has another format.

    ``what`` names the file (“fingerprint”), ``instead`` says what else could be done.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ParityError(
            f"The {what} {path} cannot be read: {error.strerror}.",
            next="Take a new one, or bring the file back to this worker.",
        ) from None
    if sha256 and hashlib.sha256(text).hexdigest() != sha256:
        raise ParityError(
            f"The {what} {path} is not the file that was written: its SHA-256 is another.",
            means="What it says about the state before cannot be trusted.",
            next=f"Restore the file, or {instead}.",
        )
    facts: dict[str, Any] = json.loads(text)
    if facts.pop("format", None) != version:
        raise ParityError(f"The {what} {path} has a format that this version does not know.")
    return facts
