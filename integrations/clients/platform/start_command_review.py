"""Reviews the command that a container starts with: does it migrate the database by itself?

Start commands call shells, package managers and scripts, so they are followed as far as the image's files are
at hand. What cannot be followed is named, and never taken for harmless.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from integrations import json_values

MIGRATES = re.compile(
    r"migrate\b[^&|;\n]*?\b(deploy|dev|reset|resolve)\b|\bdb[\s'\",]+(push|execute|seed)\b|migrat", re.I
)
HARMLESS = re.compile(r"\bmigrate\s+(status|diff)\b|--skip-migrat\w*|\bno-?migrat\w*", re.I)
CALLS = re.compile(r"migrate['\",\s\]\[]+deploy|\bdb['\",\s]+push\b")
SHELLS = frozenset({"sh", "bash", "ash", "dash", "zsh"})
#: programs and words that start the command that follows them
WRAPPERS = frozenset(
    {"exec", "env", "tini", "dumb-init", "catatonit", "su-exec", "gosu", "nohup", "nice", "npx", "dotenv"}
    | {"time", "command", "timeout", "then", "do", "else", "if", "while", "until", "!"}
)
TAKES_ONE = frozenset({"su-exec", "gosu", "timeout"})  # wrappers with an argument before the command
#: programs that run a file that their arguments name; a version at the end of the name is ignored
INTERPRETERS = frozenset({"node", "nodejs", "python", "tsx", "ts-node"})
#: options of interpreters whose value is program text
INLINE = frozenset({"-e", "--eval", "-p", "--print", "-c"})
#: options of interpreters whose value is another word, and no file that is run
VALUED = frozenset(
    {"-r", "--require", "--import", "--loader", "--experimental-loader", "-C", "--conditions", "-W", "-X"}
)
#: programs and shell words that do not migrate
PROGRAMS = frozenset(
    {"nginx", "caddy", "redis-server", "valkey-server", "postgres", "next", "nest", "prisma"}
    | {"cd", "set", "export", "echo", "printf", "sleep", "true", "false", "test", "[", "trap", "wait"}
    | {"umask", "mkdir", "chmod", "chown", ":", "exit", "fi", "done", "date", "ulimit", "unset"}
)
RUNNERS = frozenset({"npm", "pnpm", "yarn"})
DEEPEST = 6  # levels of scripts that call scripts
LONGEST = 2_000_000  # bytes of a script; a longer one is not read


@dataclass
class StartCommandReview:
    """The result: parts that migrate, parts that could not be followed, and scripts that were read."""

    migrates: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    read: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether everything could be followed, and nothing migrates."""
        return not self.migrates and not self.unseen


def looks_migrating(text: str) -> bool:
    """Whether a text names a migration that changes the database."""
    return bool(MIGRATES.search(HARMLESS.sub("", text)))


