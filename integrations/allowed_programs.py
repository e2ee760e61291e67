"""The programs that a runbook may start, as the installation lists them in a file.

The setting `VARIABLE` names the file. Each line is one entry, split into words as a shell does it::

    # a comment
    /usr/bin/systemctl restart            an absolute path, with leading arguments that are fixed
    /usr/bin/python3 /srv/tools/move.py   a program that runs others: only with the program or script it runs
    = /usr/bin/ssh db2 uptime             exactly these words, and no further argument
    [deploy@db2.example.org]              the entries below are for this host, reached over ssh

Without the setting, no program of a runbook is started.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from integrations.errors import Problem

VARIABLE = "CUTOVER_PROGRAMS"
NAMED_IN_ERRORS = 6  # entries of the list that a refusal names


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Interpreters and wrappers: their first argument is the script or program that they run. An entry fixes it.
_RUN_THEIR_ARGUMENT = _names(
    "sh bash dash ash ksh mksh zsh fish csh tcsh rbash busybox toybox "
    "python pypy perl ruby node nodejs bun php lua luajit tclsh wish expect guile java groovy scala "
    "env xargs nice nohup setsid time sudo doas pkexec systemd-run"
)
#: Programs that run others by an option, a command of their own or what they read. Only whole lines are safe.
_ONLY_EXACT = _names(
    "awk gawk mawk nawk sed ed ex vi vim view nvim emacs nano less more man find fd parallel deno "
    "ionice stdbuf timeout chrt taskset numactl setarch linux32 linux64 unshare nsenter chroot fakeroot "
    "proot bwrap firejail flock script watch entr su runuser setpriv capsh start-stop-daemon "
    "systemd-nspawn machinectl ssh scp sftp rsync dbclient telnet socat nc ncat netcat "
    "psql mysql mariadb sqlite3 mongosh mongo redis-cli valkey-cli "
    "gdb strace ltrace perf valgrind screen tmux at batch crontab make cmake ninja tar cpio zip git hg svn "
    "gcc g++ cc ld ld-linux ansible ansible-playbook terraform tofu logrotate run-parts"
)
#: Programs with subcommands, some of which run anything. An entry fixes a subcommand that does not.
_HAVE_SUBCOMMANDS = _names(
    "docker podman nerdctl ctr crictl docker-compose podman-compose kubectl oc helm "
    "npm npx pnpm pnpx yarn yarnpkg corepack uv uvx poetry pipx pip gem bundle cargo go"
)
_RUNS_ANYTHING = _names("exec run run-script dlx x create debug attach cp compose container pod plugin")
_VERSION = re.compile(r"(?:(?<![\d.])(\.*?)\.?|-)\d[\d.]*+$")


@dataclass(frozen=True)
class AllowedProgram:
    """One entry: its words, whether they are all that may be said, and the host ("": this machine)."""

    words: tuple[str, ...]
    is_exact: bool = False
    host: str = ""

    @property
    def path(self) -> str:
        """The absolute path of the program."""
        return self.words[0]

    def fits(self, arguments: Sequence[str]) -> bool:
        """Whether the program may be started with these arguments."""
        fixed = list(self.words[1:])
        return list(arguments) == fixed if self.is_exact else list(arguments[: len(fixed)]) == fixed

    def __str__(self) -> str:
        return f"{shlex.join(self.words)}{'' if self.is_exact else ' …'}"


@dataclass(frozen=True)
class AllowedPrograms:
    """The entries of the installation; ``file`` is where they stand, "" when the setting is not set."""

    entries: tuple[AllowedProgram, ...] = ()
    file: str = ""

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> AllowedPrograms:
        """Reads the file that the setting names. Raises `Problem` when it is unreadable or has a bad line."""
        name = (os.environ if environ is None else environ).get(VARIABLE, "")
        if not name:
            return cls()
        try:
            text = Path(name).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise Problem(
                f"The list of allowed programs, {name}, cannot be read "
                f"({getattr(error, 'strerror', 'it is no text')}).",
                means="No program of a runbook is started without it.",
                next=f"Correct the setting {VARIABLE}, or the file's owner and mode.",
            ) from None
        return cls(tuple(_parse(text, name)), name)

    def require(
        self, words: Sequence[str], *, named: str, host: str = "", folder: str | None = None, shown: str = ""
    ) -> tuple[list[str], AllowedProgram]:
        """The words with the program's absolute path, and the entry that allows them.

        ``named`` says where the runbook has the command. A relative path is taken from ``folder``. ``shown``
        stands in the error for the program, when its name must not be repeated. Raises `Problem` when no
        entry fits.
        """
        of_host = [entry for entry in self.entries if entry.host == host]
        program = words[0] if words else ""
        known = [entry for entry in of_host if _is_program(program, entry.path, folder)]
        for entry in known:
            if entry.fits(words[1:]):
                if not host and not entry.is_exact:
                    _refuse_open_interpreter(entry.words, self.file)
                return [entry.path, *words[1:]], entry
        raise self._refused(shown or program, named, host, of_host, known)

    def _refused(
        self,
        program: str,
        named: str,
        host: str,
        of_host: Sequence[AllowedProgram],
        known: Sequence[AllowedProgram],
    ) -> Problem:
        where = f"on {host}" if host else "here"
        what = f"“{program}” is not among the programs that a runbook may start {where} ({named})."
        listed = ", ".join(map(str, of_host[:NAMED_IN_ERRORS])) or "none"
        means = (
            f"Nothing was started. Allowed are: {listed}{', …' if len(of_host) > NAMED_IN_ERRORS else ''}."
        )
        if known:
            what = f"“{program}” may not be started {where} with these arguments ({named})."
            means = f"Nothing was started. It is allowed as: {', '.join(map(str, known))}."
        if not self.file:
            means = f"Nothing was started. The setting {VARIABLE} is not set, so no program is allowed."
        section = f", below [{host}]" if host else ""
        return Problem(
            what,
            means=means,
            next="Name an allowed program, or ask who runs the panel to add this one"
            f"{section} to the file that the setting {VARIABLE} names.",
        )


def _is_program(word: str, path: str, folder: str | None) -> bool:
    """Whether a word of a runbook names the program of an entry.

    The text of the path decides, not what it leads to: with a link or “..” a runbook could name another
    file that leads to the same name today and elsewhere tomorrow. A word without a slash is the name of an
    entry; the search path of the worker is not asked.
    """
    if "/" not in word:
        return bool(word) and word == PurePosixPath(path).name
    if ".." in word.split("/"):
        return False
    full = word if word.startswith("/") else f"{folder or '/nowhere'}/{word}"
    return str(PurePosixPath(full)) == path


def _parse(text: str, file: str) -> Iterator[AllowedProgram]:
    host = ""
    for number, line in enumerate(text.splitlines(), start=1):
        line, where = line.strip(), f"{file}, line {number}"
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            host = _parse_host(line, where)
            continue
        is_exact, line = line.startswith("= "), line.removeprefix("= ")
        try:
            words = tuple(shlex.split(line, comments=True))
        except ValueError as error:
            raise _bad_line(where, f"{error}", "Close the quote.") from None
        _check_entry(words, is_exact, is_local=not host, where=where)
        yield AllowedProgram(words, is_exact, host)


def _parse_host(line: str, where: str) -> str:
    host = line.removeprefix("[").removesuffix("]").strip()
    if not line.endswith("]") or not re.fullmatch(r"([\w.-]+@)?[\w.:-]+", host) or host.startswith("-"):
        raise _bad_line(where, f"“{line}” names no host", "Write [host] or [user@host].")
    return host


def _check_entry(words: Sequence[str], is_exact: bool, *, is_local: bool, where: str) -> None:
    path = words[0] if words else ""
    if not _is_absolute(path):
        raise _bad_line(
            where, f"“{path}” is no absolute path", "Write the whole path, without “..”, “//” or “/./”."
        )
    if not is_exact:
        _refuse_open_interpreter(words, where, is_local=is_local)


def _refuse_open_interpreter(words: Sequence[str], where: str, *, is_local: bool = True) -> None:
    """Raises `Problem` when the runbook's own arguments could make the program run anything.

    What is checked is the name, and the name of the file that it leads to here: /bin/sh is a link. This is
    asked again before each start, because a link may have changed since the list was written.
    """
    names = {_plain_name(words[0])} | ({_plain_name(os.path.realpath(words[0]))} if is_local else set())
    rest = list(words[1:])
    if names & _ONLY_EXACT:
        raise _bad_line(
            where,
            f"“{words[0]}” can run any program",
            "Put “= ” before the line, which allows exactly its words, or allow a script that calls it.",
        )
    if names & _RUN_THEIR_ARGUMENT:
        rest = rest[1:] if names & {"sudo"} and rest[:1] in (["-n"], ["--non-interactive"]) else rest
        if not rest or not _is_absolute(rest[0]):
            raise _bad_line(
                where,
                f"“{words[0]}” runs whatever it is told to",
                "Name the script or program that it runs, as an absolute path, right behind it; or put “= ” "
                "before the line, which allows exactly its words.",
            )
        _refuse_open_interpreter(rest, where, is_local=is_local)
    elif names & _HAVE_SUBCOMMANDS and not _fixes_subcommand(rest):
        raise _bad_line(
            where,
            f"“{shlex.join(words)}” can run any program",
            "Fix the subcommand that the runbook needs, such as “docker image inspect” or “npx prisma”.",
        )


def _fixes_subcommand(arguments: Sequence[str]) -> bool:
    """Whether a subcommand that does not run anything is among these arguments for certain.

    Each option may take the word behind it as its value, so there have to be more words than options.
    """
    options = [word for word in arguments if word.startswith("-") and "=" not in word]
    others = [word for word in arguments if not word.startswith("-")]
    return len(others) > len(options) and arguments[-1] == others[-1] and others[-1] not in _RUNS_ANYTHING


def _is_absolute(path: str) -> bool:
    return path.startswith("/") and str(PurePosixPath(path)) == path and ".." not in path.split("/")


def _plain_name(path: str) -> str:
    """The name of a program without its version: python3.11 → python."""
    name = PurePosixPath(path).name
    name = name.partition(".")[0] if name.startswith(("vim.", "ld-")) else name
    return _VERSION.sub(r"\1", name) or name


def _bad_line(where: str, what: str, remedy: str) -> Problem:
    return Problem(
        f"The list of allowed programs has a line that cannot be used ({where}): {what}.",
        means="No program of a runbook is started before it is corrected.",
        next=remedy,
    )
