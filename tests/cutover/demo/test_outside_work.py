"""In the demo, a tick does the work that it stands for."""

from __future__ import annotations

import pytest

from checklists import services
from cutover.demo.management.commands.outside_work import do_ticked_work
from cutover.demo.outside_work import NoOutsideWork
from integrations.errors import Problem
from tests.checklists.histories import item_of, make_cutover, person

pytestmark = pytest.mark.django_db


class Workshop(NoOutsideWork):
    """Remembers what was done; what is in ``broken`` fails."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.broken = {"announce"}

    def do(self, key: str) -> None:
        if key in self.broken:
            raise Problem("The provider does not answer.")
        self.did.append(key)


def test_ticked_work_is_done_once_and_tried_again_until_it_succeeds() -> None:
    cutover, outside, done = make_cutover(), Workshop(), set[str]()
    assert do_ticked_work(cutover.slug, outside, done) == []
    services.tick_item(item=item_of(cutover, "announce"), by=person("ama"))
    assert "does not answer" in " ".join(do_ticked_work(cutover.slug, outside, done))
    outside.broken.clear()
    for _ in range(2):
        do_ticked_work(cutover.slug, outside, done)
    assert outside.did == ["announce"]
