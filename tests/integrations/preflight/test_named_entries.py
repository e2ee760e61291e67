"""Every parameter that names tables or columns is read, and what is malformed names nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from integrations.actions import JSONValueField, registry
from integrations.preflight import Verdict, item_queries, registered_checks
from integrations.preflight.named_entries import READERS, read_named_entries
from tests.integrations.preflight.scopes import planned, run_check, scope_of

#: Parameters with lists or mappings whose names of tables and columns another check of `rules.` reads.
BY_OTHER_CHECKS = {
    *(
        (action, name)
        for action in ("parity.fingerprint", "parity.compare")
        for name in ("declared", "personal", "checks")
    ),
    ("parity.compare", "harmless"),
    ("rollback.assess", "declared"),
    ("prisma.align_rehearse", "defaults"),
    ("prisma.align_rehearse", "may_lose"),
    ("prisma.baseline", "may_lack"),
    ("prisma.present", "migrations"),
    ("prisma.present", "seeds"),
}
#: Actions that ask a database and have lists that name no table.
NO_NAMES = {
    (
        "parity.fingerprint",
        "schemas",
    ): "names of schemas; a wrong one makes an empty comparison, which is red",
    ("parity.compare", "schemas"): "as above",
    ("parity.compare", "judge"): "kinds of objects; the form refuses one that does not exist",
    ("parity.compare", "tables"): "patterns; the comparison refuses one that matches no table",
    ("parity.compare", "exclude"): "as above",
    ("parity.compare", "where"): "as above",
    ("login.canary", "register"): "what is sent to the API",
    ("sql.check", "rows"): "values that a query has to give",
    ("dualrun.watch", "reads"): "paths and fields of answers",
    ("dualrun.watch", "money"): "paths and fields of answers",
    ("dualrun.watch", "providers"): "names of systems",
    ("dualrun.watch", "bounds"): "numbers",
    ("dualrun.watch", "services"): "names of services",
}
#: Actions that use a database for something else; their queries are read by `item_queries`.
USES_NO_NAMES = {
    "decommission.archive",
    "http.smoke",
    "pages.check",
    "secrets.revoked",
    "service.stop",
    "stack.provision",
    "webhooks.check",
}
ASKS_A_DATABASE = ("database", "source", "prisma")


def structured_parameters() -> Iterator[tuple[str, str]]:
    for key, action in registry().items():
        fields = action.Params.base_fields
        if key not in USES_NO_NAMES and any(name in fields for name in ASKS_A_DATABASE):
            yield from ((key, name) for name, field in fields.items() if isinstance(field, JSONValueField))


def test_every_list_of_an_action_that_asks_a_database_is_read_or_names_no_table() -> None:
    read = {(action, name) for action, readers in READERS.items() for name in readers}
    assert set(structured_parameters()) - read - BY_OTHER_CHECKS - NO_NAMES.keys() == set()
    assert {"rules.names", "rules.comparisons", "rules.decisions", "rules.queries"} <= set(
        registered_checks()
    )


@pytest.mark.parametrize(
    "given", [None, "", 7, "text", [], {}, ["x"], [7], {"table": ["x"]}, [{"table": None}]]
)
def test_malformed_parameters_name_nothing_and_raise_nothing(given: Any) -> None:
    scope = scope_of({})
    for action, readers in READERS.items():
        for name in readers:
            (item,) = planned(item=(action, {name: given})).values()
            read_named_entries(scope, item)
    for action, queries in item_queries.READERS.items():
        for name in queries:
            (item,) = planned(item=(action, {name: given})).values()
            item_queries.read_item_queries(scope, item)


def test_a_place_is_written_as_in_the_file() -> None:
    (item,) = planned(
        item=("parity.compare", {"spots": [{"table": "a", "key": {"id": 1}, "columns": ["b"]}]})
    ).values()
    entries = [(each.place, str(each)) for each in read_named_entries(scope_of({}), item)]
    assert entries == [("spots[0].table", "a"), ("spots[0].key.id", "a.id"), ("spots[0].columns[0]", "a.b")]


def test_queries_are_found_wherever_an_item_holds_them() -> None:
    params = {
        "parity.compare": {"checks": [{"name": "n", "sql": "select 1"}]},
        "http.smoke": {"reads": ["/x", {"path": "/y", "count": "a.b"}, {"path": "/z", "count": "select 2"}]},
        "pages.check": {"pages": [{"path": "/", "figures": [{"after": "x", "query": "select 3"}]}]},
        "webhooks.check": {"booked": "select status from gifts where id = %(id)s"},
    }
    found = {}
    for action, given in params.items():
        (item,) = planned(item=(action, given)).values()
        found |= dict(item_queries.read_item_queries(scope_of({}), item))
    assert found == {
        "checks[0].sql": "select 1",
        "reads[1].count": "SELECT count(*) FROM a.b",
        "reads[2].count": "select 2",
        "pages[0].figures[0].query": "select 3",
        "booked": "select status from gifts where id = NULL",
    }


def test_a_variable_that_is_not_set_hides_its_own_item_only() -> None:
    spots = [{"table": "a", "key": {"id": "${NOT_SET}"}}]
    items = planned(
        compare=("parity.compare", {"spots": spots, "checks": [{"name": "n", "sql": "${NOT_SET}"}]})
    )
    for check in ("rules.names", "rules.queries"):
        (result,) = run_check(check, scope_of({}, items=items)).values()
        assert result.verdict == Verdict.UNKNOWN
        assert "NOT_SET" in result.seen
        assert result.items == ("compare",)
