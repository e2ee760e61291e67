"""The old application's JSON has the rows of the new API's reads, by the old names."""

from __future__ import annotations

import pytest

from integrations.sandbox.legacy.access import APPLICATION
from integrations.sandbox.legacy_reads import READS, LegacyReads
from integrations.sandbox.serving import Asked
from tests.integrations.sandbox.estates import Estate


@pytest.fixture(scope="module")
def reads(estate: Estate) -> LegacyReads:
    return LegacyReads(estate.url(APPLICATION))


@pytest.mark.parametrize(("path", "name"), [(path, name) for path, (name, _) in READS.items()])
def test_each_read_answers_with_a_list_and_its_length(reads: LegacyReads, path: str, name: str) -> None:
    answer = reads.answer(Asked("GET", path))
    assert answer is not None
    assert answer.status == 200
    assert answer.body["count"] == len(answer.body[name]) > 0


def test_money_is_a_float_and_moments_have_no_zone_as_flask_has_it(reads: LegacyReads) -> None:
    gifts = reads.answer(Asked("GET", "/api/donations")).body["donations"]  # type: ignore[union-attr]
    gift = next(gift for gift in gifts if gift["updated_at"])
    assert isinstance(gift["amount"], float)
    assert "payment_info" in gift
    assert not gift["updated_at"].endswith("Z")


def test_other_paths_are_not_its_own_and_a_lost_database_is_a_500() -> None:
    lost = LegacyReads("postgresql://nobody@127.0.0.1:1/none")
    assert lost.answer(Asked("GET", "/")) is None
    assert lost.answer(Asked("POST", "/api/donations")) is None
    answer = lost.answer(Asked("GET", "/api/donations"))
    assert answer is not None
    assert answer.status == 500
