"""JSON null in required columns is told with its rows; what the default declares is green."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from integrations.preflight import Verdict
from integrations.preflight.checks.data_json import read_kind
from tests.integrations.preflight.projects import run_on

DATABASE = """
CREATE TABLE gifts (id int PRIMARY KEY, info json, tags jsonb NOT NULL DEFAULT '[]', free json, good jsonb);
INSERT INTO gifts SELECT i, CASE WHEN i > 3 THEN 'null'::json ELSE '{}' END, '[]', 'null', '{}'
FROM generate_series(1, 10) i;
UPDATE gifts SET tags = '"word"' WHERE id = 2;
"""
SCRIPT = """
ALTER TABLE gifts ALTER info SET DEFAULT '{}', ALTER info TYPE jsonb, ALTER info SET NOT NULL,
                  ALTER good SET NOT NULL, ADD COLUMN later jsonb NOT NULL DEFAULT '{}';
"""


def test_json_null_in_what_becomes_or_is_required_is_told(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    found = run_on("data.json", tmp_path / "shop", new_database(), DATABASE, SCRIPT)
    assert {subject: each.verdict for subject, each in found.items()} == {
        "shop: gifts.info": Verdict.AMBER,
        "shop: gifts.tags": Verdict.AMBER,
        "shop: gifts.good": Verdict.GREEN,
    }
    info = found["shop: gifts.info"]
    assert info.seen.startswith("7 rows hold JSON null")
    assert info.seen.endswith("For example id=4, id=5, id=6, id=7, id=8.")
    assert info.asked == "Does every value of gifts.info hold an object?"
    assert found["shop: gifts.tags"].seen == "1 rows hold another kind of value. For example id=2."


def test_the_kind_is_that_of_the_default() -> None:
    kinds = {"": "", "'{}'::jsonb": "object", "'[]'": "array", "'1'::json": "", "now()": "", "'{'": ""}
    assert {default: read_kind(default) for default in kinds} == kinds
