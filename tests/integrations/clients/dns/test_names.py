"""Names and values of records, as people write them, become one form or are refused."""

from __future__ import annotations

import pytest

from integrations.clients.dns import RecordSet
from integrations.clients.dns.names import check_place, full_name, normal_name


@pytest.mark.parametrize(
    ("written", "full"),
    [
        ("www", "www.ex.test"),
        ("WWW.Ex.Test.", "www.ex.test"),
        ("@", "ex.test"),
        ("ex.test", "ex.test"),
        ("*", "*.ex.test"),
        ("*.eu.ex.test", "*.eu.ex.test"),
        ("_dmarc", "_dmarc.ex.test"),
        ("bücher", "xn--bcher-kva.ex.test"),
    ],
)
def test_a_name_of_the_zone_has_one_full_form(written: str, full: str) -> None:
    assert full_name(written, "EX.test.") == full == check_place(written, "ex.test")


@pytest.mark.parametrize("name", ["www.other.test.", "www.other.test", "www.ex.test.org", "a.b", "xex.test"])
def test_a_name_of_another_zone_is_refused_when_the_runbook_is_checked(name: str) -> None:
    with pytest.raises(ValueError, match=r"is not in the zone ex\.test"):
        check_place(name, "ex.test")


@pytest.mark.parametrize(
    "text", ["a..b", "-a", "a b", "a" * 64, "x" * 50 + ".a" * 120, "a.*.b", "", "a\x00b", "a/b", "é\u200d"]
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no DNS name"):
        normal_name(text)


def test_values_are_compared_in_one_form() -> None:
    assert RecordSet.of("X.", "AAAA", 60, ["2001:0DB8::0001", "2001:db8::1"]).values == ("2001:db8::1",)
    assert RecordSet.of("x", "CNAME", 60, ["LB.Bücher.test."]).values == ("lb.xn--bcher-kva.test",)
    assert RecordSet.of("x", "A", 60, [" 192.0.2.1 "]).values == ("192.0.2.1",)
