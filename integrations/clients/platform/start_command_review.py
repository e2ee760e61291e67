"""Reads a start command, and says whether it migrates the database by itself, or cannot be seen through."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

MIGRATES = re.compile(
    r"migrate\b[^&|;\n]*?\b(deploy|dev|reset|resolve)\b|\bdb[\s'\",]+(push|execute|seed)\b|migrat", re.I
)
HARMLESS = re.compile(r"\bmigrate\s+(status|diff)\b|--skip-migrat\w*|\bno-?migrat\w*", re.I)
CALLS = re.compile(r"migrate['\",\s\]\[]+deploy|\bdb['\",\s]+push\b")
#: programs that start what follows them
SHELLS = frozenset({"sh", "bash", "ash", "dash", "zsh"})
WRAPPERS = frozenset(
    {"exec", "env", "tini", "dumb-init", "catatonit", "su-exec", "gosu", "nohup", "nice", "npx", "dotenv"}
    | {"time", "command", "timeout", "then", "do", "else", "if", "while", "until", "!"}
)
TAKES_ONE = frozenset({"su-exec", "gosu", "timeout"})  # a word of their own before the command
#: programs whose own words show what they start
INTERPRETERS = frozenset({"node", "nodejs", "python", "tsx", "ts-node"})  # python3.11 is python
INLINE = frozenset({"-e", "--eval", "-p", "--print", "-c"})
PROGRAMS = frozenset(
    {"nginx", "caddy", "redis-server", "valkey-server", "postgres", "next", "nest", "prisma"}
    | {"cd", "set", "export", "echo", "printf", "sleep", "true", "false", "test", "[", "trap", "wait"}
    | {"umask", "mkdir", "chmod", "chown", ":", "exit", "fi", "done", "date", "ulimit", "unset"}
)
RUNNERS = frozenset({"npm", "pnpm", "yarn"})
DEEPEST = 6  # scripts that call scripts
LONGEST = 2_000_000  # bytes of a script that are read


@dataclass
class Judgement:
    """What was found: parts that migrate, parts that could not be seen through, scripts that were read."""

    migrates: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    read: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether all of it was seen, and nothing of it migrates."""
        return not self.migrates and not self.unseen


def looks_migrating(text: str) -> bool:
    """Whether a text names a migration that changes something."""
    return bool(MIGRATES.search(HARMLESS.sub("", text)))


