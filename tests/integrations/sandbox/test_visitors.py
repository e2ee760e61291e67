"""Visitors go where the public name leads, and keep an answer as long as it says."""

from __future__ import annotations

from pathlib import Path

from integrations.clients.dns import RecordSet, get_zone
from integrations.sandbox.visitors import Address
from integrations.systems import Systems
from tests.integrations.clients.dns.servers import ZONE, updated


def test_a_name_that_was_pointed_elsewhere_is_followed_when_its_time_is_over(tmp_path: Path) -> None:
    with updated(tmp_path, "python") as settings:
        systems = Systems({"zone": settings}, {})
        zone = get_zone(systems["zone"], systems)
        first = zone.read("www", "A")
        zone.replace(first, RecordSet.of(first.name, "A", 1, ["127.0.0.1"]))
        environ = {
            "PUBLIC_URL": "http://127.0.0.1:8",
            "PUBLIC_NAME": f"www.{ZONE}",
            "NAME_SERVER": settings["server"],
        }
        address = Address(environ)
        assert address.now() == "http://127.0.0.1:8"
        zone.replace(zone.read("www", "A"), RecordSet.of(first.name, "A", 1, ["127.0.0.2"]))
        assert address.now() == "http://127.0.0.1:8", "the old answer still holds"
        address.until = 0.0
        assert address.now() == "http://127.0.0.2:8"
    address.until = 0.0
    assert address.now() == "http://127.0.0.2:8", "a silent name server changes nothing"


def test_without_a_name_the_address_is_what_it_is() -> None:
    assert Address({"PUBLIC_URL": "http://127.0.0.1:8"}).now() == "http://127.0.0.1:8"
