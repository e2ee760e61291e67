"""Runs a program on another host over OpenSSH, without a shell reading its arguments.

sshd gives one text to the login shell of the account. So each argument is quoted for a POSIX shell, and
a small script around the program ends it when this end is gone: ssh without a terminal leaves it running.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from integrations.errors import Problem
from integrations.systems import System

CONFIG = "CUTOVER_SSH_CONFIG"  # names a file with keys, known_hosts and jump hosts; see ssh_config(5)
CONNECT_TIMEOUT = 10  # seconds
FAILED = 255  # ssh's own exit code for a connection that did not come about, or broke
GRACE = 5  # seconds between asking (SIGTERM) and killing (SIGKILL) the remote program

_ADDRESS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,252}")
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")

#: Only what the installation decides: no option comes from a runbook.
OPTIONS = (
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "UpdateHostKeys=no",
    "PasswordAuthentication=no",
    "KbdInteractiveAuthentication=no",
    "PermitLocalCommand=no",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ControlMaster=no",
    "ControlPath=none",
    "RequestTTY=no",
    "EscapeChar=none",
    f"ConnectTimeout={CONNECT_TIMEOUT}",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
    "LogLevel=ERROR",
)

# The program gets a session of its own where there is setsid, so that its children are ended with it.
# Standard input stays open as long as we are there; its end means that we are gone or were asked to stop.
_SCRIPT = f"""\
exec 3<&0
if command -v setsid >/dev/null 2>&1; then setsid "$@" </dev/null 3<&- & child=$!; all=-$child
else "$@" </dev/null 3<&- & child=$!; all=$child; fi
( while read -r _; do :; done
  kill -s TERM -- "$all"; sleep {GRACE}; kill -s KILL -- "$all" ) <&3 >/dev/null 2>&1 &
watcher=$!
wait "$child"
code=$?
kill "$watcher" >/dev/null 2>&1
exit "$code"
"""


@dataclass(frozen=True)
class SshHost:
    """A host that a runbook names, checked: neither part can be taken for an option of ssh."""

    address: str
    user: str = ""
    port: int | None = None

    @classmethod
    def of(cls, system: System) -> SshHost:
        """From a system of kind ``host``. Raises `Problem` for what is no address, user or port."""
        address, user, port = system["address"], system.get("user"), system.get("port")
        if not _ADDRESS.fullmatch(address):
            raise _unusable(system, "address", address, "a host's name or its address")
        if user and not _USER.fullmatch(user):
            raise _unusable(system, "user", user, "the name of an account")
        if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            raise _unusable(system, "port", port, "a number from 1 to 65535")
        return cls(address, user, int(port) if port else None)

    @property
    def name(self) -> str:
        """``user@address``, as the list of allowed programs and the pages have it."""
        return f"{self.user}@{self.address}" if self.user else self.address

    def command(self, words: Sequence[str], environ: Mapping[str, str] | None = None) -> list[str]:
        """The words that start ssh here so that it starts these words there."""
        flags = [word for option in OPTIONS for word in ("-o", option)]
        flags += _config(os.environ if environ is None else environ)
        flags += ["-p", str(self.port)] if self.port else []
        flags += ["-l", self.user] if self.user else []
        return ["ssh", "-T", *flags, "--", self.address, quote_remote(words)]


def quote_remote(words: Sequence[str]) -> str:
    """The text for the remote shell that runs exactly these words below our script."""
    return shlex.join(["exec", "/bin/sh", "-c", _SCRIPT, "sh", *words])


def explain_failure(host: SshHost, said: str) -> Problem:
    """The error for exit code 255, with ssh's own last line and advice for its cause."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    text, last = " ".join(lines), lines[-1] if lines else "It gave no reason."
    remedy = next((advice for pattern, advice in _CAUSES if re.search(pattern, text)), _CAUSES[-1][1])
    return Problem(
        f"No ssh connection to {host.name} came about, or it broke.", means=last[:300], next=remedy
    )


_CAUSES = (
    (
        r"Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED",
        "Compare the host's key with its administrator, then put it into the known_hosts of the user that "
        f"runs the worker, or into the file that the configuration in {CONFIG} names. The panel never "
        "accepts a key by itself.",
    ),
    (
        r"Permission denied",
        "Give the user that runs the worker a key that this account accepts; passwords are not used.",
    ),
    (r"Could not resolve", "Correct address: of the system, or the name service of the worker."),
    (r"refused|timed out|No route", "Check address and port, and the firewall between worker and host."),
    (
        r"",
        "Run the same connection by hand as the user that runs the worker: ssh -o BatchMode=yes HOST true.",
    ),
)


def _config(environ: Mapping[str, str]) -> list[str]:
    """The installation's own configuration of ssh; without the setting, ssh reads those it always reads."""
    file = environ.get(CONFIG, "")
    if not file:
        return []
    if not Path(file).is_absolute() or not Path(file).is_file():
        raise Problem(
            f"The configuration of ssh, {file}, cannot be used.",
            means="No host was called: its key could not be checked.",
            next=f"Write the absolute path of an existing file into {CONFIG}.",
        )
    return ["-F", file]


def _unusable(system: System, setting: str, value: str, wanted: str) -> Problem:
    return Problem(
        f"{setting}: of the system “{system.name}” is “{value[:80]}”, and not {wanted}.",
        means="Nothing was started.",
        next=f"Correct {setting}: in the runbook, or its variable.",
    )
