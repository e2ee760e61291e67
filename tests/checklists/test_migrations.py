"""What an update does to comparisons that are there already."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection

from checklists.models import RowDifference
from integrations.parity.result import DifferingRow, TableResult
from tests.by_hand import by_hand
from tests.checklists.histories import make_cutover
from tests.checklists.views.test_parity import DIFFERENT, compared

pytestmark = pytest.mark.django_db


def test_examples_of_earlier_comparisons_become_rows_once() -> None:
    keep_rows = import_module("checklists.migrations.0005_rows_of_earlier_comparisons").keep_rows
    cutover = make_cutover("announced")
    odd = TableResult("odd", 1, 1, changed=1, examples=[DifferingRow({}, "changed", {"a": ["1", "2"]})])
    attempt = compared(cutover, DIFFERENT, odd)
    now = _rows()
    with by_hand(), connection.cursor() as cursor:  # as it was before there was such a table
        cursor.execute("DELETE FROM checklists_rowdifference")
    for _ in range(2):
        keep_rows(apps, None)
        assert sorted(_rows()) == sorted(now)
    assert attempt.differences.count() == 4


def _rows() -> list[str]:
    rows = RowDifference.objects.order_by("number")  # the order of columns was not kept in those days
    return [f"{one.table} {one.kind} {one.key} {sorted(one.columns)} {sorted(one.names)}" for one in rows]
