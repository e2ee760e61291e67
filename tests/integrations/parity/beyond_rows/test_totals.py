"""Totals per group: rows whose NULL a declared rule explains are counted with those of the default."""

from __future__ import annotations

from integrations.parity.beyond_rows.totals import Groups, GroupTotal, compare_total
from integrations.parity.model.declared import DeclaredRules, parse_rules

TOTAL = GroupTotal("donations", "amount", ("currency", "status"))
BEFORE: Groups = {("NGN", None): (2, "10.5"), ("NGN", "pending"): (1, "4.5"), ("NGN", "failed"): (1, None)}
AFTER: Groups = {("NGN", "pending"): (3, "15"), ("NGN", "failed"): (1, None)}
RULE = {"kind": "null_is_default", "table": "donations", "column": "status", "default": "pending"}


def declared(**changed: object) -> DeclaredRules:
    return DeclaredRules(parse_rules([RULE | changed]))


def test_null_is_counted_with_the_declared_default_and_the_rule_is_named() -> None:
    facts = compare_total(TOTAL, BEFORE, AFTER, declared())
    assert facts["equal"]
    assert facts["declared"] == ["donations.status: NULL is 'pending'"]
    assert {"group": ["NGN", "pending"], "source": [3, "15"], "target": [3, "15"]} in facts["groups"]


def test_without_a_rule_null_is_a_group_of_its_own() -> None:
    for rules in (None, declared(column="currency"), declared(table="gifts")):
        facts = compare_total(TOTAL, BEFORE, AFTER, rules)
        assert not facts["equal"]
        assert "declared" not in facts


def test_the_rule_hides_no_other_difference() -> None:
    wrong: Groups = {**AFTER, ("NGN", "pending"): (3, "15.01")}
    assert not compare_total(TOTAL, BEFORE, wrong, declared())["equal"]
    assert not compare_total(TOTAL, BEFORE, AFTER, declared(default="failed"))["equal"]
