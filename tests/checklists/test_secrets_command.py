"""Secrets at rest survive a change of keys, and an export is opened for its lead only, on the record."""

from __future__ import annotations

import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from checklists.models import AuditEntry, Cutover
from checklists.record.chain import verify
from integrations.credentials import VARIABLE, Credentials, generate_key
from tests.checklists.histories import ended, make_cutover, person

pytestmark = pytest.mark.django_db

TEXT = b"SECRET_KEY='old-and-secret-value'\nNAME=caf\xe9\n"  # an environment file need not be UTF-8
OLD, NEW = generate_key(), generate_key()


@pytest.fixture(autouse=True)
def _data_folder(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CUTOVER_DATA = tmp_path / "data"
    monkeypatch.setenv(VARIABLE, OLD)


@pytest.fixture
def cutover() -> Cutover:
    return make_cutover(at="announced")


@pytest.fixture
def export(cutover: Cutover, tmp_path: Path) -> Path:
    """An environment file that the item “look” exported under the old key."""
    path = tmp_path / "legacy-1.env.fernet"
    path.write_bytes(Credentials([OLD]).encrypt(TEXT))
    path.chmod(0o600)
    ended(cutover, "look", before={"path": str(path)}, facts={"export": {"path": str(path)}})
    return path


@pytest.fixture
def copy(cutover: Cutover, tmp_path: Path) -> Path:
    """A write-protected copy of a backup, kept in a second place by an attempt that was lost afterwards."""
    path = tmp_path / "backup-1.tar.fernet"
    path.write_bytes(Credentials([OLD]).encrypt(b"a tar"))
    path.chmod(0o400)
    ended(cutover, "restore", before={"target": str(path)})
    return path


def run(*arguments: object) -> str:
    out = StringIO()
    call_command("secrets", *map(str, arguments), stdout=out)
    return out.getvalue()


def entries(cutover: Cutover, kind: str) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(cutover=cutover, kind=kind))


def test_a_new_key_is_one_that_encrypts() -> None:
    kept = Credentials([run("new-key").strip()])
    assert kept.decrypt(kept.encrypt(b"x")) == b"x"


def test_everything_is_encrypted_again_and_the_old_key_can_go(
    cutover: Cutover, export: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, f"{NEW},{OLD}")
    assert "2 encrypted again, 0 under the newest key already" in run("reencrypt", "--by", "ama")
    new = Credentials([NEW])
    assert (new.decrypt(export.read_bytes()), new.decrypt(copy.read_bytes())) == (TEXT, b"a tar")
    assert (export.stat().st_mode & 0o777, copy.stat().st_mode & 0o777) == (0o600, 0o400)
    (entry,) = entries(cutover, "secrets.reencrypted")
    assert (entry.actor, entry.payload["files"]) == ("ama", [copy.name, export.name])
    assert verify(cutover).ok


def test_a_second_run_changes_nothing_and_records_nothing(
    cutover: Cutover, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, f"{NEW},{OLD}")
    run("reencrypt", cutover.slug, "--by", "ama")
    token = export.read_bytes()
    assert "0 encrypted again, 1 under the newest key already" in run(
        "reencrypt", cutover.slug, "--by", "ama"
    )
    assert export.read_bytes() == token
    assert len(entries(cutover, "secrets.reencrypted")) == 1


def test_a_file_that_no_key_opens_is_left_and_named_and_the_others_go_on(
    cutover: Cutover, export: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = Credentials([generate_key()]).encrypt(b"another panel's")
    export.write_bytes(foreign)
    monkeypatch.setenv(VARIABLE, f"{NEW},{OLD}")
    with pytest.raises(CommandError, match=export.name):
        run("reencrypt", "--by", "ama")
    assert export.read_bytes() == foreign
    assert Credentials([NEW]).decrypt(copy.read_bytes()) == b"a tar"


def test_a_file_on_another_host_is_named(cutover: Cutover, export: Path) -> None:
    export.unlink()
    said = run("reencrypt", "--by", "ama")
    assert "1 not here" in said
    assert str(export) in said


def test_without_keys_nothing_is_touched(
    cutover: Cutover, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = export.read_bytes()
    monkeypatch.setenv(VARIABLE, "")
    with pytest.raises(CommandError, match=f"{VARIABLE} is not set"):
        run("reencrypt", "--by", "ama")
    assert export.read_bytes() == token


def test_an_export_is_decrypted_into_a_private_file_and_recorded(
    cutover: Cutover, export: Path, tmp_path: Path
) -> None:
    output = tmp_path / "old.env"
    said = run("decrypt-export", cutover.slug, "look", "--by", "ama", "--output", output)
    assert output.read_bytes() == TEXT
    assert output.stat().st_mode & 0o777 == 0o600
    (entry,) = entries(cutover, "secrets.decrypted")
    assert (entry.actor, entry.payload["item"], entry.payload["file"]) == ("ama", "look", export.name)
    assert "secret-value" not in said + str(entry.payload)


def test_an_export_goes_to_a_pipe_byte_for_byte(
    cutover: Cutover, export: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    run("decrypt-export", cutover.slug, "look", "--by", "ama")
    assert capsysbinary.readouterr().out == TEXT


def refused(cutover: Cutover, match: str, *arguments: object) -> None:
    """The command is refused in these words, and the record holds no entry of it."""
    with pytest.raises(CommandError, match=match):
        run("decrypt-export", cutover.slug, *arguments)
    assert entries(cutover, "secrets.decrypted") == []


def test_values_are_not_shown_on_a_terminal(
    cutover: Cutover, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    refused(cutover, "would show on this terminal", "look", "--by", "ama")


def test_a_file_is_not_overwritten(cutover: Cutover, export: Path, tmp_path: Path) -> None:
    output = tmp_path / "old.env"
    output.write_text("mine")
    refused(cutover, "exists already", "look", "--by", "ama", "--output", output)
    assert output.read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("look", "--by", "efua"), "Only a migration lead"),
        (("look", "--by", "stranger"), "You have no part"),
        (("look", "--by", "nobody"), "no active account called nobody"),
        (("announce", "--by", "ama"), "has left no export"),
        (("lok", "--by", "ama"), "has no item lok"),
    ],
)
def test_who_may_not_and_what_is_no_export_is_refused(
    cutover: Cutover, export: Path, tmp_path: Path, arguments: tuple[str, ...], match: str
) -> None:
    person("stranger")
    refused(cutover, match, *arguments, "--output", tmp_path / "old.env")
    assert not (tmp_path / "old.env").exists()


def lose_the_key(export: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, NEW)


def lose_the_file(export: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export.unlink()


@pytest.mark.parametrize(
    ("accident", "match"), [(lose_the_key, "cannot be decrypted"), (lose_the_file, "is no longer on")]
)
def test_without_its_key_or_its_file_an_export_stays_closed(
    accident: Callable[[Path, pytest.MonkeyPatch], None],
    match: str,
    cutover: Cutover,
    export: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    accident(export, monkeypatch)
    refused(cutover, match, "look", "--by", "ama", "--output", tmp_path / "old.env")
