"""The mark of a check that no rehearsal has seen fail."""

from __future__ import annotations

import pytest

from checklists.states import AttemptStatus
from tests.checklists.histories import ended, item_of, make_cutover

pytestmark = pytest.mark.django_db


def test_pages_show_the_mark_where_the_check_is_relied_on(browser_of) -> None:
    cutover = make_cutover("looked")
    ama = browser_of("ama")
    gate = item_of(cutover, "go").get_absolute_url()
    for address in (item_of(cutover, "look").get_absolute_url(), gate):
        assert ama.get(address).content.decode().count("data-never-red") == 1, address
    ended(cutover, "look", AttemptStatus.FAILED)
    ended(cutover, "look")
    assert "data-never-red" not in ama.get(gate).content.decode()
