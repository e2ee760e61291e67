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


def read_content(path: Path, sha256: str, *, what: str, instead: str) -> bytes:
    """The bytes of a file; raises `ParityError` when it is gone, or its SHA-256 is another.

    ``what`` names the file (“fingerprint”), ``instead`` says what else could be done.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ParityError(
            f"The {what} {path} cannot be read: {error.strerror}.",
            next="Take a new one, or bring the file back to this worker.",
        ) from None
    if sha256 and hashlib.sha256(content).hexdigest() != sha256:
        raise ParityError(
            f"The {what} {path} is not the file that was written: its SHA-256 is another.",
            means="What it says about the state before cannot be trusted.",
            next=f"Restore the file, or {instead}.",
        )
    return content


def read_facts(path: Path, sha256: str, version: int, *, what: str, instead: str) -> dict[str, Any]:
    """Reads the facts of a file of JSON; raises `ParityError` as `read_content`, and for another format."""
    content = read_content(path, sha256, what=what, instead=instead)
    try:
        facts = json.loads(content)
    except ValueError:
        raise ParityError(
            f"The {what} {path} cannot be read: it is no JSON, or only a part of the file is there.",
            next=f"Restore the file, or {instead}.",
        ) from None
    if not isinstance(facts, dict) or facts.pop("format", None) != version:
        raise ParityError(f"The {what} {path} has a format that this version does not know.")
    return facts
