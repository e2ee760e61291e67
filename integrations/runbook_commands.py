"""Commands that a runbook names: filled in, split into words, and checked against the allowed programs.

No shell reads them. Each command knows how it may be shown: a value that came from a variable of the
environment is masked, unless the installation's list of programs itself has the word.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from integrations.allowed_programs import AllowedProgram, AllowedPrograms
from integrations.errors import Problem
from integrations.redact import MASK
from integrations.systems import VARIABLE, System
from integrations.variables import is_shown


class RunbookCommand(list[str]):
    """The words of an allowed command; the first is the absolute path of its program.

    ``shown`` are the words as previews and logs may have them.
    """

    def __init__(self, words: Sequence[str], shown: Sequence[str]) -> None:
        super().__init__(words)
        self.shown = list(shown)

    def and_then(self, *words: str) -> RunbookCommand:
        """The command with further words, which the panel itself adds."""
        return RunbookCommand([*self, *words], [*self.shown, *words])


def format_command(command: Sequence[str]) -> str:
    """A command as a person would type it, on one line and without the values of variables."""
    words = command.shown if isinstance(command, RunbookCommand) else command
    return shlex.join(words).replace(f"'{MASK}'", MASK).replace("\n", "⏎")


@dataclass(frozen=True)
class CommandTemplate:
    """A command as the runbook has it, or one word of it, with ``${NAME}`` not yet filled in."""

    text: str
    environ: Mapping[str, str]

    @property
    def is_variable(self) -> bool:
        """Whether all of it comes from one variable of the environment."""
        found = VARIABLE.fullmatch(self.text.strip())
        return bool(found and self._hides(found[1]))

    @property
    def masked(self) -> str:
        """The text with a mask for each value of the environment that may not be shown; defaults stand in
        the runbook anyway."""
        return VARIABLE.sub(
            lambda m: MASK if self._hides(m[1]) else self.environ.get(m[1]) or m[2] or "", self.text
        )

    @property
    def values(self) -> list[str]:
        """The values that the environment gives, and that may not be shown."""
        return [self.environ[m[1]] for m in VARIABLE.finditer(self.text) if self._hides(m[1])]

    def _hides(self, name: str) -> bool:
        return bool(self.environ.get(name)) and not is_shown(name, self.environ)


def split_command(text: str, named: str) -> list[str]:
    """The words of a command line. Raises `Problem` for a quote that is not closed, and for an empty text."""
    try:
        words = shlex.split(text)
    except ValueError:
        raise Problem(
            f"A quote is not closed ({named}).", means="Nothing was started.", next="Close it, and try again."
        ) from None
    if not words:
        raise Problem(
            f"There is no command {named}.",
            means="Nothing was started.",
            next="Write it into the runbook, or set its variable.",
        )
    return words


@dataclass(frozen=True)
class WordList:
    """The words of a command that a parameter lists, filled in; ``masked`` without values of variables."""

    words: tuple[str, ...] = ()
    masked: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, templates: Sequence[object], filled: Sequence[object], environ: Mapping[str, str]
    ) -> WordList:
        """From the words of the runbook, before and after they were filled in. Raises ValueError."""
        for word in filled:
            if isinstance(word, bool) or not isinstance(word, str | int | float) or "\0" in str(word):
                raise ValueError("each must be a text or a number: one word of the command.")
        masked = [CommandTemplate(str(word), environ).masked for word in templates]
        return cls(tuple(map(str, filled)), tuple(masked))


@dataclass(frozen=True)
class NamedCommand:
    """A command that a runbook names, filled in. ``masked`` are its words without values of variables.

    ``named`` says where the runbook has it. ``host`` is "" for this machine; a relative path is taken from
    ``folder``.
    """

    words: Sequence[str]
    masked: Sequence[str]
    named: str
    host: str = ""
    folder: str | None = None

    def allow(self) -> RunbookCommand:
        """The command with the absolute path of its program. Raises `Problem` when it is not allowed."""
        program = self.words[0] if self.words else ""
        hidden = bool(self.masked) and MASK in self.masked[0] and not _is_file(program)
        allowed, entry = AllowedPrograms.load().require(
            self.words,
            named=self.named,
            host=self.host,
            folder=self.folder,
            shown=MASK if hidden else program,
        )
        return RunbookCommand(allowed, [*entry.words, *self.masked[len(entry.words) :]])


def read_command(
    system: System,
    setting: str,
    fills: Mapping[str, Sequence[str]] | None = None,
    *,
    folder: str | None = None,
) -> RunbookCommand:
    """The command in a setting of a system; ``fills`` says which words a placeholder becomes.

    Raises `Problem` when it is empty, or its program is not allowed.
    """
    named = f"{setting}: of the system “{system.name}”"
    words = split_command(system[setting], named)
    template = CommandTemplate(system.settings[setting], system.environ)
    masked = [MASK] * len(words) if template.is_variable else shlex.split(template.masked)
    if len(masked) != len(words):  # a value has several words
        masked = [MASK] * len(words)
    pairs = list(_filled(words, masked, fills or {}))
    return NamedCommand(
        [word for word, _ in pairs], [mask for _, mask in pairs], named, folder=folder
    ).allow()


def list_hidden_values(system: System, setting: str) -> list[str]:
    """The values of the environment in a command, which have to be masked wherever an attempt writes.

    Of a command that one variable holds: every word that the list of allowed programs does not have.
    """
    template = CommandTemplate(system.settings[setting], system.environ)
    if not template.is_variable:
        return template.values
    try:
        words = shlex.split(template.values[0])
    except ValueError:
        return template.values
    known = _find_entry(words, system)
    rest = words[len(known.words) :] if known else words[int(_is_file(words[0] if words else "")) :]
    return [word for word in rest if not (word.startswith("{") and word.endswith("}"))]


def _find_entry(words: Sequence[str], system: System) -> AllowedProgram | None:
    folder = system.settings.get("project") and system.get("project")
    try:
        return AllowedPrograms.load().require(words, named="", folder=folder or None)[1]
    except Problem:
        return None


def _filled(
    words: Sequence[str], masked: Sequence[str], fills: Mapping[str, Sequence[str]]
) -> list[tuple[str, str]]:
    """Each word with what may be shown for it. What a placeholder becomes is no value of a variable."""
    pairs: list[tuple[str, str]] = []
    for word, mask in zip(words, masked, strict=True):
        if word in fills:
            pairs += [(each, each) for each in fills[word]]
            continue
        for placeholder, values in fills.items():
            if len(values) == 1:  # also inside of a word: --image={image}
                word, mask = word.replace(placeholder, values[0]), mask.replace(placeholder, values[0])
        pairs.append((word, mask))
    return pairs


def _is_file(word: str) -> bool:
    """Whether the word is the path of a program here, and so surely no secret."""
    return word.startswith("/") and Path(word).is_file() and os.access(word, os.X_OK)
