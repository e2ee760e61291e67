"""Where the findings go: one format to the terminal, others to files, JSON lines while it runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from integrations.parity.report.formats import FORMATS, render_last_line

STREAMED = "jsonl"


@dataclass(frozen=True)
class Output:
    """A format and its file; without one, it is printed."""

    format: str
    path: str = ""


def parse_output(text: str) -> Output:
    """The output of ``FORMAT`` or ``FORMAT=FILE``; raises ValueError."""
    name, _, path = text.partition("=")
    if name not in FORMATS or (path == "" and "=" in text):
        raise ValueError(f"“{text}” is not FORMAT or FORMAT=FILE with one of {', '.join(FORMATS)}")
    if "://" in path:  # every message about the file would show its password
        raise ValueError("a file is wanted after FORMAT=, and this is an address")
    return Output(name, path)


def find_output_conflict(outputs: Iterable[Output]) -> str:
    """Why these outputs cannot be used together; empty when they can."""
    places = [output.path for output in outputs]
    if places.count("") > 1:
        return "only one format can be printed: give the others a file, as --output junit=report.xml"
    twice = [path for path in places if places.count(path) > 1]
    return f"{twice[0]} would be written twice" if twice else ""


class Outputs:
    """All outputs of a comparison. Use with ``with``: formats by the line are open while it runs."""

    def __init__(self, outputs: Iterable[Output]) -> None:
        self.outputs = list(outputs)
        if not any(output.path == "" for output in self.outputs):
            self.outputs.append(Output("text"))
        self._streams: list[TextIO] = []
        self._stack = ExitStack()

    def __enter__(self) -> Outputs:
        for output in self.outputs:
            if output.format == STREAMED and output.path:
                self._streams.append(self._stack.enter_context(Path(output.path).open("w", encoding="utf-8")))
            elif output.format == STREAMED:
                self._streams.append(sys.stdout)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def streams(self) -> bool:
        """Whether something is written while the comparison runs."""
        return bool(self._streams)

    @property
    def prints_text(self) -> bool:
        """Whether what is printed is for people."""
        return any(output == Output("text") for output in self.outputs)

    def write_table(self, table: Mapping[str, Any]) -> None:
        """A table that was compared; a later line of the same table replaces it."""
        self._write_line(json.dumps({"type": "table", **table}) + "\n")

    def _write_line(self, line: str) -> None:
        for stream in self._streams:
            stream.write(line)
            stream.flush()

    def write_result(self, facts: Mapping[str, Any]) -> None:
        """The whole result, in every format: a full disk must not hide one because of another."""
        failures: list[OSError] = []
        for output in sorted(self.outputs, key=lambda output: bool(output.path)):
            try:
                self._write(output, facts)
            except OSError as error:
                failures.append(error)
        if failures:
            raise failures[0]

    def _write(self, output: Output, facts: Mapping[str, Any]) -> None:
        if output.format == STREAMED:
            stream = self._streams[[one for one in self.outputs if one.format == STREAMED].index(output)]
            stream.write(render_last_line(facts))
            stream.flush()
        elif output.path:
            # A line end of CSV is its own: it must not become another one.
            Path(output.path).write_text(FORMATS[output.format](facts), encoding="utf-8", newline="")
        else:
            sys.stdout.write(FORMATS[output.format](facts))
            sys.stdout.flush()
