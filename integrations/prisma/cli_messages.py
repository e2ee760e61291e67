"""Reads what Prisma's CLI says of an error: the whole message, without stacks, boxes and values of rows."""

from __future__ import annotations

import re

from integrations.clients.postgres_errors import mask_server_line

ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
LONGEST_LINE = 4_000  # characters of a line that are read; a program may print a line of megabytes
LONGEST_MESSAGE = 1200  # characters of Prisma's own message in a sentence
ERROR_LINE = re.compile(r"\s*+(?:\w*Error\b|error\b|.*\bERR_|.*\berror:|thread '.*panicked)")
BOX = re.compile(r"[│┃┌┐└┘─━╭╮╰╯|]+")
STACK = re.compile(r"\s*(at\s|\d+: \w+(::|_)|with [\w]+=|\[[\w/.-]+\.(rs|js|ts):\d+)")
STRUCT = re.compile(r"DbError \{.*?\}|Db\(?Error\)?\s*\{.*", re.DOTALL)
STRUCT_FIELD = re.compile(r'\b(detail|hint|where_): Some\("((?:[^"\\]|\\.)*)"\)')
STATE = re.compile(
    r"Database error code: ([0-9A-Z]{5})\b|SqlState\(E?\"?([0-9A-Z]{5})|\bcode: [\"`]([0-9A-Z]{5})[\"`]"
)
#: A driver adapter prints the message alone.
STATE_BY_MESSAGE = (
    (r"already exists", "42P07"),
    (r"lock timeout", "55P03"),
    (r"permission denied|must be owner", "42501"),
    (r"read-only transaction", "25006"),
    (r"violates|contains null values|could not create unique index", "23000"),
    (r"division by zero|out of range|invalid input|cannot be cast", "22000"),
)
HEADINGS = {"detail": "DETAIL", "hint": "HINT", "where_": "CONTEXT"}


def read_message(output: str) -> str:
    """The message from the first error on, in one line; "" when the output has none.

    Notices in boxes (updates) and lines of a stack are left out. Of the database's own error its detail, hint
    and context are kept, without values of rows.
    """
    text = "\n".join(line[:LONGEST_LINE] for line in ESCAPES.sub("", output).splitlines())
    details = [_read_field(*found.groups()) for found in STRUCT_FIELD.finditer(text)]
    lines = STRUCT.sub("", text).splitlines()
    start = next((number for number, line in enumerate(lines) if ERROR_LINE.match(line)), None)
    if start is None:
        lines = [line for line in lines if line.strip()][-3:]
    kept = [line for line in lines[start or 0 :] if line.strip() and not STACK.match(line)]
    words = [mask_server_line(BOX.sub(" ", line).strip()) for line in kept if not _is_notice(line)]
    return " ".join(filter(None, [*words, *dict.fromkeys(details)]))[:LONGEST_MESSAGE].rstrip(" :.")


def _read_field(name: str, text: str) -> str:
    plain = text.replace('\\"', '"').replace("\\n", " ").replace("\\\\", "\\")
    return mask_server_line(f"{HEADINGS[name]}: {plain}")


def _is_notice(line: str) -> bool:
    """Whether a line is of the box in which Prisma announces its own updates."""
    return BOX.match(line.strip()) is not None and not re.search(r"-->|\d+ \|", line)


def find_sqlstate(output: str) -> str:
    """The SQLSTATE of the database's error, or one of its class by the message; "" when neither tells."""
    if found := STATE.search(output):
        return str(next(filter(None, found.groups())))
    return next((state for text, state in STATE_BY_MESSAGE if re.search(text, output)), "")
