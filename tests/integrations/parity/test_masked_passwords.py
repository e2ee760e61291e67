"""Messages of the command line show no password, in whatever form an address contains it."""

from __future__ import annotations

import pytest

from integrations.parity.errors import ParityError
from integrations.parity.masked_passwords import mask_passwords
from integrations.parity.server.snapshot import PostgresServer

SECRET = "correct-horse"


@pytest.mark.parametrize(
    "message",
    [
        "cannot read postgresql://user:{}@host/db",
        "cannot read postgresql://host/db?user=u&password={}&sslmode=require",
        "cannot read host=h password={} dbname=d",
        "cannot read host=h password='{} with spaces' dbname=d",
        "PGPASSWORD={} is wrong",
        "PASSWORD = {}",
    ],
)
def test_a_password_is_masked_in_every_form_of_an_address(message: str) -> None:
    masked = mask_passwords(message.format(SECRET))
    assert SECRET not in masked
    assert "•••" in masked


def test_other_parts_of_a_message_stay() -> None:
    assert mask_passwords("no host in postgresql://user:x@h:5432/db?a=1") == (
        "no host in postgresql://user:•••@h:5432/db?a=1"
    )


def test_characters_that_control_a_terminal_are_removed() -> None:
    assert mask_passwords("a\x1b[2Jb\x07\tc\nd") == "a[2Jb\tc\nd"


@pytest.mark.parametrize("sign", "@/#?")
def test_an_address_torn_by_its_password_is_refused_without_any_part_of_it(sign: str) -> None:
    with pytest.raises(ParityError, match="percent-encoded") as refused:
        PostgresServer.from_url(f"postgresql://keeper-1:first-half{sign}second-half@db-host-7/shop")
    for part in ("keeper-1", "first-half", "second-half", "db-host-7"):
        assert part not in str(refused.value)
