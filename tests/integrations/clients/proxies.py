"""Two stacks that answer, and real load balancers in front of them: Caddy, HAProxy, nginx."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integrations.clients import http
from integrations.errors import Unreachable
from integrations.sandbox.front_door import HANDLER, LOG
from tests.allowed import allow
from tests.ports import free_port
from tests.servers import FOLDER, new_folder
from tests.waiting import wait_for

STACK = """
import sys
from integrations.sandbox.serving import Answer, serve
status, name = int(sys.argv[3]), sys.argv[2]
serve(int(sys.argv[1]), lambda asked: Answer(status, {}), name=name, headers={"X-Stack": name})
"""
#: of stacks that tell themselves apart by a header of their own
MARKERS = {
    "old": {"path": "/", "headers": {"x-stack": "old-app"}},
    "new": {"path": "/", "headers": {"x-stack": "new-api"}, "json": {"x": "absent"}},
}


@dataclass(frozen=True)
class Stacks:
    """Addresses of the old stack and the new."""

    old: str
    new: str


@contextmanager
def stack(name: str, status: int = 200) -> Iterator[str]:
    port = free_port()
    child = subprocess.Popen(
        [sys.executable, "-c", STACK, str(port), name, str(status)], stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: answers(url))
        yield url
    finally:
        child.terminate()
        child.wait(90)


def answers(url: str) -> bool:
    try:
        http.request(url, "/health/live", timeout=2)
    except Unreachable:
        return False
    return True


@contextmanager
def running(argv: list[str], url: str, env: dict[str, str] | None = None) -> Iterator[None]:
    child = subprocess.Popen(argv, env={**os.environ, **(env or {})}, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: child.poll() is not None or answers(url))
        assert child.poll() is None, f"{argv[0]} ended with {child.returncode}"
        yield
    finally:
        child.terminate()
        child.wait(90)


def installed(program: str, package: str) -> str:
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    assert found, f"{program} is missing: apt-get install --no-install-recommends {package}"
    return found


@contextmanager
def caddy(folder: Path, stacks: Stacks) -> Iterator[tuple[str, dict[str, str]]]:
    """The public address, and the settings of the system."""
    public, admin = free_port(), free_port()
    env = {"PUBLIC_PORT": str(public), "ADMIN_PORT": str(admin), "OLD_URL": stacks.old, "NEW_URL": stacks.new}
    url = f"http://127.0.0.1:{public}"
    settings = {
        "kind": "proxy",
        "driver": "caddy",
        "url": f"http://127.0.0.1:{admin}",
        "pool": HANDLER,
        "old": stacks.old.removeprefix("http://"),
        "new": stacks.new.removeprefix("http://"),
        "log": str(folder / LOG),
    }
    with running([sys.executable, "-m", "integrations.sandbox.front_door", str(folder)], url, env):
        yield url, settings


@contextmanager
def haproxy(folder: Path, stacks: Stacks, name: str = "haproxy") -> Iterator[tuple[str, dict[str, str]]]:
    port, path = free_port(), new_folder(name) / "socket"  # which needs a short path
    file = folder / "haproxy.cfg"
    ways = {"header:x-pilot": "hdr(x-pilot)", "cookie:pilot": "req.cook(pilot)", "addresses": "src"}
    acls = {way: folder / f"{name}-{number}.acl" for number, way in enumerate(ways)}
    for acl in acls.values():
        acl.touch()
    file.write_text(
        f"global\n stats socket {path} level admin\n"
        "defaults\n mode http\n timeout connect 3s\n timeout client 10s\n timeout server 10s\n"
        f"frontend public\n bind 127.0.0.1:{port}\n default_backend pool\n"
        "backend pool\n balance roundrobin\n"
        f" server old {stacks.old.removeprefix('http://')} weight 100\n"
        f" server new {stacks.new.removeprefix('http://')} weight 0\n"
        + "".join(f" acl named {ways[way]} -f {acl}\n" for way, acl in acls.items())
        + " use-server new if named\n"
    )
    settings = {
        "kind": "proxy",
        "driver": "haproxy",
        "socket": str(path),
        "people": " ".join(f"{way}={acl}" for way, acl in acls.items()),
        "pool": "pool",
        "old": "old",
        "new": "new",
    }
    url = f"http://127.0.0.1:{port}"
    with running([installed("haproxy", "haproxy"), "-f", str(file), "-db"], url):
        yield url, settings
    path.unlink(missing_ok=True)


@contextmanager
def nginx(folder: Path, stacks: Stacks) -> Iterator[tuple[str, dict[str, str]]]:
    port, program = free_port(), installed("nginx", "nginx-light")
    old, new = stacks.old.removeprefix("http://"), stacks.new.removeprefix("http://")
    pool = folder / "pool.conf"
    chosen = 'map "" $stack { default pool; }\n'
    pool.write_text(f"upstream pool {{\n server {old} weight=100;\n server {new} down;\n}}\n{chosen}")
    paths = " ".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = folder / "nginx.conf"
    file.write_text(
        f"daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ {paths} include {pool};\n"
        'log_format panel escape=json \'{"ts":$msec,"upstream":"$upstream_addr"}\';\n'
        f"access_log {folder}/access.log panel; server {{ listen 127.0.0.1:{port};\n"
        "location / { proxy_pass http://$stack; } } }\n"
    )
    allow(program)
    common = f"{program} -c {file} -e {folder}/error.log"
    settings = {
        "kind": "proxy",
        "driver": "nginx",
        "file": str(pool),
        "variable": "stack",
        "pool": "pool",
        "old": old,
        "new": new,
        "test": f"{common} -t",
        "reload": f"{common} -s reload",
        "log": str(folder / "access.log"),
    }
    url = f"http://127.0.0.1:{port}"
    # nginx writes its title over its environment: this way the title tells the keeper whose it is.
    prefix = ["-p", str(FOLDER)]
    with running([program, *prefix, "-c", str(file), "-e", str(folder / "error.log")], url):
        yield url, settings


KINDS: dict[str, Any] = {"caddy": caddy, "haproxy": haproxy, "nginx": nginx}
