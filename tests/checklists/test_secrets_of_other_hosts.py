"""An export that one host made is decrypted on another, and encrypted again for all of them."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from checklists.action_context import artefact_store
from integrations import atomic_files
from integrations.credentials import VARIABLE, Credentials, generate_key
from tests.checklists.histories import ended, make_cutover
from tests.integrations.artefacts.s3_server import new_bucket, s3_server
from tests.integrations.artefacts.test_storage_check import environment

pytestmark = pytest.mark.django_db

TEXT = b"NAME=value-of-the-old-environment\n"
OLD, NEW = generate_key(), generate_key()


def run(*arguments: object) -> str:
    out = StringIO()
    call_command("secrets", *map(str, arguments), stdout=out)
    return out.getvalue()


def test_every_host_decrypts_it_and_the_old_key_can_go(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cutover = make_cutover(at="announced")
    with s3_server() as server:
        environment(new_bucket(server, tmp_path), monkeypatch)
        settings.CUTOVER_DATA, key = tmp_path / "a", Credentials([OLD])
        store = artefact_store(cutover)
        path = store.root / "exports" / "legacy-1.env.fernet"
        atomic_files.make_private_folder(path.parent)
        atomic_files.write_file(path, key.encrypt(TEXT))
        store.publish(path)
        ended(cutover, "look", before={"path": str(path)}, facts={"export": {"path": str(path)}})
        (tmp_path / "a").rename(tmp_path / "elsewhere")
        for host, keys in (("b", OLD), ("c", f"{NEW},{OLD}"), ("d", NEW), ("b", NEW)):
            settings.CUTOVER_DATA = tmp_path / host
            monkeypatch.setenv(VARIABLE, keys)
            if host == "c":
                assert "1 encrypted again" in run("reencrypt", cutover.slug, "--by", "ama")
            output = tmp_path / f"{host}-{len(keys)}-{keys[:4]}.env"
            run("decrypt-export", cutover.slug, "look", "--by", "ama", "--output", output)
            assert output.read_bytes() == TEXT
