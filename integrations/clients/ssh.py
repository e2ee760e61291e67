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
# With a mark, `remote_program` learns from it that the program was started, and with which code it ended.
_SCRIPT = f"""\
mark=$1; shift
exec 3<&0
[ -z "$mark" ] || echo "$mark started" >&2
if command -v setsid >/dev/null 2>&1; then setsid "$@" </dev/null 3<&- & child=$!; all=-$child
else "$@" </dev/null 3<&- & child=$!; all=$child; fi
( while read -r _; do :; done
  kill -s TERM -- "$all"; sleep {GRACE}; kill -s KILL -- "$all" ) <&3 >/dev/null 2>&1 &
watcher=$!
wait "$child"
code=$?
kill "$watcher" >/dev/null 2>&1
[ -z "$mark" ] || echo "$mark ended $code" >&2
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

    def command(
        self, words: Sequence[str], environ: Mapping[str, str] | None = None, *, mark: str = ""
    ) -> list[str]:
        """The words that start ssh here so that it starts these words there.

        With a ``mark``, lines “mark started” and “mark ended CODE” on standard error enclose the program.
        """
        flags = [word for option in OPTIONS for word in ("-o", option)]
        flags += _config(os.environ if environ is None else environ)
        flags += ["-p", str(self.port)] if self.port else []
        flags += ["-l", self.user] if self.user else []
        return ["ssh", "-T", *flags, "--", self.address, quote_remote(words, mark)]


def quote_remote(words: Sequence[str], mark: str = "") -> str:
    """The text for the remote shell that runs exactly these words below our script."""
    return shlex.join(["exec", "/bin/sh", "-c", _SCRIPT, "sh", mark, *words])


def last_line(said: str) -> str:
    """The last line that ssh or the program said, as a sentence."""
    last = next((line.strip()[:300] for line in reversed(said.splitlines()) if line.strip()), "")
    return f"{last}{'' if last.endswith('.') else '.'}" if last else "It gave no reason."


def explain_failure(host: SshHost, said: str) -> Problem:
    """The error for ssh's code 255 without a sign of the program, with ssh's last line and advice.

    Only what ssh says before it has a session tells that nothing was started.
    """
    reason, text = last_line(said), " ".join(said.split())
    remedy = next((advice for pattern, advice in _CAUSES if re.search(pattern, text)), _CAUSES[-1][1])
    if _NO_SESSION.match(reason):
        what = f"No ssh connection to {host.name} came about."
        return Problem(what, means=f"{reason} Nothing was started there.", next=remedy)
    return Problem(
        f"The ssh connection to {host.name} ended before the program answered.",
        means=f"{reason} Whether it was started there is not known.",
        next=f"Look on that host whether it runs before you start it again. {remedy}",
    )


#: How a last line of ssh begins that has got no session, and so has not asked for a program.
_NO_SESSION = re.compile(
    r"ssh: |Host key verification failed|\S+: Permission denied \(|kex_exchange_identification: "
    r"|Connection timed out during banner exchange"
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
