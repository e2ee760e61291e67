"""An action gets the window of its cutover, and a private folder."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from checklists.action_context import build_context
from tests.checklists.histories import make_cutover

pytestmark = pytest.mark.django_db

START = datetime(2026, 11, 29, 1, tzinfo=ZoneInfo("Africa/Accra"))


def test_an_action_knows_the_window_of_its_cutover():
    end = START + timedelta(hours=4)
    context = build_context(make_cutover(window_start=START, window_end=end))
    assert context.window == (START, end)
    assert all(moment.tzinfo is not None for moment in context.window)


def test_a_cutover_with_half_a_window_or_none_gives_none():
    assert build_context(make_cutover()).window is None
    assert build_context(make_cutover(window_start=START)).window is None


def test_the_folder_of_artefacts_is_private():
    assert build_context(make_cutover()).folder.stat().st_mode & 0o777 == 0o700