class StartCommandReader:
    """Follows start commands.

    ``folder``: the files of the image as the source has them, where they are at hand. ``trusted``: programs
    and scripts that a person has read, as they are written in the command.
    """

    def __init__(self, folder: Path | None = None, trusted: Sequence[str] = ()) -> None:
        self.folder, self.trusted = folder, frozenset(trusted)

    def review(self, words: Sequence[str]) -> StartCommandReview:
        """Reviews a command, given as a list of words as an image or a chart has it."""
        found = StartCommandReview()
        if not words:
            found.unseen.append("there is no start command")
        else:
            self._follow_command(list(words), found, 0)
        return found

    def _follow_command(self, words: list[str], found: StartCommandReview, depth: int) -> None:
        words = _unwrap(words)
        if not words:
            return None
        name, line = PurePosixPath(words[0]).name, shlex.join(words)
        shown = " ".join(PurePosixPath(word).name if word.startswith("/") else word for word in words)
        if name in SHELLS:
            self._follow_shell(words, found, depth)
        elif name in RUNNERS:
            self._follow_runner(words, found, depth)
        elif looks_migrating(shown):
            found.migrates.append(line)
        elif re.sub(r"[\d.]+$", "", name) in INTERPRETERS:
            self._follow_interpreter(words, found)
        elif words[0] in self.trusted:
            rest = words[1:]
            return self._follow_command(rest, found, depth) if rest and not rest[0].startswith("-") else None
        elif name == "prisma" and "$" in line:
            found.unseen.append(f"“{line}”: a variable says what it does")
        elif name not in PROGRAMS:
            self._follow_script(words[0], found, depth, words[1:])
        return None

    def _follow_shell(self, words: list[str], found: StartCommandReview, depth: int) -> None:
        for number, word in enumerate(words[1:], 1):
            if re.fullmatch(r"-[a-z]*c[a-z]*", word):
                return self._follow_text(words[number + 1] if len(words) > number + 1 else "", found, depth)
            if not word.startswith("-"):
                return self._follow_script(word, found, depth, words[number + 1 :])
        return found.unseen.append(f"“{shlex.join(words)}”: what the shell is given to do")

    def _follow_text(
        self, text: str, found: StartCommandReview, depth: int, given: Sequence[str] = ()
    ) -> None:
        """Follows shell text, line by line and command by command; ``given`` replaces “$@”."""
        if depth > DEEPEST:
            found.unseen.append("scripts that call each other without end")
            return
        for part in _split_commands(text):
            if isinstance(part, str):
                found.unseen.append(part)
            else:
                words = [word for one in part for word in (given if one == "$@" else [one])]
                self._follow_command(words, found, depth + 1)

    def _follow_runner(self, words: list[str], found: StartCommandReview, depth: int) -> None:
        """Follows npm, pnpm and yarn: they run a script of package.json, or a program."""
        rest = [word for word in words[1:] if not word.startswith("-")]
        if rest[:1] in (["exec"], ["dlx"]):
            return self._follow_command(words[words.index(rest[0]) + 1 :], found, depth)
        name = (rest[1:2] if rest[:1] in (["run"], ["run-script"]) else rest[:1]) or [""]
        line = shlex.join(words)
        scripts = self._package_scripts()
        if scripts is None:
            if looks_migrating(line):
                found.migrates.append(f"{line} (by its name)")
            return found.unseen.append(f"“{line}”: its package.json is not at hand")
        called = [scripts[n] for n in (f"pre{name[0]}", name[0], f"post{name[0]}") if n in scripts]
        if name[0] not in scripts:
            return found.unseen.append(f"“{line}”: package.json has no script “{name[0]}”")
        found.read.append(f"package.json: {name[0]}")
        for text in called:
            self._follow_text(text, found, depth + 1)
        return None

    def _package_scripts(self) -> dict[str, str] | None:
        text = self._read_file("package.json")
        try:
            found = json_values.parse_json(text or "").get("scripts", {})
            return {str(name): str(line) for name, line in found.items()}
        except (ValueError, AttributeError):
            return None

    def _follow_interpreter(self, words: list[str], found: StartCommandReview) -> None:
        """Searches the files that an interpreter runs; its own words were searched before."""
        if INLINE & set(_own_options(words)):
            found.unseen.append(f"“{shlex.join(words)[:120]}”: a program inside of the command")
        files = [word for word in words[1:] if not word.startswith("-")]
        if files and "$" in files[0]:
            found.unseen.append(f"“{shlex.join(words)[:120]}”: a variable says what it runs")
        for name in files:
            text = self._read_file(name)
            if text is None:
                continue
            found.read.append(name)
            if CALLS.search(text):
                found.migrates.append(f"{name} calls it in its text")

    def _follow_script(
        self, name: str, found: StartCommandReview, depth: int, given: Sequence[str] = ()
    ) -> None:
        """Follows a script of the image where its text is at hand."""
        if name in self.trusted:
            return
        text = self._read_file(name)
        if text is None or text.startswith("\x7f"):
            found.unseen.append(f"“{name}”: a program or script whose text is not at hand")
            return
        found.read.append(name)
        first = text.split("\n", 1)[0]
        if first.startswith("#!") and not re.search(r"\b(?:ba|da|a|z)?sh\b", first):
            if looks_migrating(text):
                found.migrates.append(f"{name} calls it in its text")
            return
        self._follow_text(text, found, depth + 1, given)

    def _read_file(self, name: str) -> str | None:
        """The text of a file of the source, found by its path or the end of it; None where it is missing."""
        if self.folder is None:
            return None
        parts = [part for part in PurePosixPath(name).parts if part not in ("/", ".", "..")]
        for start in range(len(parts)):
            path = self.folder.joinpath(*parts[start:])
            inside = path.resolve().is_relative_to(self.folder.resolve())
            if inside and path.is_file() and path.stat().st_size < LONGEST:
                return path.read_text(errors="replace")
        return None


def _unwrap(words: list[str]) -> list[str]:
    """The words without assignments, and without programs that only start what follows them."""
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


def _own_options(words: Sequence[str]) -> Iterator[str]:
    """The options of an interpreter itself: those behind the file that it runs are the file's."""
    rest = iter(words[1:])
    for word in rest:
        if not word.startswith("-"):
            return
        yield word
        if word in VALUED:
            next(rest, "")


def _split_commands(text: str) -> Iterator[list[str] | str]:
    """The simple commands of a shell text; a sentence in place of each that cannot be followed."""
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
        yield from _split_words(words)


def _split_words(words: Sequence[str]) -> Iterator[list[str]]:
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
