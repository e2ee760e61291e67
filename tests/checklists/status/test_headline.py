"""Where a cutover stands, in one sentence, while nothing can be started."""

from __future__ import annotations

import pytest

from checklists.board import Board
from checklists.models import ChangeRequest
from checklists.status.headline import headline
from tests.by_hand import by_hand
from tests.checklists.services.test_windows import production

pytestmark = pytest.mark.django_db


def test_before_the_window_it_names_the_next_item_and_the_hour() -> None:
    cutover = production()
    opens = cutover.window_start.astimezone(cutover.zone)
    said = headline(Board.load(cutover))
    assert said.startswith("2.1 Change it is next, once the window opens at ")
    assert f"{opens:%H:%M} on {opens.day} {opens:%B}" in said


def test_within_the_window_it_is_simply_the_next_item() -> None:
    assert headline(Board.load(production(start=-1))) == "Nothing runs. Next is 2.1 Change it."


def test_what_holds_an_item_is_quoted_when_it_is_no_other_item() -> None:
    cutover = production(start=-1)
    with by_hand():
        ChangeRequest.objects.filter(cutover=cutover).delete()
    said = headline(Board.load(cutover))
    assert said.startswith("2.1 Change it cannot start: The text of this runbook")