class Reader:
    """Reads start commands. ``folder``: the image's files as the source has them, where they are at hand;
    ``trusted``: programs and scripts that a person has read, as they are written in the command."""

    def __init__(self, folder: Path | None = None, trusted: Sequence[str] = ()) -> None:
        self.folder, self.trusted = folder, frozenset(trusted)

    def judge(self, words: Sequence[str]) -> Judgement:
        """A command as a list of words, as an image or a chart has it."""
        found = Judgement()
        if not words:
            found.unseen.append("there is no start command")
        else:
            self._command(list(words), found, 0)
        return found

    def _command(self, words: list[str], found: Judgement, depth: int) -> None:
        words = _unwrapped(words)
        if not words:
            return None
        name, said = PurePosixPath(words[0]).name, shlex.join(words)
        shown = " ".join(PurePosixPath(word).name if word.startswith("/") else word for word in words)
        if name in SHELLS:
            self._shell(words, found, depth)
        elif name in RUNNERS:
            self._runner(words, found, depth)
        elif looks_migrating(shown):
            found.migrates.append(said)
        elif re.sub(r"[\d.]+$", "", name) in INTERPRETERS:
            self._program(words, found)
        elif words[0] in self.trusted:
            rest = words[1:]
            return self._command(rest, found, depth) if rest and not rest[0].startswith("-") else None
        elif name == "prisma" and "$" in said:
            found.unseen.append(f"“{said}”: a variable says what it does")
        elif name not in PROGRAMS:
            self._script(words[0], found, depth, words[1:])
        return None

    def _shell(self, words: list[str], found: Judgement, depth: int) -> None:
        for number, word in enumerate(words[1:], 1):
            if re.fullmatch(r"-[a-z]*c[a-z]*", word):
                return self._text(words[number + 1] if len(words) > number + 1 else "", found, depth)
            if not word.startswith("-"):
                return self._script(word, found, depth, words[number + 1 :])
        return found.unseen.append(f"“{shlex.join(words)}”: what the shell is given to do")

    def _text(self, text: str, found: Judgement, depth: int, given: Sequence[str] = ()) -> None:
        """Shell text, line by line and command by command; ``given`` is what “$@” stands for."""
        if depth > DEEPEST:
            found.unseen.append("scripts that call each other without end")
            return
        for part in _commands(text):
            if isinstance(part, str):
                found.unseen.append(part)
            else:
                words = [word for one in part for word in (given if one == "$@" else [one])]
                self._command(words, found, depth + 1)

    def _runner(self, words: list[str], found: Judgement, depth: int) -> None:
        """npm, pnpm, yarn: a script of package.json, or a program."""
        rest = [word for word in words[1:] if not word.startswith("-")]
        if rest[:1] in (["exec"], ["dlx"]):
            return self._command(words[words.index(rest[0]) + 1 :], found, depth)
        name = (rest[1:2] if rest[:1] in (["run"], ["run-script"]) else rest[:1]) or [""]
        said = shlex.join(words)
        scripts = self._scripts()
        if scripts is None:
            if looks_migrating(said):
                found.migrates.append(f"{said} (by its name)")
            return found.unseen.append(f"“{said}”: its package.json is not at hand")
        called = [scripts[n] for n in (f"pre{name[0]}", name[0], f"post{name[0]}") if n in scripts]
        if name[0] not in scripts:
            return found.unseen.append(f"“{said}”: package.json has no script “{name[0]}”")
        found.read.append(f"package.json: {name[0]}")
        for text in called:
            self._text(text, found, depth + 1)
        return None

    def _scripts(self) -> dict[str, str] | None:
        text = self._file("package.json")
        try:
            found = json.loads(text or "").get("scripts", {})
            return {str(name): str(line) for name, line in found.items()}
        except (ValueError, AttributeError):
            return None

    def _program(self, words: list[str], found: Judgement) -> None:
        """What an interpreter runs: its files are searched where they are at hand, its words were already."""
        if INLINE & set(words[1:]):
            found.unseen.append(f"“{shlex.join(words)[:120]}”: a program inside of the command")
        files = [word for word in words[1:] if not word.startswith("-")]
        if files and "$" in files[0]:
            found.unseen.append(f"“{shlex.join(words)[:120]}”: a variable says what it runs")
        for name in files:
            text = self._file(name)
            if text is None:
                continue
            found.read.append(name)
            if CALLS.search(text):
                found.migrates.append(f"{name} calls it in its text")

    def _script(self, name: str, found: Judgement, depth: int, given: Sequence[str] = ()) -> None:
        """A script of the image: read where it is at hand, unseen else."""
        if name in self.trusted:
            return
        text = self._file(name)
        if text is None or text.startswith("\x7f"):
            found.unseen.append(f"“{name}”: a program or script whose text is not at hand")
            return
        found.read.append(name)
        first = text.split("\n", 1)[0]
        if first.startswith("#!") and not re.search(r"\b(?:ba|da|a|z)?sh\b", first):
            if looks_migrating(text):
                found.migrates.append(f"{name} calls it in its text")
            return
        self._text(text, found, depth + 1, given)

    def _file(self, name: str) -> str | None:
        """Text of a file of the source, found by its path or the end of its path; None where it is not."""
        if self.folder is None:
            return None
        parts = [part for part in PurePosixPath(name).parts if part not in ("/", ".", "..")]
        for start in range(len(parts)):
            path = self.folder.joinpath(*parts[start:])
            inside = path.resolve().is_relative_to(self.folder.resolve())
            if inside and path.is_file() and path.stat().st_size < LONGEST:
                return path.read_text(errors="replace")
        return None


def _unwrapped(words: list[str]) -> list[str]:
    """Without assignments, and without programs that only start what follows them."""
    while words:
        if re.match(r"[A-Za-z_]\w*=", words[0]):
            words = words[1:]
        elif PurePosixPath(words[0]).name in WRAPPERS:
            own, dashes = PurePosixPath(words[0]).name in TAKES_ONE, "--" in words
            words = words[words.index("--") + 1 :] if dashes else words[1:]
            while words and words[0].startswith("-"):
                words = words[1:]
            words = words[1:] if own and not dashes else words
        else:
            return words
    return words


def _commands(text: str) -> Iterator[list[str] | str]:
    """The simple commands of a shell text; a sentence for what is not seen through."""
    for line in text.replace("\\\n", " ").splitlines():
        if re.search(r"\$\(|`|\beval\b|<<", line):
            yield f"“{line.strip()[:120]}”: the shell puts the command together when it runs"
            if looks_migrating(line):
                yield ["migrate", line.strip()[:120]]
            continue
        lexer = shlex.shlex(re.sub(r"(^|\s)#.*", "", line), posix=True, punctuation_chars=True)
        lexer.whitespace_split, lexer.commenters = True, ""
        try:
            words = list(lexer)
        except ValueError:
            yield f"“{line.strip()[:120]}”: quotes that do not close in its line"
            continue
        yield from _split(words)


def _split(words: Sequence[str]) -> Iterator[list[str]]:
    command: list[str] = []
    for word in words:
        if word and set(word) <= set("&|;()"):
            if command:
                yield command
            command = []
        else:
            command.append(word)
    if command:
        yield command
