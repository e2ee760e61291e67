"""Passes on what PostgreSQL said of an error: message, detail, hint and context, without values of rows.

The fields are those of the protocol (postgresql.org/docs/current/protocol-error-fields.html). Names of
tables, columns, constraints and functions stay, because people need them. Values of rows are masked:
evidence and logs are read by people who may not see them.
"""

from __future__ import annotations

import re

import psycopg

from integrations.redact import MASK

LONGEST = 600  # characters of one field
#: Messages of these classes name tables, constraints, files, limits and states, never values.
NAMES_ONLY = ("08", "0A", "23", "25", "28", "2B", "3D", "3F", "40", "42", "53", "55", "57", "58", "72", "XX")
OUT_OF_RANGE = "22003"  # its detail is the precision of the type
#: Functions and triggers raise these with words of their own.
RAISED = ("P0", "38", "39")

#: Only where a word begins: to try it at each of its characters takes a time that grows with its square.
EMAIL = re.compile(r"(?<![^\s@'\"(),;=«»„“])[^\s@'\"(),;=«»„“]++@[^\s@'\"(),;=«»„“]+\.[^\s@'\"(),;=«»„“.]+")
QUOTE = re.compile(r"""["“”„«»‹›]""")
OPENING = re.compile(rf"""{QUOTE.pattern}|(?<!\w)'""")
CLOSING_APOSTROPHE = re.compile(r"'(?!\w)")
LITERAL = re.compile(r"'(?:[^']|'')*'?")
NUMBER = re.compile(r"(?<![\w$(,.])-?\d+(?:[.,]\d+)*(?!\w)")
AFTER_COLON = re.compile(r"(?<=: )\S.*", re.DOTALL)


def describe_error(error: psycopg.Error) -> str:
    """Everything that the server said, in one line without a full stop at its end."""
    return " ".join(filter(None, (f"{describe_message(error)}.", describe_details(error)))).rstrip(".")


def describe_message(error: psycopg.Error) -> str:
    """The message with its SQLSTATE; for errors of libpq, which have none, its lines."""
    message, state = error.diag.message_primary, error.sqlstate
    if not message or not state:
        said = "; ".join(line.strip() for line in str(error).splitlines() if line.strip())
        return said.removeprefix("connection failed: ")[:LONGEST].rstrip(".") or type(error).__name__
    if state.startswith(RAISED):
        message = _mask_free_text(message)
    elif not state.startswith(NAMES_ONLY):
        message = NUMBER.sub(MASK, mask_quoted(message))
    return f"{_one_line(message)} ({state})"


def mask_quoted(text: str) -> str:
    """The text with a mark for what is quoted: from a quote to the last of its kind, as values hold quotes.

    As one pattern this took quadratic time for a text of many apostrophes.
    """
    ends = {
        "'": max((one.end() for one in CLOSING_APOSTROPHE.finditer(text)), default=0),
        '"': max((one.end() for one in QUOTE.finditer(text)), default=0),
    }
    parts, kept, at = [], 0, 0
    while opened := OPENING.search(text, at):
        end = ends["'" if opened[0] == "'" else '"']
        at = opened.end()
        if end > at:  # it is closed after it was opened
            parts += [text[kept : opened.start()], MASK]
            kept = at = end
    return "".join([*parts, text[kept:]])


def describe_details(error: psycopg.Error) -> str:
    """Detail, hint and context, each with its name; "" where the server gave none of them."""
    diag, state = error.diag, error.sqlstate or ""
    context = "; ".join(_mask_context(line) for line in (diag.context or "").splitlines() if line.strip())
    fields = {
        "Detail": _mask_detail(diag.message_detail or "", state),
        "Hint": _mask_free_text(diag.message_hint or "")
        if state.startswith(RAISED)
        else diag.message_hint or "",
        "Context": context,
    }
    return " ".join(f"{name}: {_one_line(text)}." for name, text in fields.items() if text.strip())


def _mask_row(detail: str) -> str:
    """Hides the values of “Key (email)=(…) already exists” and of “Failing row contains (…)”.

    A value may have brackets of its own: all is hidden up to the last one, and to the end where none closes.
    """
    names, bracket, rest = detail.partition("=(" if "=(" in detail else "(")
    return f"{names}{bracket}{MASK}{rest[rest.rfind(')') :] if ')' in rest else ''}" if bracket else detail


def _mask_detail(detail: str, state: str) -> str:
    """The detail of a broken constraint keeps its columns; any other loses what may be a value."""
    if state.startswith("23"):
        return _mask_row(detail)
    if state.startswith(RAISED):
        return _mask_free_text(detail)
    return detail if state.startswith((*NAMES_ONLY, OUT_OF_RANGE)) else NUMBER.sub(MASK, mask_quoted(detail))


def _mask_free_text(text: str) -> str:
    """Words of a function: what stands in quotes or after a colon, and numbers, may be values."""
    return NUMBER.sub(MASK, AFTER_COLON.sub(MASK, mask_quoted(text)))


def _mask_context(line: str) -> str:
    """A line such as “COPY members, line 3, column email: "…"”: what stands after the colon is a value.

    A statement of a function keeps its words, without literals.
    """
    masked = LITERAL.sub(MASK, line)
    return masked if masked.startswith(("PL/pgSQL function", "SQL function")) else _without_values(masked)


def _without_values(line: str) -> str:
    if line.startswith("SQL statement"):
        return NUMBER.sub(MASK, line)
    return AFTER_COLON.sub(MASK, line)


def _one_line(text: str) -> str:
    return EMAIL.sub(MASK, " ".join(text.split()))[:LONGEST].rstrip(".")


#: in the context of an error: the function in whose body it arose
IN_FUNCTION = re.compile(r'(?:PL/pgSQL function|SQL function) "?([\w$.]+)')
#: a table, function, type or column is not found
MISSING_NAMES = ("42P01", "42883", "42704", "42703")


def find_function_without_schema(error: psycopg.Error) -> str:
    """The function whose body names something that the session's search_path does not find; "" for none."""
    found = IN_FUNCTION.search(error.diag.context or "") if error.sqlstate in MISSING_NAMES else None
    return found[1] if found else ""


SERVER_LINE = re.compile(r"(DETAIL|CONTEXT|QUERY):|COPY |.*(ERROR|FATAL|WARNING|NOTICE): ")


def mask_program_line(line: str) -> str:
    """A line of a client program for the log: what the server said in it loses values of rows."""
    return mask_server_line(line) if SERVER_LINE.match(line) else line


def mask_server_line(line: str) -> str:
    """One line of a server's error as a program prints it (“DETAIL:  …”), without values of rows."""
    field, colon, text = line.partition(":")
    if not colon or field in ("HINT", "Command was"):
        return _one_line(line)
    if field == "DETAIL":
        has_values = "=(" in text or text.rstrip(" .").endswith(")")
        return _one_line(f"DETAIL:{_mask_detail(text, '23' if has_values else '0A')}")
    if field == "CONTEXT":
        return _one_line(f"CONTEXT: {_mask_context(text.strip())}")
    if field == "QUERY":
        return _one_line(f"QUERY:{NUMBER.sub(MASK, LITERAL.sub(MASK, text))}")
    if field.startswith("COPY "):
        return _one_line(_mask_context(line))
    return _one_line(re.sub(r'(?<=: )["“„«»].*', MASK, line))
