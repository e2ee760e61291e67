"""The namespaces of tests work for root directly, for others in a user namespace; else they say why."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.hosts import Host, Network, is_allowed_directly
from tests.namespaces import Namespaced
from tests.waiting import wait_for

NOBODY = 65534
PR_SET_DUMPABLE = 4  # include/uapi/linux/prctl.h


def as_nobody(work: Callable[[], Any]) -> Any:
    """What ``work`` gives in a forked process without privileges, or its error as text."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setresgid(NOBODY, NOBODY, NOBODY)
                os.setresuid(NOBODY, NOBODY, NOBODY)
                # Whoever gives up privileges may not write to its own /proc, as a user's process may.
                ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
            os.chdir("/")
            os.write(writer, json.dumps({"gave": work()}).encode())
        except BaseException:
            os.write(writer, json.dumps({"failed": traceback.format_exc()}).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = json.loads(pipe.read())
    os.waitpid(child, 0)
    return said


def asks(network: Network, here: Host, there: Host) -> str:
    """What the kernel says of a port on which nobody listens: refused, or nothing at all."""
    ask = f"exec 3<>/dev/tcp/{there.address}/9"
    argv = [*network.enter, "ip", "netns", "exec", here.namespace, "timeout", "2", "bash", "-c", ask]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return "refused" if "refused" in done.stderr else "silent"


def play() -> dict[str, Any]:
    """Two hosts talk, one is cut off, and both end."""
    told = Path(tempfile.mkdtemp()) / "told"
    with Network() as network:
        here, there = network.add("here"), network.add("there")
        process = there.start(["sh", "-c", f"echo $(hostname) $$ > {told}; exec sleep 60"], os.environ, told)
        said = {"before": asks(network, here, there), "in_user_namespace": network.is_of_users}
        wait_for(lambda: told.read_text().strip())
        there.cut()
        said |= {"after": asks(network, here, there), "name": told.read_text().split()}
    said["ended"] = process.poll() is not None
    told.unlink()
    return said


def expected(*, in_user_namespace: bool) -> dict[str, Any]:
    parts = {"before": "refused", "after": "silent", "name": ["there", "1"], "ended": True}
    return {"in_user_namespace": in_user_namespace, **parts}


def test_hosts_work_for_whoever_runs_the_suite() -> None:
    assert play() == expected(in_user_namespace=not is_allowed_directly())


def test_the_links_of_the_machine_stay_as_they_are() -> None:
    """A browser of another test would drop what it is loading, and some seconds later, too."""
    with subprocess.Popen(["ip", "monitor", "link", "address"], stdout=subprocess.PIPE, text=True) as monitor:
        try:
            with Network() as network:
                network.add("here").cut()
        finally:
            time.sleep(1)  # the kernel removes what is left of a namespace beside us
            monitor.terminate()
        assert monitor.stdout is not None
        assert "cu" not in monitor.stdout.read()


def test_hosts_work_in_a_user_namespace() -> None:
    assert as_nobody(play) == {"gave": expected(in_user_namespace=True)}


def test_a_pid_namespace_works_in_a_user_namespace() -> None:
    def play() -> list[Any]:
        process = Namespaced(lambda: [os.getpid(), os.uname().nodename], hostname="elsewhere")
        process.kill()
        return list(process.answer)

    assert as_nobody(play) == {"gave": [1, "elsewhere"]}


def test_a_pid_namespace_that_is_not_allowed_names_the_kernel_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The kernel refuses flags that it does not know, as it refuses namespaces that are turned off."""
    monkeypatch.setattr("tests.namespaces.NEWPID", 1)
    with pytest.raises(OSError, match=r"user.max_user_namespaces .* kernel.unprivileged_userns_clone"):
        Namespaced(os.getpid)


def test_where_neither_is_allowed_the_kernel_settings_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a kernel that refuses: unshare says so, and ends."""
    refusing = tmp_path / "unshare"
    refusing.write_text("#!/bin/sh\necho 'unshare: unshare failed: Operation not permitted' >&2; exit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(OSError, match="Operation not permitted") as refused, Network():
        pass
    for name in ("user.max_user_namespaces", "kernel.unprivileged_userns_clone", "apparmor_restrict"):
        assert name in str(refused.value)
