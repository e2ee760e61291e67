"""Masks what a process of the panel itself writes: its log, its tracebacks and its standard streams.

Everything of one process passes through one `Redactor`. Secrets become known to it where they are read: the
panel's own with the settings, those of a cutover with its secrets (`checklists.redaction`).
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import traceback
from types import TracebackType
from typing import Any, TextIO

from integrations.redact.redactor import Redactor
from integrations.redact.spans import MASK
from integrations.redact.terminal_text import strip_control_characters

_redactor = Redactor()
_known: set[str] = set()
#: Threads log at the same time, and a signal handler may log while its thread does.
_lock = threading.RLock()
# A child that is forked while another thread holds the lock could never take it.
os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


def register_secrets(*secrets: str) -> None:
    """Masks these values in everything that this process writes from now on, and its children."""
    with _lock:
        if new := [secret for secret in secrets if secret not in _known]:
            _known.update(new)
            _redactor.add(*new)


def mask_output(text: str) -> str:
    """A text as this process may write it."""
    with _lock:
        return _redactor.mask_text(text)


class MaskingFormatter(logging.Formatter):
    """Formats a record with its traceback, then masks all of it."""

    def format(self, record: logging.LogRecord) -> str:
        """One message of any number of lines; each line break of it stays."""
        return mask_output(super().format(record))


class MaskedOutput:
    """A text stream that masks what is written to it. Everything else is that of the stream below.

    ``buffer`` is the unmasked stream of bytes: only what a person asked for in clear text goes there.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes at once: a prompt waits for an answer on its line."""
        self._stream.write(text if text.isspace() else _mask_keeping_controls(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Writes each of them."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _mask_keeping_controls(text: str) -> str:
    """Masks a text; colours and carriage returns of a terminal stay where there is nothing to mask."""
    masked = mask_output(text)
    has_mask = masked.count(MASK) > strip_control_characters(text).count(MASK)
    return masked if has_mask else text


def mask_standard_streams() -> None:
    """From now on standard output, error and tracebacks of this process are masked. May be repeated."""
    if not isinstance(sys.stdout, MaskedOutput):
        sys.stdout = MaskedOutput(sys.stdout)
    if not isinstance(sys.stderr, MaskedOutput):
        sys.stderr = MaskedOutput(sys.stderr)
    sys.excepthook = _write_traceback
    threading.excepthook = _write_traceback_of_thread


def _write_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """As a whole: a secret of several lines would not be found in its pieces."""
    sys.stderr.write("".join(traceback.format_exception(kind, error, trace)))


def _write_traceback_of_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
        _write_traceback(args.exc_type, args.exc_value, args.exc_traceback)
