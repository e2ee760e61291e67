"""The pg_dump that suits the server is chosen, and none is with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrations.clients import pgtools
from integrations.clients.pgtools import Tools
from integrations.errors import Problem


def tools(major: int, tls: bool = True) -> Tools:
    return Tools(Path("/x"), major, f"{major}.1", "test", tls)


def test_the_embedded_programs_are_found_and_suit_their_server() -> None:
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
def test_versions_fit_or_the_reason_is_said(
    client: int, server: int, options: dict[str, int], reason: str
) -> None:
    said = pgtools.unsuited(tools(client), server, **options)
    assert reason in said if reason else said == ""


def test_a_client_without_tls_is_not_used_where_the_address_asks_for_it() -> None:
    assert "no TLS" in pgtools.unsuited(tools(18, tls=False), 18, sslmode="verify-full")
    assert pgtools.unsuited(tools(18, tls=False), 18, sslmode="prefer") == ""
    assert pgtools.unsuited(tools(18), 18, sslmode="verify-full") == ""


def test_none_that_suits_is_a_problem_with_every_reason() -> None:
    with pytest.raises(Problem, match="older than the server") as caught:
        pgtools.choose(99)
    assert "postgresql-client-99" in caught.value.next


def test_a_configured_folder_is_the_only_one_tried(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="None are installed"):
        pgtools.choose(18, configured=str(tmp_path))


def test_the_password_goes_into_the_environment() -> None:
    env = pgtools.program_environment("postgresql://u:secret-word@h/d", "a1")
    assert env["PGPASSWORD"] == "secret-word"
    assert env["PGAPPNAME"] == "cutover:a1"
