"""npm's oidc-provider in a process of its own, and a person who uses its pages."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

import requests

from cutover.demo.panel_session import PanelPage
from integrations.sandbox import node
from tests.ports import free_port
from tests.waiting import wait_for

SOURCE = Path(__file__).parent / "oidc_provider"


@dataclass(frozen=True)
class IdentityProvider:
    """Its address, and the process."""

    issuer: str
    process: subprocess.Popen[bytes]


@contextmanager
def running(folder: Path, redirect_uri: str) -> Iterator[IdentityProvider]:
    """The provider, answering; ended afterwards."""
    for name in ("server.mjs", "package.json", "package-lock.json", ".npmrc"):
        (folder / name).write_bytes((SOURCE / name).read_bytes())
    node.install_packages(SOURCE, folder, lambda line: None)
    port = free_port()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["node", "server.mjs", str(port), redirect_uri], cwd=folder, stdout=log, stderr=log
        )
    try:
        wait_for(
            lambda: b"ready" in (folder / "log").read_bytes() or process.poll() is not None,
            message=lambda: (folder / "log").read_text(),
        )
        assert process.poll() is None, (folder / "log").read_text()
        yield IdentityProvider(f"http://localhost:{port}", process)
    finally:
        process.terminate()
        process.wait(20)


def answer_provider(session: requests.Session, url: str, sub: str, back_to: str) -> str:
    """Follows the provider's pages from its authorization address; gives the address that leads back."""
    answer = session.get(url, allow_redirects=False, timeout=20)
    for _ in range(20):
        if location := answer.headers.get("Location"):
            url = urljoin(answer.url, location)
            if url.startswith(back_to):
                return url
            answer = session.get(url, allow_redirects=False, timeout=20)
            continue
        assert answer.status_code == 200, answer.text
        form = PanelPage(answer.url, answer.text).forms[0]
        fields = form.fields | ({"login": sub, "password": "x"} if "login" in form.fields else {})
        answer = session.post(form.action, data=fields, allow_redirects=False, timeout=20)
    raise AssertionError(f"The provider's pages do not end: {answer.url}")
