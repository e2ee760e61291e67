"""The pg_dump that fits the server is chosen; when none fits, each reason is given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from integrations.clients import pgtools, postgres
from integrations.clients.pgtools import Tools
from integrations.errors import Problem
from tests.allowed import allow


def tools(major: int, tls: bool = True) -> Tools:
    return Tools(Path("/x"), major, f"{major}.1", "test", tls)


def test_the_embedded_programs_are_found_and_fit_their_server() -> None:
    chosen = pgtools.choose(18)
    assert chosen.major == 18
    assert chosen.dump.exists()
    assert chosen.restore.exists()


@pytest.mark.parametrize(
    ("client", "server", "options", "reason"),
    [
        (15, 15, {}, ""),
        (16, 15, {}, ""),
        (18, 17, {}, ""),
        (15, 18, {}, "older than the server"),
        (18, 15, {}, "transaction_timeout"),
        (17, 16, {}, "transaction_timeout"),
        (17, 17, {"archive": 18}, "cannot read the archive"),
    ],
)
def test_a_version_fits_or_the_reason_is_given(
    client: int, server: int, options: dict[str, int], reason: str
) -> None:
    said = pgtools.why_unsuitable(tools(client), server, **options)
    assert reason in said if reason else said == ""


def test_a_client_without_tls_is_not_used_where_the_address_asks_for_it() -> None:
    assert "no TLS" in pgtools.why_unsuitable(tools(18, tls=False), 18, sslmode="verify-full")
    assert pgtools.why_unsuitable(tools(18, tls=False), 18, sslmode="prefer") == ""
    assert pgtools.why_unsuitable(tools(18), 18, sslmode="verify-full") == ""


def test_when_no_installation_fits_every_reason_is_given() -> None:
    with pytest.raises(Problem, match="older than the server") as caught:
        pgtools.choose(99)
    assert "postgresql-client-99" in caught.value.next


def test_a_configured_folder_is_the_only_one_tried(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="is not among the programs that a runbook may start"):
        pgtools.choose(18, configured=str(tmp_path))
    allow(tmp_path / "pg_dump", tmp_path / "pg_restore")
    with pytest.raises(Problem, match="None are installed"):
        pgtools.choose(18, configured=str(tmp_path))


def test_an_installation_that_does_not_tell_its_version_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pg_dump", "pg_restore"):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text("#!/bin/sh\nexec sleep 60\n")
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    monkeypatch.setattr(pgtools, "VERSION_SECONDS", 0.3)
    assert pgtools.choose(18).folder != tmp_path / "bin"
    with pytest.raises(Problem) as caught:
        pgtools.choose(99)
    assert f"{tmp_path}/bin (version not known)" in caught.value.means
    assert "pg_dump did not finish within" in caught.value.means


def test_the_password_goes_into_the_environment(new_database: Callable[[], str]) -> None:
    with postgres.connect(new_database()) as server:
        env = pgtools.program_environment(
            "postgresql://u:secret-word@h/d?options=-c%20geqo%3Doff", "a1", server
        )
    assert env["PGPASSWORD"] == "secret-word"
    assert env["PGAPPNAME"] == "cutover:a1"
    assert env["PGOPTIONS"].startswith("-c geqo=off -c tcp_keepalives_idle=5 ")
