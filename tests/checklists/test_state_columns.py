"""Every column of the panel's own tables is held by a rule of the database, or it is said why by none."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Model

from checklists.models.person_rules import APPROVERS_REQUEST, LEADS_CONFIRM
from checklists.models.record_rules import FROM_THE_TEXT
from checklists.services.change_rules import LEADS, RULES
from checklists.states import ChangeKind
from cutover.database.rights import RIGHTS, Columns
from tests.by_hand import past_rights
from tests.checklists.state_columns import DELETED, FREE, HELD, UNGUARDED_INSERTS, WHOLE_ROW

pytestmark = pytest.mark.django_db
RULES_OF_A_TABLE = """
    SELECT substring(tgname FROM 'pgtrigger_(.*)_[0-9a-f]{5}$'), pg_get_triggerdef(t.oid) || prosrc, tgtype
    FROM pg_trigger t JOIN pg_proc p ON p.oid = tgfoid
    WHERE tgrelid = %s::regclass AND NOT tgisinternal AND tgenabled <> 'D'
"""
_EACH = """
    DO $do$ DECLARE rule record; BEGIN
      FOR rule IN SELECT tgname, tgfoid FROM pg_trigger
        WHERE tgrelid = %(table)s::regclass AND starts_with(tgname, %(rule)s) AND NOT tgisinternal
      LOOP {do} END LOOP;
    END $do$
"""
SWITCH_OFF = _EACH.format(do="EXECUTE format('ALTER TABLE %%I DISABLE TRIGGER %%I', %(table)s, rule.tgname);")
#: Another trigger of that name, which lets everything pass.
EMPTY = _EACH.format(
    do="EXECUTE format('DROP TRIGGER %%I ON %%I', rule.tgname, %(table)s);"
    "EXECUTE 'CREATE OR REPLACE FUNCTION pg_temp.nothing() RETURNS trigger LANGUAGE plpgsql AS "
    "$f$BEGIN RETURN NEW; END$f$';"
    "EXECUTE format('CREATE TRIGGER %%I BEFORE UPDATE ON %%I FOR EACH ROW "
    "EXECUTE FUNCTION pg_temp.nothing()', rule.tgname, %(table)s);"
)
INSERT, DELETE = 4, 8  # bits of pg_trigger.tgtype


def own_models() -> list[type[Model]]:
    """The models of the panel's own apps, whichever are added."""
    inside = [config for config in apps.get_app_configs() if config.path.startswith(str(settings.PROJECT))]
    return [model for config in inside if ".venv" not in config.path for model in config.get_models()]


def rules_of(model: type[Model]) -> dict[str, tuple[str, int]]:
    """Name → text and type of each trigger of its table that is in force."""
    with connection.cursor() as cursor:
        cursor.execute(RULES_OF_A_TABLE, [model._meta.db_table])
        return {name: (text, kind) for name, text, kind in cursor.fetchall()}


def listed(model: type[Model], where: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    for rule, columns in where.get(model.__name__, {}).items():
        yield from ((rule, column) for column in columns.split())


def test_every_column_is_listed_once() -> None:
    wrong = {}
    for model in own_models():
        has = Counter(field.name for field in model._meta.concrete_fields if not field.primary_key)
        said = Counter(column for where in (HELD, FREE) for _, column in listed(model, where))
        if has != said:
            wrong[model.__name__] = {"undecided": sorted(has - said), "no such column": sorted(said - has)}
    assert wrong == {}
    assert {*HELD, *FREE} <= {model.__name__ for model in own_models()}


def columns_held_by_nothing(*models: type[Model]) -> list[str]:
    """Columns whose named rule is not in force, or is not about them."""
    wrong = []
    for model in models:
        rules, may = rules_of(model), RIGHTS[model._meta.db_table].update
        for rule, name in listed(model, HELD):
            text, _ = rules.get(rule, ("", 0))
            column = model._meta.get_field(name).column  # type: ignore[union-attr]  # a concrete field
            changes = may is Columns.ALL or column in may
            is_named = re.search(rf"\b{column}\b", text)
            refuses = "RAISE EXCEPTION" in text.upper()  # by any other text it only has the name of a rule
            if not refuses or not (is_named or (rule in WHOLE_ROW and not changes)):
                wrong.append(f"{model.__name__}.{name}: {rule}")
    return wrong


def test_each_named_rule_is_in_force_and_is_about_the_column() -> None:
    assert columns_held_by_nothing(*own_models()) == []


def test_a_rule_that_is_taken_out_of_the_database_is_missed() -> None:
    """Each rule is switched off in turn, and then left without its words."""
    unnoticed = []
    for model in own_models():
        for rule in HELD.get(model.__name__, {}):
            for way in (SWITCH_OFF, EMPTY):
                with atomic_and_undone(), past_rights(), connection.cursor() as cursor:
                    cursor.execute(way, {"table": model._meta.db_table, "rule": f"pgtrigger_{rule}_"})
                    if not any(one.endswith(f": {rule}") for one in columns_held_by_nothing(model)):
                        unnoticed.append(f"{model.__name__}: {rule}")
    assert unnoticed == []


@contextmanager
def atomic_and_undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def test_no_table_of_history_loses_rows() -> None:
    wrong = []
    for model in own_models():
        keeps = {name for name, (_, kind) in rules_of(model).items() if kind & DELETE}
        if model.__name__ in DELETED:
            if DELETED[model.__name__] and DELETED[model.__name__] not in keeps:
                wrong.append(model.__name__)
        elif RIGHTS[model._meta.db_table].delete:
            wrong.append(model.__name__)
    assert wrong == []


def test_new_rows_are_looked_at_before_they_count() -> None:
    """A table whose rows are only added holds nothing if everybody may add to it."""
    guarded = {model for model in own_models() for _, kind in rules_of(model).values() if kind & INSERT}
    wanted = {model for model in own_models() if model.__name__ in HELD}
    assert {model.__name__ for model in wanted - guarded} == UNGUARDED_INSERTS.keys() & HELD.keys()


def test_the_database_knows_who_may_request_and_confirm_which_change() -> None:
    assert {kind for kind, rule in RULES.items() if rule.may_request != LEADS} == set(APPROVERS_REQUEST)
    assert {kind for kind, rule in RULES.items() if rule.may_confirm == LEADS} == set(LEADS_CONFIRM)
    assert set(ChangeKind) == set(RULES)


def test_what_comes_from_the_text_is_what_an_amendment_writes() -> None:
    changed = set(listed_columns("Cutover", "changes_with_its_entry")) - {"window_start", "window_end"}
    assert {name.removesuffix("_id") for name in FROM_THE_TEXT} == changed


def listed_columns(model: str, rule: str) -> list[str]:
    return HELD[model][rule].split()
